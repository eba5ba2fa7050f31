"""What the real-time head learns from: accounts as they looked to a service that had last looked some days before.

Between two looks the service knows, of those who were there at the earlier one, what that said of them, and what people
had decided by then; of those who came since, next to nothing. So an account is shown among neighbours as the earlier
look at the same network saw them. What became of it later is the target.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from gnn.adjacency import Incidence, incidence
from gnn.head import SharedRows, batch_features
from gnn.kernels import before
from gnn.labels import Known
from gnn.network import Network, column
from gnn.targets import Example
from gnn.views import View

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Longs = npt.NDArray[np.int64]

ROWS_MAX = 150_000
"""More rows than this teach so small a network nothing more; they are drawn blindly."""
_SIGNUP_MS = 3_600_000
_LARGER_POPULATION_BITS = 4.0
_UNJUDGED = 0.4
"""A new deployment knows nobody, and in a burst between two looks the accounts that matter are new: so much of what is
learnt is of such accounts."""


@dataclass(frozen=True)
class HeadData:
    """Rows of accounts: `x` float32[M, H], `abusive` bool[M], `weight` float32[M], `fold` int64[M]."""

    x: Floats
    abusive: Bools
    weight: Floats
    fold: Longs

    def some(self, rows: Longs) -> HeadData:
        """These rows alone."""
        return HeadData(self.x[rows], self.abusive[rows], self.weight[rows], self.fold[rows])


@dataclass(frozen=True)
class Said:
    """What networks that held each account's operator out said of N accounts, float32[N], and what was `known`."""

    probability: Floats
    known: Known


@dataclass(frozen=True)
class Earlier:
    """What a look before `said`, of the accounts then; `place` int64[N] is the row there of each account of now, -1 of
    those who came since."""

    said: Said
    place: Longs

    def told(self) -> Said:
        """The same by rows of now: of those who came since, that they are as likely abusive as anybody was."""
        there, known = self.place >= 0, self.said.known
        probability = np.where(there, self.said.probability[self.place], self.said.probability.mean())
        bad, good = (np.where(there, side[self.place], 0).astype(np.float32) for side in (known.bad, known.good))
        return Said(probability.astype(np.float32), Known(bad, good))


@dataclass(frozen=True)
class _Look:
    """One way to see some accounts, int64 `rows`: by whom they are judged, how rare things are, which links count, and
    what all of them weigh together."""

    rows: Longs
    said: Said
    bits: Floats
    links: Bools
    weight: float


def head_data(examples: Sequence[Example], views: Sequence[View], probability: Sequence[Floats]) -> HeadData:
    """Rows of the `examples`, by the `probability` float32[N] that networks gave each account of a view which had held
    its operator out. Of each example one view is taken, of the next one the next, so that all shares of hidden labels
    occur; it is joined with one of the look before, in which as much is hidden."""
    of_example: dict[int, list[tuple[View, Said]]] = {}
    for view, one in zip(views, probability, strict=True):
        of_example.setdefault(view.example, []).append((view, Said(one, view.known)))
    before = [_before(examples, number) for number in range(len(examples))]
    several = {examples[number].world for number in before if number is not None}
    parts = []
    for number, looks in sorted(of_example.items()):
        view, said = looks[number % len(looks)]
        earlier, at = None, before[number]
        if at is not None:
            then = of_example[at]
            earlier = _earlier(examples[number], examples[at], then[number % len(then)][1])
        alone = examples[number].world not in several
        parts.append(_rows(examples[number].network, view, said, earlier, alone=alone))
    names = (field.name for field in fields(HeadData))
    return HeadData(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _before(examples: Sequence[Example], number: int) -> int | None:
    """The last look at the same network before this one; of several at one moment the first."""
    mine = examples[number]
    earlier = [
        (other.network.as_of_ms, -place)
        for place, other in enumerate(examples[:number])
        if other.world == mine.world and other.network.as_of_ms < mine.network.as_of_ms
    ]
    return -max(earlier)[1] if earlier else None


def _earlier(now: Example, before: Example, said: Said) -> Earlier:
    ids = before.network.accounts["account_id"].combine_chunks()
    place = pc.fill_null(pc.index_in(now.network.accounts["account_id"], value_set=ids), -1)
    return Earlier(said, place.to_numpy().astype(np.int64))


def _rows(network: Network, view: View, said: Said, earlier: Earlier | None, *, alone: bool) -> HeadData:
    """Accounts before anybody was judged; those who came since an `earlier` look among neighbours as that one judged
    them; and where there never is more than one look (`alone`), everybody as that look judged. An example weighs as
    much as it has accounts."""
    links = incidence(network)
    judged = []
    if earlier is not None:
        judged = _judged(network, links, np.flatnonzero(earlier.place < 0), earlier.told())
    elif alone:
        judged = _judged(network, links, np.arange(network.account_count), said)
    shown = [_unjudged(network, links, said, _UNJUDGED if judged else 1.0), *(one for one in judged if len(one.rows))]
    rows = np.concatenate([look.rows for look in shown])
    share = np.concatenate(
        [np.full(len(one.rows), one.weight * network.account_count / len(one.rows)) for one in shown]
    )
    x = [prior_features(links, look.said, look.bits, look.links)[look.rows] for look in shown]
    return HeadData(
        x=np.concatenate(x),
        abusive=view.targets.abusive[rows],
        weight=(view.targets.confidence[rows] * share).astype(np.float32),
        fold=view.fold[rows],
    )


def _judged(network: Network, links: Incidence, rows: Longs, said: Said) -> list[_Look]:
    """These accounts at signup, at signup in a population sixteen times as large, and with all their links."""
    bits, larger = _bits(network)
    signup, every = _at_signup(network, links), np.ones(len(links.account), dtype=np.bool_)
    share = (1.0 - _UNJUDGED) / 3
    return [
        _Look(rows, said, bits, signup, share),
        _Look(rows, said, larger, signup, share),
        _Look(rows, said, bits, every, share),
    ]


def _unjudged(network: Network, links: Incidence, said: Said, weight: float) -> _Look:
    """All accounts at signup among neighbours of whom nobody has said anything."""
    nobody = np.zeros(network.account_count, dtype=np.float32)
    alike = Said(np.full_like(said.probability, said.probability.mean()), Known(nobody, nobody))
    return _Look(np.arange(network.account_count), alike, _bits(network)[0], _at_signup(network, links), weight)


def _bits(network: Network) -> tuple[Floats, Floats]:
    """What identifiers are worth float32[I], and what they would be in the larger population."""
    bits = column(network.identifiers, "bits", np.float32)
    return bits, np.where(bits > 0, bits + np.float32(_LARGER_POPULATION_BITS), bits)


def _at_signup(network: Network, links: Incidence) -> Bools:
    return links.first_ms <= column(network.accounts, "first_ms", np.int64)[links.account] + _SIGNUP_MS


def prior_features(links: Incidence, said: Said, bits: Floats, chosen: Bools) -> Floats:
    """float32[N, H]: head features of each account from its `chosen` bool[L] links, counting on each identifier only
    accounts that used it earlier."""
    known = said.known
    seen = before(links.identifier_starts, links.by_time, links.account, said.probability, known.bad, known.good)
    rows = np.flatnonzero(chosen & (seen[0] > 0))
    others, total, highest, bad, good = (part[rows] for part in seen)
    nodes = links.identifier[rows]
    shared = SharedRows(
        group=links.group[nodes].astype(np.int64),
        bits=bits[nodes],
        others=others.astype(np.int64),
        mean_probability=(total / others).astype(np.float32),
        max_probability=highest.astype(np.float32),
        confirmed_abusive=np.round(bad).astype(np.int64),
        confirmed_benign=np.round(good).astype(np.int64),
    )
    return batch_features(shared, links.account[rows].astype(np.int64), links.accounts)
