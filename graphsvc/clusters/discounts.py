"""What the things that a cluster shares are worth, and how each figure comes about: no discount is hidden."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphsvc.clusters.bonds import Int64s, Shared, largest_part
from graphsvc.clusters.material import Material
from graphsvc.clusters.pack_words import discount_text
from graphsvc.links.pairs import BITS_MIN
from graphsvc.links.weights import HUB_CUT, explained

DISCOUNTS_MAX = 20
HUBS_MAX = 10


@dataclass(frozen=True)
class Discount:
    """What a shared thing is worth and how that comes about: rarity × prior × hub discount × recency. `degree`
    accounts have it, `members` of them here; `hub`: so many that it counts for nothing. Without it `held_without`
    members still hold together, in the largest part."""

    type: str
    id: str
    degree: int
    members: int
    rarity_bits: float
    prior: float
    hub_discount: float
    recency: float
    bits: float
    hub: bool
    first_ms: int
    last_ms: int
    held_without: int
    text: str


def discounts_of(
    material: Material, rows: Int64s, what: Shared, accounts: int
) -> tuple[tuple[Discount, ...], tuple[Discount, ...]]:
    """The things that count most, by their bits and the members that they join; and the hubs, which count for nothing.
    `what` the pairs in `rows` share; `accounts` is how many the run saw."""
    holds, degree = material.holds, material.things["degree"].to_numpy()
    thing = holds["thing"].to_numpy()
    members = np.bincount(thing, minlength=len(degree))
    left = np.bincount(thing, holds["left"].to_numpy(), len(degree)) / np.maximum(members, 1)
    first, last = np.full(len(degree), np.iinfo(np.int64).max), np.zeros(len(degree), np.int64)
    np.minimum.at(first, thing, holds["first_ms"].to_numpy())
    np.maximum.at(last, thing, holds["last_ms"].to_numpy())
    strength = material.things["bits"].to_numpy() * left * (members - 1)
    hub = degree >= HUB_CUT
    counting = [row for row in np.argsort(-strength, kind="stable").tolist() if not hub[row]][:DISCOUNTS_MAX]
    hubs = [row for row in np.lexsort((degree, -members)).tolist() if hub[row]][:HUBS_MAX]
    chosen = np.array(counting + hubs, np.int64)
    columns = (members, left, first, last, _held_without(material, rows, what, chosen))
    facts = zip(
        *(material.things[name].take(chosen).to_pylist() for name in ("type", "id", "degree", "bits")),
        *(column[chosen].tolist() for column in columns),
        strict=True,
    )
    found = [_discount(accounts, len(material.members), *fact) for fact in facts]
    return tuple(found[: len(counting)]), tuple(found[len(counting) :])


def _held_without(material: Material, rows: Int64s, what: Shared, things: Int64s) -> Int64s:
    """int64 per thing, of those in `things`, else 0: the largest part that the other evidence holds together."""
    a, b, bits = (material.pairs[name].to_numpy()[rows] for name in ("a", "b", "bits"))
    found = np.zeros(len(material.things), np.int64)
    for thing in things.tolist():
        pairs, less = what.without(thing)
        left = bits.astype(np.float64)
        left[pairs] -= less
        # A pair is left out for the bits that it lost, not for how its own were rounded.
        holds = (left >= BITS_MIN) | ~np.isin(np.arange(len(rows)), pairs)
        found[thing] = largest_part(len(material.members), a[holds], b[holds])
    return found


def _discount(
    accounts: int,
    size: int,
    kind: str,
    name: str,
    degree: int,
    bits: float,
    members: int,
    left: float,
    first_ms: int,
    last_ms: int,
    held_without: int,
) -> Discount:
    worth = explained(kind, degree, accounts, 0)
    rarity = worth.rarity_bits * worth.hub_discount
    # The prior that the run used, which may have been fitted; of a hub, which has no bits, the shipped one.
    prior = bits / rarity if rarity > 0 else worth.prior
    text = discount_text(members, size, degree, worth.rarity_bits, prior, worth.hub_discount, left, bits * left)
    return Discount(
        type=kind,
        id=name,
        degree=degree,
        members=members,
        rarity_bits=worth.rarity_bits,
        prior=prior,
        hub_discount=worth.hub_discount,
        recency=left,
        bits=bits * left,
        hub=degree >= HUB_CUT,
        first_ms=first_ms,
        last_ms=last_ms,
        held_without=held_without,
        text=text,
    )
