"""Units: the rings, offices, households and persons that live a world, each by its archetype."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from graphsvc.simulate.dice import Dice
from graphsvc.simulate.fates import AGED_DAYS, Fate, innocent_fates, ring_fates
from graphsvc.simulate.founder import Founder
from graphsvc.simulate.live import enrol, live, use
from graphsvc.simulate.member import Member
from graphsvc.simulate.relay import Operation
from graphsvc.simulate.review import review
from graphsvc.simulate.scene import DAY_MS, Scene
from graphsvc.simulate.scribe import Scribe
from graphsvc.simulate.spec import Archetype, WorldSpec
from graphsvc.simulate.talk import Talk
from graphsvc.simulate.verdicts import Desk

SECOND_RING = 0.2
"""Chance that a ring belongs to the operator of the ring before it."""
SMALLEST_LOW, SMALL_WORLD_SHARE = 8, 0.012
"""In a small world, units of large kinds are smaller too, so that it has them."""


@dataclass(frozen=True)
class Unit:
    """`ordinal` names the unit's dice; `operator` and `ring` are empty for innocents."""

    ordinal: int
    archetype: Archetype
    size: int
    operator: str = ""
    ring: str = ""


@dataclass(frozen=True)
class TruthRow:
    account_id: str
    abusive: bool
    kind: str
    ring: str
    operator: str
    group: str


def plan(spec: WorldSpec) -> list[Unit]:
    """The units of a world: their sizes add up to its accounts. What is left over goes to the commonest group."""
    dice = Dice.of(spec.seed, "plan")
    abusive = round(spec.accounts * dice.between(spec.abusive_share)) if spec.operators else 0
    sizes = [*_sizes(spec, spec.operators, abusive, dice)]
    taken = sum(size for _, size in sizes)
    sizes += _sizes(spec, spec.innocents, spec.accounts - taken, dice)
    missing = spec.accounts - sum(size for _, size in sizes)
    commonest = spec.archetypes[max(spec.innocents, key=lambda name: spec.innocents[name])]
    sizes += [(commonest, 1)] * missing
    units = []
    operator = 0
    for ordinal, (archetype, size) in enumerate(sizes):
        if archetype.side == "innocent":
            units.append(Unit(ordinal, archetype, size))
            continue
        again = units and units[-1].archetype is archetype and dice.chance(SECOND_RING)
        operator += not again
        units.append(Unit(ordinal, archetype, size, f"operator-{operator}", f"ring-{ordinal + 1}"))
    return units


def _sizes(spec: WorldSpec, mix: Mapping[str, float], accounts: int, dice: Dice) -> Iterator[tuple[Archetype, int]]:
    """Sizes of units, the large kinds first; what is too little for one unit goes to the next kind."""
    whole = sum(mix.values())
    left, rest = 0, accounts
    for name in sorted(mix, key=lambda name: (-spec.archetypes[name].size[0], name)):
        archetype = spec.archetypes[name]
        share = min(rest, round(accounts * mix[name] / whole))
        left, rest = left + share, rest - share
        low, high = archetype.size
        low = min(low, max(SMALLEST_LOW, SMALL_WORLD_SHARE * spec.accounts))
        largest = max(low, min(high, archetype.largest_share * spec.accounts))
        while left >= low:
            size = min(left, round(dice.between_log((low, largest))))
            size = left if left - size < low and left <= 2 * largest else size
            yield archetype, size
            left -= size


def play(unit: Unit, scene: Scene, scribe: Scribe, own_texts: Iterator[str]) -> list[TruthRow]:
    """Lets a unit live through the world, and gives the truth about its accounts. `own_texts`: as `Talk` takes them."""
    dice = Dice.of(scene.seed, "unit", unit.ordinal)
    kin = Dice.of(scene.seed, unit.operator or f"unit-{unit.ordinal}", unit.archetype.name)
    templates = Dice.of(scene.seed, unit.operator or unit.ordinal, "templates")
    talk = Talk(unit.archetype, scene, dice, templates, own_texts)
    if unit.archetype.side == "innocent":
        members = _innocents(unit, talk, scene, scribe, dice, kin)
    else:
        members = _ring(unit, talk, scene, scribe, dice, kin)
    if scene.review is not None:
        late = Dice.of(scene.seed, "review", unit.ordinal)
        review(scene.review, unit.archetype, members, scene.end_ms, scribe, late)
    return [_truth(unit, member) for member in members]


def _truth(unit: Unit, member: Member) -> TruthRow:
    abusive = unit.archetype.side == "operator"
    archetype = unit.archetype
    return TruthRow(member.account_id, abusive, archetype.kind, unit.ring, unit.operator, archetype.name)


def _innocents(unit: Unit, talk: Talk, scene: Scene, scribe: Scribe, dice: Dice, kin: Dice) -> list[Member]:
    founder = Founder(unit.archetype, scene, dice, kin)
    members = [founder.member(fate) for fate in innocent_fates(unit.archetype, unit.size, scene, dice)]
    for member in members:
        enrol(member, member.face, scene, scribe, dice)
        live(member, unit.archetype.activity, talk, scene, scribe, dice)
    Desk(unit.archetype, scene, scribe, dice).judge_innocents(members)
    return members


def _ring(unit: Unit, talk: Talk, scene: Scene, scribe: Scribe, dice: Dice, kin: Dice) -> list[Member]:
    founder = Founder(unit.archetype, scene, dice, kin)
    members: list[Member] = []
    fates = ring_fates(unit.archetype, unit.size, scene, dice)
    for fate in fates:
        predecessor = members[fate.heir_of] if fate.heir_of is not None else None
        members.append(_recruit(unit, founder, fate, predecessor, scene, scribe, dice))
    if unit.archetype.relay:
        Operation(unit.archetype.relay, members, talk, scene, scribe, dice).run()
    else:
        for member in members:
            live(member, unit.archetype.activity, talk, scene, scribe, dice)
    Desk(unit.archetype, scene, scribe, dice).judge_ring(members)
    return members


def _recruit(
    unit: Unit, founder: Founder, fate: Fate, predecessor: Member | None, scene: Scene, scribe: Scribe, dice: Dice
) -> Member:
    """A new account of the ring: signed up by it, or stolen from somebody."""
    if unit.archetype.takeover is None:
        member = founder.member(fate, predecessor)
        enrol(member, member.face, scene, scribe, dice)
        return member
    return _steal(unit, founder, fate, scene, scribe, dice)


def _steal(unit: Unit, founder: Founder, fate: Fate, scene: Scene, scribe: Scribe, dice: Dice) -> Member:
    """An ordinary person's account, used by its owner from devices and addresses of its own until the ring takes it."""
    takeover = unit.archetype.takeover
    assert takeover is not None
    victims = scene.archetypes[takeover.victim]
    first_ms = scene.start_ms - int(dice.between(AGED_DAYS) * DAY_MS)
    member = Founder(victims, scene, dice, dice).member(Fate(first_ms))
    member.until_ms = fate.banned_ms or scene.end_ms
    enrol(member, member.face, scene, scribe, dice)
    volume = member.habits.volume
    before = round(volume * dice.between(takeover.owner_share))
    if fate.joined_ms > scene.start_ms:
        talk = Talk(victims, scene, dice, dice, iter(()))
        use(member, member.face, scene.start_ms, fate.joined_ms, before, talk, scene, scribe, dice)
    member.habits.volume = max(1, volume - before)
    member.joined_ms, member.banned_ms = fate.joined_ms, fate.banned_ms
    member.face = founder.face_for_stolen()
    return member
