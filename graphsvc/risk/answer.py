"""What the risk endpoint answers: the fields of the contract."""

from __future__ import annotations

from enum import Enum
from typing import Literal

from msgspec import Struct

RiskLevel = Literal["low", "medium", "high", "critical"]
Action = Literal["allow", "review", "challenge", "deny"]
LEVELS: tuple[RiskLevel, ...] = ("low", "medium", "high", "critical")


class Outcome(Enum):
    """What became of an assessed account. Abusive and benign become labels; the others are only remembered."""

    ABUSIVE = "abusive"
    BENIGN = "benign"
    CHALLENGE_PASSED = "challenge_passed"
    CHALLENGE_FAILED = "challenge_failed"
    ABANDONED = "abandoned"


class Reason(Struct, frozen=True):
    """One thing that counted. `shared_with` other accounts have the identifier, `shared_with_confirmed` of them are
    confirmed abusive; `identifier_type` is null where the reason is no shared identifier."""

    code: str
    text: str
    bits: float
    identifier_type: str | None
    shared_with: int
    shared_with_confirmed: int


class RiskCluster(Struct, frozen=True):
    """The cluster that the account is in, or that its identifiers tie it to. `probability` is that of being abusive."""

    id: str
    kind: str
    probability: float
    size: int


class Assessment(Struct, frozen=True):
    """`graph_as_of` is the moment of the last detection (RFC 3339), null before the first one."""

    assessment_id: str
    account_id: str
    probability: float
    risk_level: RiskLevel
    recommended_action: Action
    reasons: tuple[Reason, ...]
    cluster: RiskCluster | None
    model_version: str
    graph_as_of: str | None
    degraded: bool
    degraded_reasons: tuple[str, ...]
    latency_ms: float
