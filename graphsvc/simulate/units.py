"""Units live through a world: each by its archetype, a ring also by what it becomes later on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from graphsvc.simulate.dice import Dice
from graphsvc.simulate.fates import AGED_DAYS, Fate, innocent_fates, ring_fates, unit_begin_ms
from graphsvc.simulate.founder import Founder
from graphsvc.simulate.live import enrol, live, pay, use
from graphsvc.simulate.marks import Cover, Guise, cover_of
from graphsvc.simulate.member import Member
from graphsvc.simulate.plan import Unit, plan
from graphsvc.simulate.relay import Operation
from graphsvc.simulate.review import review
from graphsvc.simulate.scene import DAY_MS, Scene
from graphsvc.simulate.scribe import Scribe
from graphsvc.simulate.spec import Archetype
from graphsvc.simulate.talk import Talk
from graphsvc.simulate.verdicts import Desk

__all__ = ["TruthRow", "Unit", "plan", "play"]


@dataclass(frozen=True)
class TruthRow:
    """The truth about one account. `unit`: the ring, or what its innocents belong together by (one campus, one
    household); one person where alone. `person`: the human behind it, so that two own accounts of one human share it;
    a ring's accounts are its operator's, a stolen one is its owner's."""

    account_id: str
    abusive: bool
    kind: str
    ring: str
    operator: str
    group: str
    unit: str
    person: str


@dataclass(frozen=True)
class Settled:
    """A unit at its beginning. Its dice have drawn nothing yet that depends on other units."""

    unit: Unit
    archetype: Archetype
    begin_ms: int
    dice: Dice
    talk: Talk
    founder: Founder


@dataclass(frozen=True)
class Stint:
    """What some accounts do in one stretch of time, under one archetype."""

    archetype: Archetype
    talk: Talk
    members: Sequence[Member]


def play(unit: Unit, scene: Scene, scribe: Scribe, own_texts: Iterator[str]) -> list[TruthRow]:
    """Lets a unit live through the world, and gives the truth about its accounts. `own_texts`: as `Talk` takes them."""
    settled = settle(unit, scene, own_texts)
    life = _Life(settled, scene, scribe, own_texts)
    members = life.of_innocents() if unit.archetype.side == "innocent" else life.of_ring()
    if scene.review is not None:
        late = Dice.of(scene.seed, "review", unit.ordinal)
        review(scene.review, unit.archetype, members, scene.end_ms, scribe, late)
    return [_truth(unit, member, number) for number, member in enumerate(members)]


def settle(unit: Unit, scene: Scene, own_texts: Iterator[str]) -> Settled:
    """The unit as it begins: the same whoever asks, before or after it has lived."""
    dice = Dice.of(scene.seed, "unit", unit.ordinal)
    begin_ms = unit_begin_ms(unit, scene, dice)
    archetype = scene.archetype_at(unit.archetype, begin_ms)
    kin = _kin(unit, scene, archetype is not unit.archetype)
    templates = Dice.of(scene.seed, unit.operator or unit.ordinal, "templates")
    talk = Talk(archetype, scene, dice, templates, own_texts)
    cover = None
    if archetype.poison:
        cover = _cover(archetype, scene, Dice.of(scene.seed, "cover", unit.ordinal))
        talk.borrow(cover.vendor, cover.prompts)
    return Settled(unit, archetype, begin_ms, dice, talk, Founder(archetype, scene, dice, kin, cover))


def _kin(unit: Unit, scene: Scene, later: bool) -> Dice:
    """Dice that all units of one operator share; others once its tactics have changed."""
    name = unit.operator or f"unit-{unit.ordinal}"
    return Dice.of(scene.seed, name, unit.archetype.name, *(("later",) if later else ()))


def _cover(archetype: Archetype, scene: Scene, dice: Dice) -> Cover:
    assert archetype.poison is not None

    def guise(unit: Unit, most: int) -> Guise:
        settled = settle(unit, scene, iter(()))
        fates = innocent_fates(settled.archetype, unit.size, settled.begin_ms, scene, settled.dice)
        return Guise(settled.begin_ms, settled.talk, [settled.founder.member(fate) for fate in fates[:most]])

    return cover_of(archetype.poison, scene.marks, guise, dice)


def _truth(unit: Unit, member: Member, number: int) -> TruthRow:
    archetype = unit.archetype
    return TruthRow(
        account_id=member.account_id,
        abusive=archetype.side == "operator",
        kind=archetype.kind,
        ring=unit.ring,
        operator=unit.operator,
        group=archetype.name,
        unit=unit.name,
        person=_person(unit, number),
    )


def _person(unit: Unit, number: int) -> str:
    if unit.archetype.takeover:
        return f"{unit.name}-owner-{number + 1}"
    if unit.operator:
        return unit.operator
    return unit.name if unit.archetype.people == "one" or unit.size == 1 else f"{unit.name}-{number + 1}"


class _Life:
    """One unit's way through the world."""

    def __init__(self, settled: Settled, scene: Scene, scribe: Scribe, own_texts: Iterator[str]) -> None:
        self._unit, self._archetype, self._talk = settled.unit, settled.archetype, settled.talk
        self._begin_ms, self._dice, self._founder = settled.begin_ms, settled.dice, settled.founder
        self._scene, self._scribe, self._own_texts = scene, scribe, own_texts

    def of_innocents(self) -> list[Member]:
        fates = innocent_fates(self._archetype, self._unit.size, self._begin_ms, self._scene, self._dice)
        members = [self._founder.member(fate) for fate in fates]
        for member in members:
            enrol(member, member.face, self._scene, self._scribe, self._dice)
        self._act(Stint(self._archetype, self._talk, members))
        self._desk().judge_innocents(members)
        return members

    def of_ring(self) -> list[Member]:
        """A ring acts as its archetype says, and from the change of tactics on as that says then."""
        dice, scene = self._dice, self._scene
        change_ms = scene.end_ms if self._later() is self._archetype else scene.later_ms
        after = self._afterwards(change_ms)
        members: list[Member] = []
        before: list[Member] = []
        for fate in ring_fates(self._archetype, self._unit.size, self._begin_ms, scene, dice):
            predecessor = members[fate.heir_of] if fate.heir_of is not None else None
            newer = fate.joined_ms >= change_ms
            founder = after.founder if newer else self._founder
            member = self._recruit(founder, fate, predecessor, change_ms)
            members.append(member)
            if newer:
                after.members.append(member)
            else:
                before.append(_until(member, change_ms, scene.start_ms))
                if member.until_ms > change_ms:
                    after.members.append(self._changed(member, after.founder, change_ms))
        for stint in (Stint(self._archetype, self._talk, before), Stint(after.archetype, after.talk, after.members)):
            if stint.members:
                self._act(stint)
        self._desk().judge_ring(members)
        return members

    def _later(self) -> Archetype:
        return self._scene.archetype_at(self._unit.archetype, self._scene.end_ms)

    def _afterwards(self, change_ms: int) -> _Afterwards:
        """The ring's second half; for a ring without one it stays empty."""
        unit, scene = self._unit, self._scene
        archetype = self._later()
        if change_ms >= scene.end_ms:
            return _Afterwards(archetype, self._talk, self._founder, [])
        dice = Dice.of(scene.seed, "unit", unit.ordinal, "later")
        templates = Dice.of(scene.seed, unit.operator, "templates", "later")
        founder = Founder(archetype, scene, dice, _kin(unit, scene, later=True), self._founder.cover)
        return _Afterwards(archetype, Talk(archetype, scene, dice, templates, self._own_texts), founder, [])

    def _changed(self, member: Member, founder: Founder, change_ms: int) -> Member:
        """The account after the change: other devices and addresses, another card, the rest of its requests."""
        rest = _until(member, change_ms, self._scene.start_ms).habits.volume
        habits = replace(member.habits, volume=max(0, member.habits.volume - rest))
        changed = replace(member, joined_ms=change_ms, habits=habits, face=founder.face_of(member))
        if self._archetype.takeover is None and member.card:
            changed.card = founder.new_card()
            pay(changed, change_ms, self._scene, self._scribe, self._dice)
        return changed

    def _act(self, stint: Stint) -> None:
        """Lets the accounts make their requests: as one pool, or each by itself."""
        scene, scribe, dice = self._scene, self._scribe, self._dice
        if stint.archetype.relay:
            cover = self._founder.cover
            Operation(stint.archetype.relay, stint.members, stint.talk, scene, scribe, dice, cover).run()
            return
        for member in stint.members:
            live(member, stint.archetype.activity, stint.talk, scene, scribe, dice)

    def _desk(self) -> Desk:
        return Desk(self._archetype, self._scene, self._scribe, self._dice)

    def _recruit(self, founder: Founder, fate: Fate, predecessor: Member | None, change_ms: int) -> Member:
        """A new account of the ring: signed up by it, or stolen from somebody. Its card serves until the change."""
        if self._archetype.takeover is not None:
            return self._steal(founder, fate, self._archetype.takeover.victim, self._archetype.takeover.owner_share)
        member = founder.member(fate, predecessor)
        first = _until(member, change_ms, self._scene.start_ms) if fate.joined_ms < change_ms else member
        enrol(first, member.face, self._scene, self._scribe, self._dice)
        return member

    def _steal(self, founder: Founder, fate: Fate, victim: str, owner_share: tuple[float, float]) -> Member:
        """An ordinary person's account, used by its owner from its own devices until the ring takes it."""
        scene, scribe, dice = self._scene, self._scribe, self._dice
        victims = scene.archetypes[victim]
        first_ms = scene.start_ms - int(dice.between(AGED_DAYS) * DAY_MS)
        member = Founder(victims, scene, dice, dice).member(Fate(first_ms))
        member.until_ms = fate.banned_ms or scene.end_ms
        enrol(member, member.face, scene, scribe, dice)
        volume = member.habits.volume
        before = round(volume * dice.between(owner_share))
        if fate.joined_ms > scene.start_ms:
            talk = Talk(victims, scene, dice, dice, self._own_texts)
            use(member, member.face, scene.start_ms, fate.joined_ms, before, talk, scene, scribe, dice)
        member.habits.volume = max(1, volume - before)
        member.joined_ms, member.banned_ms = fate.joined_ms, fate.banned_ms
        member.face = founder.face_for_stolen()
        return member


@dataclass(frozen=True)
class _Afterwards:
    """A ring once its tactics have changed; `members` are added as they join or go on."""

    archetype: Archetype
    talk: Talk
    founder: Founder
    members: list[Member]


def _until(member: Member, change_ms: int, start_ms: int) -> Member:
    """The account up to the change, with its part of the requests by time."""
    from_ms = max(member.joined_ms, start_ms)
    if member.until_ms <= change_ms:
        return member
    part = max(0.0, change_ms - from_ms) / max(1, member.until_ms - from_ms)
    return replace(member, until_ms=change_ms, habits=replace(member.habits, volume=round(member.habits.volume * part)))
