"""A late review: after a world's end, people go through much of it, and their decisions are what a model learns from.

Like any review it is partial and errs. Its labels are decided after the last event, so that nothing computed for a
moment of the world can see them.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET

from graphsvc.events.types import ABUSIVE_KINDS, BENIGN_KINDS, Label
from graphsvc.simulate.dice import Dice
from graphsvc.simulate.member import Member
from graphsvc.simulate.scribe import Scribe, moment
from graphsvc.simulate.spec import Archetype, Review

DAY_MS = 86_400_000


def review(
    review: Review, archetype: Archetype, members: Sequence[Member], end_ms: int, scribe: Scribe, dice: Dice
) -> None:
    """Labels most members of a ring that comes to light, or of a unit of innocents that is looked at. Whoever is called
    abusive is put to the unit's case, be it right or wrong: no field of a label tells who errs."""
    abusive = archetype.side == "operator"
    if not dice.chance(dice.between(review.rings if abusive else review.innocents)):
        return
    share = dice.between(review.members)
    begun_ms = end_ms + int(dice.between(review.days) * DAY_MS)
    name = f"case-{dice.hex(8)}" if dice.chance(review.attributed) else ""
    for member in members:
        if dice.chance(share):
            decided_ms = begun_ms + int(dice.random() * DAY_MS)
            scribe.label(_label(review, archetype, abusive, member, decided_ms, name, dice), decided_ms)


def _label(
    review: Review, archetype: Archetype, abusive: bool, member: Member, decided_ms: int, operator: str, dice: Dice
) -> Label:
    wrong = dice.chance(review.error)
    accused = abusive != wrong
    kinds = ABUSIVE_KINDS if accused else BENIGN_KINDS
    kind = dice.one(kinds) if wrong or dice.chance(review.error) else archetype.kind
    return Label(
        account_id=member.account_id,
        verdict="abusive" if accused else "benign",
        decided_at=moment(decided_ms),
        source="review",
        kind=kind if dice.chance(review.kind_given) else UNSET,  # type: ignore[arg-type]
        operator_id=operator if operator and accused else UNSET,
        confidence=round(dice.between((0.6, 1.0)), 2),
    )
