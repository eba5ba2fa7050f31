"""What the real-time head learns from: accounts as they looked to a service that had last looked some days before.

Between two looks the service knows, of those who were there at the earlier one, what that said of them, and what people
had decided by then; of those who came since, next to nothing. So an account is shown among neighbours as the earlier
look at the same network saw them. What became of it later is the target.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
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


@dataclass(frozen=True)
class HeadData:
    """Rows of one network: `x` float32[M, H]; `chance` float32[M] that the account is abusive, 0 or 1 where that was
    decided; `weight` float32[M]; `fold` int64[M]; `usual` bool[M]: whether a service meets the like every day."""

    x: Floats
    chance: Floats
    weight: Floats
    fold: Longs
    usual: Bools

    def some(self, rows: Longs) -> HeadData:
        """These rows alone."""
        return HeadData(self.x[rows], self.chance[rows], self.weight[rows], self.fold[rows], self.usual[rows])


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
    """One way to see some accounts, int64 `rows`: by whom they are judged, how rare things are, which links count."""

    rows: Longs
    said: Said
    bits: Floats
    links: Bools
    usual: bool


def head_data(examples: Sequence[Example], views: Sequence[View], probability: Sequence[Floats]) -> HeadData:
    """Rows of all `views` of the `examples`, by the `probability` float32[N] that networks gave each account which had
    held its operator out. A view is joined with one of the look before, in which as much is hidden. The target of an
    account on which nobody decided is that probability: it is not innocent for that."""
    said = [Said(one, view.known) for view, one in zip(views, probability, strict=True)]
    of_example: dict[int, list[Said]] = {}
    for view, one in zip(views, said, strict=True):
        of_example.setdefault(view.example, []).append(one)
    turns = {example: itertools.count() for example in of_example}
    parts = []
    before = [_before(examples, number) for number in range(len(examples))]
    several = {examples[number].world for number in before if number is not None}
    for view, one in zip(views, said, strict=True):
        turn = next(turns[view.example])
        earlier = _earlier(examples, view.example, before[view.example], of_example, turn)
        alone = examples[view.example].world not in several
        parts.append(_rows(examples[view.example].network, view, one, earlier, alone=alone))
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


def _earlier(
    examples: Sequence[Example], number: int, before: int | None, said: dict[int, list[Said]], turn: int
) -> Earlier | None:
    if before is None:
        return None
    ids = examples[before].network.accounts["account_id"].combine_chunks()
    place = pc.fill_null(pc.index_in(examples[number].network.accounts["account_id"], value_set=ids), -1)
    views = said[before]
    return Earlier(views[turn % len(views)], place.to_numpy().astype(np.int64))


def _rows(network: Network, view: View, said: Said, earlier: Earlier | None, *, alone: bool) -> HeadData:
    """Of those who came since an `earlier` look each is shown at signup, at signup in a population sixteen times as
    large, and with all its links. Without one all accounts are shown at signup, when nobody has been judged; and where
    there never is more than one look (`alone`), as that look `said` of their neighbours."""
    links = incidence(network)
    found = _since(network, links, earlier) if earlier is not None else _first(network, links, said, alone=alone)
    looks = list(found)
    rows = np.concatenate([look.rows for look in looks])
    x = [prior_features(links, look.said, look.bits, look.links)[look.rows] for look in looks]
    chance = np.where(view.targets.labelled, view.targets.abusive, said.probability).astype(np.float32)
    return HeadData(
        x=np.concatenate(x),
        chance=chance[rows],
        weight=view.targets.confidence[rows].astype(np.float32),
        fold=view.fold[rows],
        usual=np.concatenate([np.full(len(look.rows), look.usual) for look in looks]),
    )


def _since(network: Network, links: Incidence, earlier: Earlier) -> Iterator[_Look]:
    new, then = np.flatnonzero(earlier.place < 0), earlier.told()
    bits, larger = _bits(network)
    yield _Look(new, then, bits, _at_signup(network, links), usual=True)
    yield _Look(new, then, bits, _every(links), usual=True)
    yield _Look(new, then, larger, _at_signup(network, links), usual=False)


def _first(network: Network, links: Incidence, said: Said, *, alone: bool) -> Iterator[_Look]:
    rows = np.arange(network.account_count)
    bits, larger = _bits(network)
    signup, nobody = _at_signup(network, links), np.zeros(network.account_count, dtype=np.float32)
    unjudged = Said(np.full_like(said.probability, said.probability.mean()), Known(nobody, nobody))
    yield _Look(rows, unjudged, bits, signup, usual=False)
    if alone:
        yield _Look(rows, said, bits, signup, usual=True)
        yield _Look(rows, said, larger, signup, usual=False)
        yield _Look(rows, said, bits, _every(links), usual=True)


def _bits(network: Network) -> tuple[Floats, Floats]:
    """What identifiers are worth float32[I], and what they would be in the larger population."""
    bits = column(network.identifiers, "bits", np.float32)
    return bits, np.where(bits > 0, bits + np.float32(_LARGER_POPULATION_BITS), bits)


def _at_signup(network: Network, links: Incidence) -> Bools:
    return links.first_ms <= column(network.accounts, "first_ms", np.int64)[links.account] + _SIGNUP_MS


def _every(links: Incidence) -> Bools:
    return np.ones(len(links.account), dtype=np.bool_)


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
