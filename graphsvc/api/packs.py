"""What the API answers about the evidence of a cluster: the list, and the pack behind it."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from graphsvc.api import answers
from graphsvc.clusters.discounts import Discount
from graphsvc.clusters.explanations import Explanation
from graphsvc.clusters.pack import Pack
from graphsvc.clusters.pack_bonds import Bond
from graphsvc.clusters.results import EvidenceRow


class SharedThing(Struct, frozen=True):
    """`bits` after all discounts."""

    identifier_type: str
    identifier_id: str
    bits: float


class BondAnswer(Struct, frozen=True):
    """A link of the fewest that hold the cluster together. Dropped, it leaves `part` accounts apart from `rest`,
    but for `other_pairs` that still join both sides. `shared`: the strongest of `shared_count` things in common;
    `ties`: what the two do to each other (peer, hand_over, cooldown, synchrony).
    `weak`: too little for two accounts alone, but part of what two groups of them share."""

    account_a: str
    account_b: str
    bits: float
    text: str
    shared: list[SharedThing]
    shared_count: int
    ties: list[str]
    first_seen: str
    last_seen: str
    part: int
    rest: int
    other_pairs: int
    weak: bool


class DiscountAnswer(Struct, frozen=True):
    """bits = rarity_bits × prior × hub_discount × recency. `accounts` of the cluster have it, and `outside` it has
    others; without it `held_without` members still hold together. `hub`: so many have it that it counts for nothing."""

    identifier_type: str
    identifier_id: str
    text: str
    accounts: int
    outside: int
    rarity_bits: float
    prior: float
    hub_discount: float
    recency: float
    bits: float
    held_without: int
    hub: bool
    first_seen: str
    last_seen: str


class CoreAnswer(Struct, frozen=True):
    """`accounts` that are each linked to at least `linked_to` of them; not all are named."""

    linked_to: int
    accounts: int
    account_ids: list[str]


class BrokerAnswer(Struct, frozen=True):
    """An account without which the cluster falls into `parts`; `centrality`, 0 to 1, is the share of shortest ways
    between others that lead through it."""

    account_id: str
    centrality: float
    parts: list[int]


class ExplanationAnswer(Struct, frozen=True):
    """An innocent explanation that was tried. `sign`: whether there is a sign of it, by what `figure` says was looked
    at; `held` members hold together without the evidence that it would account for, as `consequence` says in words."""

    code: str
    name: str
    outcome: Literal["explains", "in_part", "no"]
    sign: bool
    figure: str
    held: int
    consequence: str


class EvidencePack(Struct, frozen=True):
    """`items`: what holds the cluster together and what speaks against it. The rest is the pack: `sentence` sums it up
    (null where the last detection kept nothing to make it of); `parts` are the sizes of what no pair joins; `bonds`,
    strongest first, are the fewest links that hold each part together, `bonds_total` in number; `weakest` those whose
    loss breaks it. `pairs_looked_at` of its `pairs` were analysed."""

    items: list[answers.Evidence]
    sentence: str | None
    explanations: list[ExplanationAnswer]
    hubs: list[DiscountAnswer]
    discounts: list[DiscountAnswer]
    weakest: list[BondAnswer]
    bonds: list[BondAnswer]
    bonds_total: int
    cores: list[CoreAnswer]
    brokers: list[BrokerAnswer]
    parts: list[int]
    pairs: int
    pairs_looked_at: int


def evidence_pack(rows: list[EvidenceRow], pack: Pack | None, max_bonds: int) -> EvidencePack:
    items = [answers.evidence(row) for row in rows]
    if pack is None:
        return EvidencePack(items, None, [], [], [], [], [], 0, [], [], [], 0, 0)
    return EvidencePack(
        items=items,
        sentence=pack.sentence,
        explanations=[_explanation(one) for one in pack.explanations],
        hubs=[_discount(one) for one in pack.hubs],
        discounts=[_discount(one) for one in pack.discounts],
        weakest=[_bond(one) for one in pack.weakest],
        bonds=[_bond(one) for one in pack.bonds[:max_bonds]],
        bonds_total=len(pack.bonds),
        cores=[CoreAnswer(one.linked_to, one.accounts, list(one.account_ids)) for one in pack.cores],
        brokers=[BrokerAnswer(one.account_id, one.centrality, list(one.parts)) for one in pack.brokers],
        parts=list(pack.parts),
        pairs=pack.pairs,
        pairs_looked_at=pack.looked_at,
    )


def _explanation(one: Explanation) -> ExplanationAnswer:
    return ExplanationAnswer(one.code, one.name, one.outcome, one.sign, one.figure, one.held, one.consequence)


def _bond(bond: Bond) -> BondAnswer:
    return BondAnswer(
        account_a=bond.a,
        account_b=bond.b,
        bits=bond.bits,
        text=bond.text,
        shared=[SharedThing(one.type, one.id, one.bits) for one in bond.reasons],
        shared_count=bond.shared,
        ties=list(bond.ties),
        first_seen=answers.rfc3339(bond.first_ms),
        last_seen=answers.rfc3339(bond.last_ms),
        part=bond.part,
        rest=bond.rest,
        other_pairs=bond.others,
        weak=bond.weak,
    )


def _discount(one: Discount) -> DiscountAnswer:
    return DiscountAnswer(
        identifier_type=one.type,
        identifier_id=one.id,
        text=one.text,
        accounts=one.members,
        outside=one.degree - one.members,
        rarity_bits=one.rarity_bits,
        prior=one.prior,
        hub_discount=one.hub_discount,
        recency=one.recency,
        bits=one.bits,
        held_without=one.held_without,
        hub=one.hub,
        first_seen=answers.rfc3339(one.first_ms),
        last_seen=answers.rfc3339(one.last_ms),
    )
