"""Why an account scores as it does under the whole model: which links and neighbours carry it, and what is its own.

By leaving out, one thing at a time, with all features and messages computed anew (occlusion, Zeiler and Fergus 2014):
half of the model is trees, for which there are no gradients. What is left without any link is the account's own
behaviour; of that, TreeSHAP (Lundberg et al. 2020) on the trees tells which facts speak for and against.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xgboost

from gnn.around import Around, Gone, Whole, around
from gnn.calibrate import sigmoid
from gnn.counterfactual import Fewest, fewest
from gnn.features import BLOCKS, FEATURES
from gnn.groups import GROUPS
from gnn.membership import FLAGGED
from gnn.network import column

PEER = "peer"
"""The type of a direct tie, which needs no identifier."""
LINKS_MOST = 40
NEIGHBOURS_MOST = 8
OTHERS_MOST = 50
FACTS_MOST = 6
BUDGET = 120
"""Sets of links that a counterfactual may try."""
_OWN_COLUMNS = sum(len(block.names) for block in BLOCKS[:2])


@dataclass(frozen=True)
class Carrier:
    """A link of the account: to the identifier in row `identifier` of the network's, or, with -1, a direct tie. `bits`
    is what the identifier is worth, a direct tie's its weight; `drop` by how much the log odds fall without the link;
    `others` rows of accounts that share it, at most OTHERS_MOST of `others_count`."""

    type: str
    identifier: int
    bits: float
    drop: float
    others: tuple[int, ...]
    others_count: int


@dataclass(frozen=True)
class GroupDrop:
    """All links of one evidence group at once: two cards of one ring each count for little beside the other."""

    group: str
    links: int
    drop: float


@dataclass(frozen=True)
class Neighbour:
    """Another account, `bits` that it shares, and by how much the log odds fall where it shares nothing."""

    account: int
    bits: float
    drop: float


@dataclass(frozen=True)
class Fact:
    """A feature of the account's own behaviour, and what it adds to the trees' log odds; below 0 it speaks for it."""

    name: str
    log_odds: float


@dataclass(frozen=True)
class Counterfactual:
    """The fewest `links` (places in Explanation.links) without which the account is not flagged, and its probability
    then. Any of them put back flags it again. `proven`: no smaller set does, else none was found."""

    links: tuple[int, ...]
    probability: float
    proven: bool


@dataclass(frozen=True)
class Explanation:
    """Of the account in row `account`: `links` strongest first. `log_odds` is the whole network's, `part_log_odds` that
    of the part which was cut out to explain it; `own_log_odds` what is left without any link. `counterfactual` is None
    where the account is not flagged, or where no links carry the flag: its own behaviour does."""

    account: int
    probability: float
    log_odds: float
    part_log_odds: float
    own_log_odds: float
    accounts_read: int
    capped: bool
    links: tuple[Carrier, ...]
    groups: tuple[GroupDrop, ...]
    neighbours: tuple[Neighbour, ...]
    own: tuple[Fact, ...]
    counterfactual: Counterfactual | None

    @property
    def flagged(self) -> bool:
        return self.probability >= FLAGGED


@dataclass(frozen=True)
class Link:
    """Something that ties the account to others, and what of a part is left out with it."""

    type: str
    identifier: int
    bits: float
    group: str
    others: tuple[int, ...]
    others_count: int
    gone: Gone


def explain(whole: Whole, account: int, budget: int = BUDGET) -> Explanation:
    """Why the account in this row scores as it does. An account that shares nothing has no links to name."""
    part = around(whole, account)
    now = part.log_odds(part.nothing)
    links = links_of(part)
    drops = [now - part.log_odds(link.gone) for link in links]
    order = sorted(range(len(links)), key=lambda one: (-round(drops[one], 6), *_by_content(links[one])))
    links, drops = [links[one] for one in order], [drops[one] for one in order]
    return Explanation(
        account=account,
        probability=float(sigmoid(whole.log_odds[[account]])[0]),
        log_odds=float(whole.log_odds[account]),
        part_log_odds=now,
        own_log_odds=part.log_odds(every(part)),
        accounts_read=len(part.rows),
        capped=part.capped,
        links=tuple(
            Carrier(link.type, link.identifier, link.bits, drop, link.others, link.others_count)
            for link, drop in zip(links, drops, strict=True)
        ),
        groups=_groups(part, links, now),
        neighbours=_neighbours(part, now),
        own=_own(whole, account),
        counterfactual=_counterfactual(part, links, now, budget),
    )


def links_of(part: Around) -> list[Link]:
    """The account's links to what others have too, worth most first, then its direct ties; LINKS_MOST of them."""
    whole, own = part.whole, part.own_links
    names = whole.network.identifiers["type"].take(part.identifiers[part.links.identifier[own]])
    found = [_link(part, int(link), name) for link, name in zip(own, names.to_pylist(), strict=True)]
    peers = [_peer(part, int(other)) for other in _tied(part)]
    return sorted([*found, *peers], key=lambda link: (-link.bits, *_by_content(link)))[:LINKS_MOST]


def every(part: Around) -> Gone:
    """All that ties the account to others."""
    gone = part.nothing
    gone.links[part.own_links] = True
    gone.peers[_peer_rows(part, None)] = True
    return gone


def _link(part: Around, link: int, name: str) -> Link:
    identifier = int(part.links.identifier[link])
    row = int(part.identifiers[identifier])
    holders = part.rows[part.links.account[part.links.identifier == identifier]]
    gone = part.nothing
    gone.links[link] = True
    return Link(
        type=name,
        identifier=row,
        bits=float(part.whole.bits[row]),
        group=GROUPS[part.links.group[identifier]],
        others=tuple(holders[holders != part.rows[part.centre]][:OTHERS_MOST].tolist()),
        others_count=int(part.links.degree[identifier]) - 1,
        gone=gone,
    )


def _peer(part: Around, other: int) -> Link:
    rows = _peer_rows(part, other)
    weight = float(column(part.peers, "weight", np.float32)[rows].max())
    gone = part.nothing
    gone.peers[rows] = True
    return Link(PEER, -1, weight, PEER, (int(part.rows[other]),), 1, gone)


def _tied(part: Around) -> list[int]:
    """Places of accounts with a direct tie to the one explained."""
    rows = _peer_rows(part, None)
    ends = np.concatenate([column(part.peers, name, np.int64)[rows] for name in ("source", "target")])
    return [int(one) for one in np.unique(ends[ends != part.centre])]


def _peer_rows(part: Around, other: int | None) -> list[int]:
    """Rows of direct ties of the account, with one other or with all."""
    source, target = column(part.peers, "source", np.int64), column(part.peers, "target", np.int64)
    mine = (source == part.centre) | (target == part.centre)
    if other is not None:
        mine &= (source == other) | (target == other)
    return [int(one) for one in np.flatnonzero(mine)]


def _by_content(link: Link) -> tuple[str, float, int]:
    return link.type, -link.bits, link.others_count


def _groups(part: Around, links: list[Link], now: float) -> tuple[GroupDrop, ...]:
    found: dict[str, list[Link]] = {}
    for link in links:
        found.setdefault(link.group, []).append(link)
    drops = [GroupDrop(group, len(some), now - part.log_odds(_together(part, some))) for group, some in found.items()]
    return tuple(sorted(drops, key=lambda one: (-round(one.drop, 6), one.group)))


def _together(part: Around, links: list[Link]) -> Gone:
    gone = part.nothing
    for link in links:
        gone |= link.gone
    return gone


def _neighbours(part: Around, now: float) -> tuple[Neighbour, ...]:
    """Those that share most, by how much each carries."""
    bits, _ = part.shared_bits(part.nothing)
    tied = np.zeros(len(part.rows), bool)
    tied[_tied(part)] = True
    accounts = part.whole.network.accounts.take(part.rows)
    times = [column(accounts, name, np.int64) for name in ("last_ms", "first_ms", "created_ms")]
    order = np.lexsort((*times, -np.round(bits, 3), ~tied))
    chosen = [int(one) for one in order if bits[one] > 0 or tied[one]][:NEIGHBOURS_MOST]
    found = [
        Neighbour(int(part.rows[one]), round(float(bits[one]), 2), now - part.log_odds(_apart(part, one)))
        for one in chosen
    ]
    return tuple(sorted(found, key=lambda one: -round(one.drop, 6)))


def _apart(part: Around, other: int) -> Gone:
    """The other account shares nothing with the one explained."""
    mine = np.zeros(len(part.identifiers), bool)
    mine[part.links.identifier[part.own_links]] = True
    gone = part.nothing
    gone.links[:] = (part.links.account == other) & mine[part.links.identifier]
    gone.peers[_peer_rows(part, other)] = True
    return gone


def _own(whole: Whole, account: int) -> tuple[Fact, ...]:
    """The strongest of the account's own facts, by the mean of all sets of trees and what was added to them."""
    if not whole.model.trees:
        return ()
    row = xgboost.DMatrix(whole.x[[account]])
    said = np.mean([trees.predict(row, pred_contribs=True)[0] for trees in whole.model.trees], axis=0)
    if whole.model.correction is not None:
        own = whole.model.correction
        said[:-1] += 2.0 * (own.standard(whole.x[[account]]) * own.weight)[0]
    order = np.argsort(-np.abs(said[:_OWN_COLUMNS]), kind="stable")[:FACTS_MOST]
    return tuple(Fact(FEATURES[one].removeprefix("own_"), float(said[one])) for one in order if said[one])


def _counterfactual(part: Around, links: list[Link], now: float, budget: int) -> Counterfactual | None:
    line = float(np.log(FLAGGED / (1.0 - FLAGGED)))
    if now < line:
        return None

    def score(gone: frozenset[int]) -> float:
        return part.log_odds(_together(part, [links[one] for one in sorted(gone)]))

    found: Fewest | None = fewest(score, range(len(links)), line, budget)
    if found is None:
        return None
    return Counterfactual(found.items, float(sigmoid(np.array(found.score))), found.proven)
