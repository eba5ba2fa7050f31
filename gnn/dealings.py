"""What accounts do to each other by direct links of one type, as features: how much, to how many, how lately, by whom.

A direct link has a direction and a weight, which may be negative: a rating, a payment, a transfer. An account is told
by what it received and by what it gave, and by what those at the other end received and gave themselves. Among it are
fairness and goodness (Kumar et al. 2016): who is rated well by those who rate as others do. Every fact is the account's
place among all accounts of the network (0 to 1), so that neither the unit nor the age of a log matters.

Of several links of one type from one account to another the first time and the largest weight are known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from gnn.adjacency import DAY_MS
from gnn.kernels import mean_ranks
from gnn.network import Network, column

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

ENDS = ("received", "given")
WINDOWS_DAYS = (30, 120)
"""A month and a season: what is new beside what is long known."""
FACTS = (
    *("count", "sum", "mean", "least", "most", "spread", "against", "against_share", "last", "quiet", "age"),
    *(f"{fact}_{days}d" for days in WINDOWS_DAYS for fact in ("count", "sum", "against")),
    *("others_goodness", "others_fairness", "others_dealings", "others_against", "others_harsh", "weighed"),
)
COLUMNS = (*(f"{end}_{fact}" for end in ENDS for fact in FACTS), "goodness", "fairness")
ROUNDS = 20
"""Fairness and goodness settle to the third decimal in ten."""
FULL_WEIGHT = 0.99
"""The share of weights below that which counts as 1: one huge transfer must not make all others nothing."""
_DECIMALS = 9
"""Sums of the same numbers in another order are equal to so many."""


@dataclass(frozen=True)
class Deals:
    """Direct links of one type: `source` and `target` int64[E] rows of accounts, `weight` float64[E] within -1 and 1,
    `at_ms` int64[E]; of so many accounts, as of a moment."""

    source: Longs
    target: Longs
    weight: Doubles
    at_ms: Longs
    accounts: int
    as_of_ms: int

    def total(self, end: Longs, values: Doubles | Bools | None = None) -> Doubles:
        """float64[N]: the sum of values [E] over the links of each account, without values their number."""
        return np.bincount(end, values, minlength=self.accounts).astype(np.float64)

    def mean(self, end: Longs, values: Doubles) -> Doubles:
        """float64[N]: the mean of values [E] over the links of each account, 0 where it has none."""
        return self.total(end, values) / np.maximum(self.total(end), 1.0)


@dataclass(frozen=True)
class Worth:
    """What is thought of accounts and of what they think, float64[N] each: `goodness` -1..1 and `fairness` 0..1 of
    Kumar et al. 2016, `dealings` the logarithm of how many links it has, `against` and `harsh` the shares of links
    received and given that are negative, drawn towards none."""

    goodness: Doubles
    fairness: Doubles
    dealings: Doubles
    against: Doubles
    harsh: Doubles


def has_deals(network: Network, name: str) -> bool:
    """Whether accounts have direct links of a type."""
    return bool(pc.any(pc.equal(network.peers["type"], name)).as_py())


def dealings(network: Network, name: str) -> Floats:
    """float32[N, len(COLUMNS)]: what the direct links of type `name` tell of each account."""
    deals = deals_of(network, name)
    worth = worth_of(deals)
    sides = ((deals.target, deals.source), (deals.source, deals.target))
    facts = [fact for end, other in sides for fact in _facts(deals, worth, end, other)]
    return np.stack([_place(fact) for fact in (*facts, worth.goodness, worth.fairness)], axis=1)


def deals_of(network: Network, name: str) -> Deals:
    """The direct links of a type."""
    rows = network.peers.filter(pc.equal(network.peers["type"], name))
    weight = column(rows, "weight", np.float64)
    full = np.quantile(np.abs(weight), FULL_WEIGHT, method="inverted_cdf") if len(weight) else 0.0
    return Deals(
        source=column(rows, "source", np.int64),
        target=column(rows, "target", np.int64),
        weight=np.clip(weight / full, -1.0, 1.0) if full > 0 else weight,
        at_ms=column(rows, "first_ms", np.int64),
        accounts=network.account_count,
        as_of_ms=network.as_of_ms,
    )


def worth_of(deals: Deals) -> Worth:
    """By all links; fairness and goodness in turns, each from the other."""
    source, target, weight = deals.source, deals.target, deals.weight
    fairness = np.ones(deals.accounts)
    goodness = np.zeros(deals.accounts)
    for _ in range(ROUNDS):
        goodness = deals.mean(target, fairness[source] * weight)
        fairness = 1.0 - deals.mean(source, np.abs(weight - goodness[target]) / 2.0)
    received, given, against = deals.total(target), deals.total(source), weight < 0
    return Worth(
        goodness,
        fairness,
        np.log1p(received + given),
        deals.total(target, against) / (received + 1.0),
        deals.total(source, against) / (given + 1.0),
    )


def _facts(deals: Deals, worth: Worth, end: Longs, other: Longs) -> list[Doubles]:
    """FACTS of the accounts at one end of their links, float64[N] each."""
    count, mean = deals.total(end), deals.mean(end, deals.weight)
    spread = np.sqrt(np.maximum(deals.mean(end, deals.weight**2) - mean**2, 0.0))
    against = deals.total(end, deals.weight < 0)
    out = [count, deals.total(end, deals.weight), mean, *_bounds(deals, end), spread, against, against / (count + 1.0)]
    out += _times(deals, end)
    for days in WINDOWS_DAYS:
        out += _since(deals, end, deals.as_of_ms - days * DAY_MS)
    others = (worth.goodness, worth.fairness, worth.dealings, worth.against, worth.harsh)
    out += [deals.mean(end, values[other]) for values in others]
    return [*out, deals.mean(end, deals.weight * worth.goodness[other])]


def _bounds(deals: Deals, end: Longs) -> tuple[Doubles, Doubles]:
    """The least and the largest weight; 0 where there is none."""
    least, most = np.full(deals.accounts, np.inf), np.full(deals.accounts, -np.inf)
    np.minimum.at(least, end, deals.weight)
    np.maximum.at(most, end, deals.weight)
    return np.where(np.isfinite(least), least, 0.0), np.where(np.isfinite(most), most, 0.0)


def _times(deals: Deals, end: Longs) -> tuple[Doubles, Doubles, Doubles]:
    """The weight of the newest link, and how long ago it and the oldest were; without any, as if from before all."""
    newest = np.zeros(deals.accounts)
    order = np.lexsort((deals.weight, deals.at_ms))
    newest[end[order]] = deals.weight[order]
    begun = int(deals.at_ms.min(initial=deals.as_of_ms))
    last, first = np.full(deals.accounts, begun, np.int64), np.full(deals.accounts, deals.as_of_ms, np.int64)
    np.maximum.at(last, end, deals.at_ms)
    np.minimum.at(first, end, deals.at_ms)
    return newest, (deals.as_of_ms - last).astype(np.float64), (deals.as_of_ms - first).astype(np.float64)


def _since(deals: Deals, end: Longs, since_ms: int) -> tuple[Doubles, Doubles, Doubles]:
    new = deals.at_ms > since_ms
    end, weight = end[new], deals.weight[new]
    return deals.total(end), deals.total(end, weight), deals.total(end, weight < 0)


def _place(values: Doubles) -> Floats:
    """The share of accounts below each one, equals counting half."""
    rounded = np.round(values, _DECIMALS)
    ranks: Doubles = mean_ranks(np.argsort(rounded), rounded)
    return ((ranks - 0.5) / max(len(values), 1)).astype(np.float32)
