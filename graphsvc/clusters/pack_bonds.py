"""The links of a cluster's spanning tree, with what each rests on, since when, and what its loss would part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from graphsvc.clusters.bonds import Int64s, Shared, Tree
from graphsvc.clusters.material import Material
from graphsvc.clusters.pack_words import bond_text, fate_text
from graphsvc.clusters.words import TIES
from graphsvc.links.pairs import BITS_MIN, COMBINATION

REASONS_MAX = 3


@dataclass(frozen=True)
class Reason:
    """A thing that both accounts of a link have; `bits` after all discounts."""

    type: str
    id: str
    bits: float


@dataclass(frozen=True)
class Bond:
    """A link of the spanning tree. Dropped, it leaves `part` accounts apart from `rest`, but for `others` further
    pairs between both sides. `reasons`: the strongest, of `shared` things in all; `ties`: what the two do to each
    other. `weak`: too little for two accounts alone, but part of what two groups of them share."""

    a: str
    b: str
    bits: float
    reasons: tuple[Reason, ...]
    shared: int
    ties: tuple[str, ...]
    first_ms: int
    last_ms: int
    part: int
    rest: int
    others: int
    weak: bool
    text: str


def bonds_of(material: Material, tree: Tree, what: Shared, rows: Int64s) -> tuple[Bond, ...]:
    """The links of the tree, strongest first; `what` the pairs in `rows` share, the tree's among them."""
    pairs, names = material.pairs, material.members["account_id"].to_pylist()
    a, b, bits = (pairs[name].to_numpy()[tree.pair] for name in ("a", "b", "bits"))
    left = what.left[np.searchsorted(rows, tree.pair)]
    first, last = _times(material, left, a, b)
    reasons = _reasons(material, left)
    ties = _ties(material)
    weak_ones = (pairs["groups"].to_numpy()[tree.pair] >> COMBINATION & 1).tolist()
    sides = zip(tree.part.tolist(), tree.rest.tolist(), tree.others.tolist(), strict=True)
    held = zip(a.tolist(), b.tolist(), bits.tolist(), reasons, np.diff(left.indptr).tolist(), strict=True)
    facts = zip(held, first, last, weak_ones, sides, strict=True)
    return tuple(
        Bond(
            a=names[one],
            b=names[other],
            bits=worth,
            reasons=why,
            shared=many,
            ties=ties.get((one, other), ()),
            first_ms=begun,
            last_ms=ended,
            part=part,
            rest=rest,
            others=others,
            weak=worth < BITS_MIN,
            text=" ".join(
                [
                    bond_text(worth, [reason.type for reason in why], ties.get((one, other), ()), many, bool(together)),
                    fate_text(part, rest, others),
                ]
            ),
        )
        for (one, other, worth, why, many), begun, ended, together, (part, rest, others) in facts
    )


def _ties(material: Material) -> dict[tuple[int, int], tuple[str, ...]]:
    """What two members do to each other, as TIES name it, by their places."""
    found: dict[tuple[int, int], tuple[str, ...]] = {}
    ties = zip(*(material.ties[name].to_pylist() for name in ("a", "b", "reason")), strict=True)
    for one, other, reason in sorted(set(ties)):
        kind = reason if reason in TIES else "peer"
        found[one, other] = tuple(dict.fromkeys((*found.get((one, other), ()), kind)))
    return found


def _reasons(material: Material, left: csr_array) -> list[tuple[Reason, ...]]:
    """The strongest shared things of each pair."""
    kinds, ids = (material.things[name].to_pylist() for name in ("type", "id"))
    worth = left.data * material.things["bits"].to_numpy()[left.indices]
    found = []
    for start, end in zip(left.indptr[:-1].tolist(), left.indptr[1:].tolist(), strict=True):
        order = start + np.argsort(-worth[start:end], kind="stable")[:REASONS_MAX]
        here = [(int(left.indices[place]), float(worth[place])) for place in order if worth[place] > 0]
        found.append(tuple(Reason(kinds[thing], ids[thing], bits) for thing, bits in here))
    return found


def _times(material: Material, left: csr_array, a: Int64s, b: Int64s) -> tuple[list[int], list[int]]:
    """From when to when each pair shared: the first and last time that either of them had what both have."""
    members, holds, ties = material.members, material.holds, material.ties
    shape = (len(members), len(material.things))
    ends = (holds["account"].to_numpy(), holds["thing"].to_numpy())
    row = csr_array((np.arange(1, len(holds) + 1), ends), shape=shape)
    pair = np.repeat(np.arange(left.shape[0]), np.diff(left.indptr))
    first, last = np.full(len(a), np.iinfo(np.int64).max), np.zeros(len(a), np.int64)
    for end in (a, b):
        held = np.asarray(row[end[pair], left.indices]).ravel() - 1 if len(pair) else pair
        np.minimum.at(first, pair, holds["first_ms"].to_numpy()[held])
        np.maximum.at(last, pair, holds["last_ms"].to_numpy()[held])
    place = {ends: place for place, ends in enumerate(zip(a.tolist(), b.tolist(), strict=True))}
    for one, other, begun, ended in zip(
        *(ties[name].to_pylist() for name in ("a", "b", "first_ms", "last_ms")), strict=True
    ):
        at = place.get((one, other))
        if at is not None:
            first[at], last[at] = min(first[at], begun), max(last[at], ended)
    unknown = last == 0
    since, until = (members[name].to_numpy() for name in ("first_ms", "last_ms"))
    first[unknown] = np.minimum(since[a], since[b])[unknown]
    last[unknown] = np.maximum(until[a], until[b])[unknown]
    return first.tolist(), last.tolist()
