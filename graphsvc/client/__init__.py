"""A small client of the service, for the path of a signup: an answer in time, whatever happens to the service.

It needs httpx and nothing else of this package. docs/client.md shows how it is used.
"""

from __future__ import annotations

from graphsvc.client.answers import (
    Outcome,
    Refused,
    RiskAnswer,
    RiskCluster,
    RiskReason,
    Sent,
    Told,
)
from graphsvc.client.asynchronous import AsyncRiskClient
from graphsvc.client.blocking import RiskClient
from graphsvc.client.errors import Misuse
from graphsvc.client.options import Options

__all__ = [
    "AsyncRiskClient",
    "Misuse",
    "Options",
    "Outcome",
    "Refused",
    "RiskAnswer",
    "RiskClient",
    "RiskCluster",
    "RiskReason",
    "Sent",
    "Told",
]
