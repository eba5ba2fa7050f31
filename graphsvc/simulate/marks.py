"""Whom a ring leans on: the innocents in whose midst it hides, and the one whom it frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from graphsvc.simulate.dice import Dice
from graphsvc.simulate.member import Member
from graphsvc.simulate.plan import Unit
from graphsvc.simulate.spec import Mix, Poison
from graphsvc.simulate.talk import Talk

LOOKED_AT = 4
MEMBERS_SEEN = 60


@dataclass(frozen=True)
class Guise:
    """What can be seen of a unit of innocents: when it begins, what it says, its first accounts."""

    begin_ms: int
    talk: Talk
    members: Sequence[Member]


@dataclass(frozen=True)
class Cover:
    """What a ring has of innocents: addresses, a vendor prompt and a referral code of a unit, and a framed `person`.

    Each number is the ring's own share (of sessions, prompts, accounts); `hops` counts turns of conversations.
    """

    hub: Sequence[str] = ()
    addresses: float = 0.0
    vendor: str = ""
    prompts: float = 0.0
    code: str | None = None
    referral: float = 0.0
    person: Member | None = None
    device: float = 0.0
    mail: float = 0.0
    card: float = 0.0
    hops: int = 0


def cover_of(
    poison: Poison, marks: Mapping[str, Sequence[Unit]], guise: Callable[[Unit, int], Guise], dice: Dice
) -> Cover:
    """The innocents on whom one ring leans, drawn among the world's units by group (`marks`)."""
    host = _earliest(poison.hides, marks, guise, MEMBERS_SEEN, dice)
    framed = _earliest(poison.frames, marks, guise, 1, dice)
    hub = list(dict.fromkeys(m.face.shared_address for m in host.members if m.face.shared_address)) if host else []
    return Cover(
        hub=hub,
        addresses=dice.between(poison.addresses) if hub else 0.0,
        vendor=host.talk.vendor if host else "",
        prompts=dice.between(poison.prompts) if host else 0.0,
        code=next((m.referral for m in host.members if m.referral), None) if host else None,
        referral=dice.between(poison.referral),
        person=framed.members[0] if framed else None,
        device=dice.between(poison.device),
        mail=dice.between(poison.mail),
        card=dice.between(poison.card),
        hops=dice.whole(poison.hops),
    )


def _earliest(
    groups: Mix, marks: Mapping[str, Sequence[Unit]], guise: Callable[[Unit, int], Guise], most: int, dice: Dice
) -> Guise | None:
    """Of a few units of one group the one that exists first, since nobody can lean on those who are yet to come."""
    present = {name: weight for name, weight in groups.items() if marks.get(name) and weight > 0}
    if not present:
        return None
    units = marks[dice.pick(present)]
    return min((guise(dice.one(units), most) for _ in range(LOOKED_AT)), key=lambda seen: seen.begin_ms)
