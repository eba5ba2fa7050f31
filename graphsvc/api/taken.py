"""One cluster in whole: its facts as the list has them, and the statement of what it took."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from graphsvc.api.answers import Cluster, cluster, rfc3339
from graphsvc.clusters import taken as kept
from graphsvc.clusters.results import ClusterRow, EvidenceRow


class TakenShare(Struct, frozen=True):
    """An area, a technique or a model. `share` is of the exchanges whose text was seen; of a model, of all."""

    name: str
    accounts: int
    exchanges: int
    input_tokens: int
    output_tokens: int
    share: float


class TakenAmount(Struct, frozen=True):
    """`starts`: the Monday, 0:00 UTC, that begins the (first) week; the most taken stand first."""

    starts: str
    accounts: int
    exchanges: int
    input_tokens: int
    output_tokens: int
    areas: list[TakenShare]
    techniques: list[TakenShare]
    models: list[TakenShare]


class Taken(Struct, frozen=True):
    """What a cluster took in all and in each week with an exchange; `total` is null for nothing.

    `breadth_bits`: entropy of the areas asked about; `uniformity`, 0 to 1: how like a template its prompts are, by
    their words or by repeating one another.
    """

    sentence: str
    breadth_bits: float
    uniformity: float
    total: TakenAmount | None
    weeks: list[TakenAmount]


class ClusterDetail(Cluster, frozen=True):
    """A cluster with what it took; null where the run kept nothing of that."""

    taken: Taken | None


def cluster_detail(row: ClusterRow, top: list[EvidenceRow], taken: kept.Taken | None) -> ClusterDetail:
    facts = msgspec.structs.asdict(cluster(row, top))
    return ClusterDetail(**facts, taken=None if taken is None else _taken(taken))


def _taken(taken: kept.Taken) -> Taken:
    return Taken(
        sentence=taken.sentence,
        breadth_bits=taken.breadth_bits,
        uniformity=taken.uniformity,
        total=_amount(taken.whole) if taken.weeks else None,
        weeks=[_amount(week) for week in taken.weeks],
    )


def _amount(amount: kept.Amount) -> TakenAmount:
    return TakenAmount(
        rfc3339(amount.starts_ms),
        amount.accounts,
        amount.exchanges,
        amount.input_tokens,
        amount.output_tokens,
        _shares(amount.areas),
        _shares(amount.techniques),
        _shares(amount.models),
    )


def _shares(shares: tuple[kept.Share, ...]) -> list[TakenShare]:
    return [
        TakenShare(one.name, one.accounts, one.exchanges, one.input_tokens, one.output_tokens, round(one.share, 4))
        for one in shares
    ]
