"""Looks at a log one after another, each strictly as of its own time: what detection would have said then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gnn.network import Network
from graphsvc.config import Settings
from graphsvc.jobs.observe import Report, observe, quiet
from graphsvc.ledger import open_ledger
from graphsvc.links.tables import LinkTables
from graphsvc.links.view import LinkView

if TYPE_CHECKING:
    from gnn.ensemble import Model


@dataclass(frozen=True)
class Look:
    """What detection says as of `as_of_ms`: of N accounts `score` float32[N] and `clusters` int64[N] (-1 for none), of
    C clusters `probability` float32[C] and `kinds`; and what it was said of."""

    as_of_ms: int
    account_ids: list[str]
    score: npt.NDArray[np.float32]
    clusters: npt.NDArray[np.int64]
    probability: npt.NDArray[np.float32]
    kinds: list[str]
    view: LinkView
    network: Network


def moments(settings: Settings, count: int, as_of_ms: int) -> list[int]:
    """So many moments, the last of them `as_of_ms`, between which equally many events occurred; none where there are no
    events by then. By the clock most moments would lie before a log whose oldest accounts signed up long ago. The link
    tables must be up to date."""
    shares = [number / count for number in range(1, count)]
    found = LinkTables(settings.places.links).moments([*shares, 1.0], as_of_ms)
    return sorted({*found[:-1], as_of_ms}) if found else []


def looks(settings: Settings, model: Model, at_ms: Sequence[int], report: Report) -> Iterator[Look]:
    """A look at each of the moments. Every look is made anew from the link tables, which must be up to date: of events
    that had occurred by then, whenever they arrived, and of labels that had been decided by then, and nothing else.

    Raises BadInput for a moment before the first event.
    """
    from gnn.predict import predict

    with closing(open_ledger(settings)) as ledger:
        tables = LinkTables(settings.places.links)
        for number, moment_ms in enumerate(at_ms):
            report(f"look {number + 1} of {len(at_ms)}", number / len(at_ms))
            observed = observe(tables, ledger, moment_ms, quiet)
            network = observed.network
            said = predict(model, network)
            yield Look(
                as_of_ms=moment_ms,
                account_ids=network.accounts["account_id"].to_pylist(),
                score=said.account_probability,
                clusters=said.clusters.astype(np.int64),
                probability=said.cluster_probability,
                kinds=said.cluster_kind,
                view=observed.view,
                network=network,
            )
