"""What the pages need of the service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graphsvc.cases.keys import ApiKey
from graphsvc.cases.shown import DecisionReader
from graphsvc.clusters.results import ResultsReader
from graphsvc.graph.picture import ClusterGraph
from graphsvc.jobs.drift import Kept as Drift


@dataclass(frozen=True)
class Parts:
    """`graph` gives the picture of a cluster id with at most so many nodes, and raises Unavailable without a database.
    `check_key` knows good API keys; `check_token` takes a one-time token and says whether it was good; `document` is
    the OpenAPI document; `decisions` are what people decided; `drift` reads what the last detection measured of it, or
    None."""

    results: ResultsReader
    graph: Callable[[str, int], ClusterGraph]
    check_key: Callable[[str], ApiKey | None]
    check_token: Callable[[str], bool]
    document: Callable[[], dict[str, Any]]
    decisions: DecisionReader
    drift: Callable[[], Drift | None]
