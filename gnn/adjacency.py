"""Links as arrays for fast passes: by account, by identifier, and account to account."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from gnn.kernels import grouped, near_in_time, sort_by_time
from gnn.network import Network, column
from gnn.threads import in_parts

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


DAY_MS = 24 * 3_600_000
POPULATION_MIN = 10_000
"""Bits of a smaller log are reckoned as for a sample of a population of this size, and so are shares of them."""


@dataclass(frozen=True)
class Incidence:
    """Account-identifier links in two orders.

    By account: `starts` int64[N+1], `identifier` int32[L], `first_ms`, `last_ms` int64[L].
    By identifier and then time: `identifier_starts` int64[I+1], `by_time` int64[L] positions in the first order.
    `account` int32[L] belongs to the first order; `degree` int32[I]; `strength` float32[I] in 0..1 (0 for a hub);
    `group` int8[I].
    """

    starts: Longs
    account: Ints
    identifier: Ints
    first_ms: Longs
    last_ms: Longs
    degree: Ints
    strength: Floats
    group: npt.NDArray[np.int8]

    @property
    def accounts(self) -> int:
        return len(self.starts) - 1

    @cached_property
    def by_time(self) -> Longs:
        starts = self.identifier_starts
        links: Longs = grouped(starts, self.identifier)
        in_parts(len(self.degree), lambda first, last: sort_by_time(first, last, starts, self.first_ms, links))
        return links

    @cached_property
    def near(self) -> tuple[Ints, Ints]:
        """int32[L] each: how many other links of the same identifier began within a day, and within a week, of each."""
        return self._near(DAY_MS), self._near(7 * DAY_MS)

    def _near(self, window_ms: int) -> Ints:
        starts, by_time, first_ms = self.identifier_starts, self.by_time, self.first_ms
        out = np.zeros(len(first_ms), dtype=np.int32)
        facts = (starts, by_time, first_ms, window_ms)
        in_parts(len(self.degree), lambda first, last: near_in_time(first, last, *facts, out))
        return out

    @cached_property
    def identifier_starts(self) -> Longs:
        return _starts(self.identifier, len(self.degree))


def incidence(network: Network) -> Incidence:
    """The links of a network as an Incidence."""
    account = column(network.links, "account", np.int32)
    identifier = column(network.links, "identifier", np.int32)
    first, last = column(network.links, "first_ms", np.int64), column(network.links, "last_ms", np.int64)
    if np.any(np.diff(account) < 0):
        order = np.lexsort((identifier, account))
        account, identifier, first, last = account[order], identifier[order], first[order], last[order]
    degree = np.bincount(identifier, minlength=network.identifiers.num_rows).astype(np.int32)
    return Incidence(
        starts=_starts(account, network.account_count),
        account=account,
        identifier=identifier,
        first_ms=first,
        last_ms=last,
        degree=degree,
        strength=strengths(column(network.identifiers, "bits", np.float32), degree, network.account_count),
        group=network.identifier_group,
    )


def strengths(bits: Floats, degree: Ints, accounts: int) -> Floats:
    """Bits as a share of all that an identifier of this degree could be worth in a population of this size, less for
    one that more accounts share: the same for the same ring in a population of any size."""
    shared = np.maximum(degree, 2)
    most = np.maximum(np.log2(max(accounts, POPULATION_MIN) / shared), 1.0)
    return np.asarray(np.clip(bits / most, 0.0, 1.0) / np.sqrt(np.log2(shared)), dtype=np.float32)


@dataclass(frozen=True)
class Ties:
    """Account-account links in both directions by account: `starts` int64[N+1], `other` int32[E], `weight` float32[E],
    `groups` int16[E] (how many evidence groups carry the tie)."""

    starts: Longs
    other: Ints
    weight: Floats
    groups: npt.NDArray[np.int16]


def pair_ties(network: Network) -> Ties:
    """Pairs of accounts with enough shared evidence; the weight is their strength in 0..2."""
    bits = np.clip(
        column(network.pairs, "bits", np.float32) / np.log2(max(network.account_count, POPULATION_MIN)), 0.0, 2.0
    )
    masks = column(network.pairs, "groups", np.int16).astype(np.uint16)
    ends = column(network.pairs, "a", np.int32), column(network.pairs, "b", np.int32)
    return _ties(network.account_count, *ends, bits, np.bitwise_count(masks).astype(np.int16))


def peer_ties(network: Network) -> Ties:
    """Direct peers, either direction. A link of negative weight, a warning or a complaint, ties nobody."""
    kept = column(network.peers, "weight", np.float32) >= 0
    ends = column(network.peers, "source", np.int32)[kept], column(network.peers, "target", np.int32)[kept]
    weight = column(network.peers, "weight", np.float32)[kept]
    return _ties(network.account_count, *ends, weight, np.ones(len(weight), dtype=np.int16))


def _ties(accounts: int, a: Ints, b: Ints, weight: Floats, groups: npt.NDArray[np.int16]) -> Ties:
    # Pairs come sorted, with a < b: those that an account is the second of first, its others ascend.
    source, other = np.concatenate([b, a]), np.concatenate([a, b])
    starts = _starts(source, accounts)
    order = grouped(starts, source)
    twice = np.concatenate([weight, weight]).astype(np.float32), np.concatenate([groups, groups])
    return Ties(starts, other[order], twice[0][order], twice[1][order])


def _starts(sorted_or_not: Ints, rows: int) -> Longs:
    counts = np.bincount(sorted_or_not, minlength=rows)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
