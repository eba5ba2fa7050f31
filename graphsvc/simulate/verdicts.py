"""What reviewers and the provider's systems decided: late, in part, and not without errors."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET

from graphsvc.events.types import ABUSIVE_KINDS, BENIGN_KINDS, Label
from graphsvc.simulate.dice import Dice
from graphsvc.simulate.member import Member
from graphsvc.simulate.scene import DAY_MS, HOUR_MS, Scene
from graphsvc.simulate.scribe import Scribe, moment
from graphsvc.simulate.spec import Archetype

LABELLED_OF_BANNED = 0.9
FOUND_LATER = 0.12
REVIEWER_ERROR = 0.03
FALSE_ACCUSATION = 0.02
APPEALED = 0.65
KIND_GIVEN = 0.75
WRONG_KIND = 0.08
REASONS = ("usage policy", "automated abuse", "terms of service", "payment risk")


class Desk:
    """Takes decisions on the accounts of one unit. A decision that falls after the world's end is not known in it."""

    def __init__(self, archetype: Archetype, scene: Scene, scribe: Scribe, dice: Dice) -> None:
        self._archetype, self._scene, self._scribe, self._dice = archetype, scene, scribe, dice

    def judge_ring(self, members: Sequence[Member]) -> None:
        """Bans as they were fated; labels hours to weeks later; one operator's name on some rings that were found."""
        dice = self._dice
        banned = [member for member in members if member.banned_ms is not None]
        attributed = dice.between(self._archetype.provider.attributed)
        operator = f"case-{dice.hex(8)}" if dice.chance(0.8) else None
        for member in members:
            if member.banned_ms is not None:
                self._scribe.enforcement(member, member.banned_ms, "banned", dice.one(REASONS), dice)
                if dice.chance(LABELLED_OF_BANNED):
                    source = "enforcement" if dice.chance(0.6) else "review"
                    self._abusive(member, member.banned_ms, source, operator if dice.chance(attributed) else None)
            elif banned and dice.chance(FOUND_LATER):
                known_ms = max(member.joined_ms, banned[0].banned_ms or 0)
                self._abusive(member, known_ms, "review", operator if dice.chance(attributed) else None)

    def judge_innocents(self, members: Sequence[Member]) -> None:
        """Some units raise an alarm and are cleared in part; few accounts are banned by mistake, most come back."""
        dice, provider = self._dice, self._archetype.provider
        false_ban = dice.between(provider.false_ban)
        if dice.chance(dice.between(provider.alarm)):
            share = dice.between((0.1, 0.6))
            alarm_ms = max(self._scene.start_ms, members[0].joined_ms) + int(dice.between_log((0.5, 15)) * DAY_MS)
            for index, member in enumerate(members):
                if index == 0 or dice.chance(share):
                    self._cleared(member, max(alarm_ms, member.joined_ms))
        for member in members:
            if dice.chance(false_ban):
                self._banned_by_mistake(member)

    def _abusive(self, member: Member, known_ms: int, source: str, operator: str | None) -> None:
        dice = self._dice
        if source == "review" and dice.chance(REVIEWER_ERROR):
            self._label(member, "benign", known_ms + self._delay_ms(), source, self._some(BENIGN_KINDS), None)
            return
        kind = dice.one(ABUSIVE_KINDS) if dice.chance(WRONG_KIND) else self._archetype.kind
        kind_given = kind if dice.chance(KIND_GIVEN) else None
        self._label(member, "abusive", known_ms + self._delay_ms(), source, kind_given, operator)

    def _cleared(self, member: Member, alarm_ms: int) -> None:
        dice, decided_ms = self._dice, alarm_ms + self._delay_ms()
        if dice.chance(FALSE_ACCUSATION):
            self._accused(member, decided_ms, "review")
            if dice.chance(APPEALED):
                self._absolved(member, decided_ms + self._delay_ms(), "appeal")
            return
        self._absolved(member, decided_ms, "review")

    def _banned_by_mistake(self, member: Member) -> None:
        dice = self._dice
        from_ms = max(member.joined_ms, self._scene.start_ms)
        ms = from_ms + int(dice.random() * max(1, member.until_ms - from_ms - HOUR_MS))
        self._enforce(member, ms, "banned")
        self._accused(member, ms + HOUR_MS, "enforcement")
        if dice.chance(APPEALED):
            back_ms = ms + int(dice.between((0.2, 5.0)) * DAY_MS)
            self._enforce(member, back_ms, "reinstated")
            self._absolved(member, back_ms, "appeal")

    def _accused(self, member: Member, decided_ms: int, source: str) -> None:
        """An innocent is called abusive, with all that such a decision says of others: no field tells who errs."""
        dice = self._dice
        attributed = dice.chance(dice.between(self._archetype.provider.attributed))
        operator = f"case-{dice.hex(8)}" if attributed else None
        self._label(member, "abusive", decided_ms, source, self._some(ABUSIVE_KINDS), operator)

    def _absolved(self, member: Member, decided_ms: int, source: str) -> None:
        kind = self._archetype.kind if self._dice.chance(KIND_GIVEN) else None
        self._label(member, "benign", decided_ms, source, kind, None)

    def _some(self, kinds: Sequence[str]) -> str | None:
        """A kind, wrong as the verdict is, in as many cases as others have one."""
        return self._dice.one(kinds) if self._dice.chance(KIND_GIVEN) else None

    def _delay_ms(self) -> int:
        """Hours to weeks, a day and a half in the middle."""
        return int(min(45 * 24.0, self._dice.lognormvariate(3.5, 1.1)) * HOUR_MS)

    def _enforce(self, member: Member, ms: int, action: str) -> None:
        if ms < self._scene.end_ms:
            self._scribe.enforcement(member, ms, action, self._dice.one(REASONS), self._dice)

    def _label(
        self, member: Member, verdict: str, decided_ms: int, source: str, kind: str | None, operator: str | None
    ) -> None:
        if decided_ms >= self._scene.end_ms:
            return
        label = Label(
            account_id=member.account_id,
            verdict=verdict,  # type: ignore[arg-type]
            decided_at=moment(decided_ms),
            source=source,
            kind=kind or UNSET,  # type: ignore[arg-type]
            operator_id=operator or UNSET,
            confidence=round(self._dice.between((0.6, 1.0)), 2),
        )
        self._scribe.label(label, decided_ms)
