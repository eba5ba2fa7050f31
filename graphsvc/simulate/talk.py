"""What is asked: conversations from the prompt pack, by the sources that an archetype names."""

from __future__ import annotations

from collections.abc import Iterator

from graphsvc.events.types import Message
from graphsvc.simulate.dice import Dice
from graphsvc.simulate.member import Habits
from graphsvc.simulate.pack import Pack
from graphsvc.simulate.playbook import Playbook
from graphsvc.simulate.scene import Scene
from graphsvc.simulate.spec import Archetype

BARE_FOLLOWUPS = 0.45
OWN_HARNESS = 0.5
SEPARATORS = (" ", " ", "\n", "\n\n")
NOTE, LONG_NOTE, LONG_TEXT = (12, 30), (12, 90), (60, 140)
"""Words of a text of somebody's own, from and to."""
LEFT_MOST = 24
"""So many conversations of a unit lie open for others to go on with."""
PASTED = ("", "", "Note:", ">", "--", "(1)", "*", "Re:")


class Talk:
    """The prompts of one unit. `kin`: dice of the operator, from which its templates come; `own_texts`: public prompts
    that only this unit uses."""

    def __init__(self, archetype: Archetype, scene: Scene, dice: Dice, kin: Dice, own_texts: Iterator[str]) -> None:
        self._mix = archetype.prompts
        self._pack, self._dice = scene.pack, dice
        self._own_texts, self._own_share = own_texts, scene.own_share
        self._vendor = [text.draw(dice) for text in dice.sample(list(scene.pack.vendor), 1)]
        self._exercises = dice.sample(list(scene.pack.exercise), 2)
        self._harness = [text.draw(dice) for text in dice.sample(list(scene.pack.benchmark), 2)]
        if dice.chance(OWN_HARNESS):
            self._harness = [f"{pasted(scene.pack, dice, *NOTE)}\n{{item}}"]
        self._borrowed, self._borrowed_share = "", 0.0
        self._passed_on = dice.between(archetype.activity.passed_on)
        self._left: list[tuple[int, list[Message]]] = []
        self._playbook: Playbook | None = None
        if "template" in archetype.prompts:
            self._playbook = Playbook(archetype.templates, scene.pack, kin, dice)
            self._bespoke = kin.between(archetype.templates.bespoke)

    @property
    def vendor(self) -> str:
        """The system prompt of the unit's vendor."""
        return self._vendor[0]

    def borrow(self, system: str, share: float) -> None:
        """From now on a share of the conversations goes under this system prompt of others."""
        self._borrowed, self._borrowed_share = system, share

    def opening(self, habits: Habits) -> list[Message]:
        """The messages of a first request."""
        source = self._dice.pick(self._mix)
        system, user = self._opening(source, habits)
        if self._borrowed and self._dice.chance(self._borrowed_share):
            system = self._borrowed
        first = [Message("system", system)] if system else []
        return [*first, Message("user", user)]

    def leave(self, ms: int, messages: list[Message]) -> None:
        """A conversation that others of the unit may go on with after this moment."""
        if self._passed_on and messages:
            if len(self._left) >= LEFT_MOST:
                self._left.pop(self._dice.below(LEFT_MOST))
            self._left.append((ms, list(messages)))

    def taken_up(self, ms: int) -> list[Message]:
        """What somebody of the unit left before this moment, where this conversation goes on with it; else nothing."""
        if not self._passed_on or not self._dice.chance(self._passed_on):
            return []
        before = [messages for left_ms, messages in self._left if left_ms < ms]
        return list(self._dice.one(before)) if before else []

    def followup(self, habits: Habits) -> Message:
        """A short remark that anybody might make, or one that only this conversation could have."""
        dice, pack = self._dice, self._pack
        if not habits.system and dice.chance(BARE_FOLLOWUPS):
            return Message("user", dice.one(pack.bare).draw(dice))
        remark = dice.one(pack.followups).draw(dice)
        return Message("user", f"{remark} {pasted(pack, dice, 12, 40)}")

    def reply(self) -> Message:
        return Message("assistant", " ".join(self._dice.several(self._pack.replies, 3 + self._dice.below(3))))

    def _opening(self, source: str, habits: Habits) -> tuple[str, str]:
        dice, pack = self._dice, self._pack
        match source:
            case "popular":
                return habits.system, self._popular()
            case "vendor":
                return self._vendor[0], ordinary(pack, habits, dice, longest=2)
            case "exercise":
                text = dice.one(self._exercises).draw(dice)
                return "", text.replace("{wish}", dice.one(pack.contexts).draw(dice))
            case "benchmark":
                return "", self._benchmark_item()
            case "job":
                return habits.system, habits.job
            case "template" if self._playbook and not dice.chance(self._bespoke):
                return self._playbook.prompt(habits)
            case _:
                return habits.system, self._own_text() or ordinary(pack, habits, dice)

    def _popular(self) -> str:
        dice, famous = self._dice, self._pack.famous
        return dice.popular(famous) if famous else dice.popular(self._pack.popular).draw(dice)

    def _own_text(self) -> str | None:
        """A public prompt that nobody in this world has used yet."""
        return next(self._own_texts, None) if self._dice.chance(self._own_share) else None

    def _benchmark_item(self) -> str:
        dice, pack = self._dice, self._pack
        item = dice.one(pack.items) if pack.items else dice.one(pack.benchmark_items).draw(dice)
        return dice.one(self._harness).replace("{item}", item)


def ordinary(pack: Pack, habits: Habits, dice: Dice, longest: int = 4) -> str:
    """A prompt of one of somebody's fields: a task, up to `longest` sentences of context, an own text, a wish."""
    area = dice.one(habits.areas)
    parts = [dice.one(area.tasks).draw(dice)]
    parts += [text.draw(dice) for text in dice.sample(area.contexts, 1 + dice.below(2))]
    if not area.wordy:
        parts += [text.draw(dice) for text in dice.sample(pack.contexts, dice.below(longest))]
    parts.append(pasted(pack, dice, *(LONG_TEXT if area.wordy else NOTE if dice.chance(0.7) else LONG_NOTE)))
    if not area.wordy:
        parts.append(dice.one(pack.wishes).draw(dice))
    return dice.one(SEPARATORS).join(part for part in parts if part)


def pasted(pack: Pack, dice: Dice, low: int, high: int) -> str:
    """A text of somebody's own: words that no one else uses in that order."""
    words = dice.several(pack.words, low + dice.below(high - low))
    return f"{dice.one(PASTED)} {' '.join(words)}."
