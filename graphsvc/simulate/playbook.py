"""Distillation templates: an operator's frames, its habits of hiding them, and the content they carry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphsvc.simulate.dice import Dice
from graphsvc.simulate.member import Habits
from graphsvc.simulate.pack import Pack
from graphsvc.simulate.spec import Templates
from graphsvc.simulate.text import Text

ZERO_WIDTH = ("​", "‌", "‍", "⁠")
ZERO_WIDTH_SPACING = 40
CONTENT_WORDS = (20, 140)
"""How long the texts at most are that one operator works through, longer than the shortest of them."""
PARTS = {"role": 0.75, "work": 0.95, "form": 0.9, "rule": 0.6}


@dataclass(frozen=True)
class Frame:
    """One template: its sentences in order (each with the ways to say it) and the style of its content slot."""

    before: Sequence[Sequence[Text]]
    after: Sequence[Sequence[Text]]
    slot: Text
    as_system: bool


class Playbook:
    """The templates of one operator (drawn by `kin`), used by one ring (whose draws come from `dice`)."""

    def __init__(self, knobs: Templates, pack: Pack, kin: Dice, dice: Dice) -> None:
        self._pack, self._dice = pack, dice
        self._frames = [_frame(pack, kin) for _ in range(max(1, kin.whole(knobs.count)))]
        self._usual = {id(saying): kin.below(len(saying)) for part in pack.parts for saying in part.sayings}
        self._paraphrase = kin.between(knobs.paraphrase)
        self._zero_width = kin.between(knobs.zero_width) if kin.chance(0.5) else 0.0
        self._wrapped = kin.between(knobs.wrapped) if kin.chance(0.5) else 0.0
        self._benchmark_share = kin.random()
        self._content_words = kin.whole(CONTENT_WORDS)

    def prompt(self, habits: Habits) -> tuple[str, str]:
        """System and user text of one request."""
        dice = self._dice
        frame = dice.popular(self._frames)
        slot = frame.slot.draw(dice).replace("{item}", self._content(habits))
        before, after = self._said(frame.before), self._said(frame.after)
        if frame.as_system:
            return self._hidden("\n".join(before)), self._wrap("\n".join([slot, *after]))
        return "", self._wrap(self._hidden("\n".join([*before, slot, *after])))

    def _said(self, sayings: Sequence[Sequence[Text]]) -> list[str]:
        dice = self._dice
        return [
            (dice.one(saying) if dice.chance(self._paraphrase) else saying[self._usual[id(saying)]]).draw(dice)
            for saying in sayings
        ]

    def _content(self, habits: Habits) -> str:
        dice, pack = self._dice, self._pack
        if dice.chance(self._benchmark_share):
            return dice.one(pack.items) if pack.items else dice.one(pack.benchmark_items).draw(dice)
        area = dice.one(habits.areas)
        words = dice.several(pack.words, 6 + dice.below(self._content_words))
        return " ".join([dice.one(area.tasks).draw(dice), dice.one(area.contexts).draw(dice), *words])

    def _wrap(self, text: str) -> str:
        dice = self._dice
        if not dice.chance(self._wrapped):
            return text
        wrapper = dice.one(self._pack.wrappers).draw(dice)
        return f"{wrapper}\n{text}" if wrapper else text

    def _hidden(self, text: str) -> str:
        """The text with zero-width signs strewn in, as templates are hidden from exact matching."""
        dice = self._dice
        if not dice.chance(self._zero_width):
            return text
        signs = list(text)
        for _ in range(1 + len(text) // ZERO_WIDTH_SPACING):
            signs.insert(dice.below(len(signs)), dice.one(ZERO_WIDTH))
        return "".join(signs)


def _frame(pack: Pack, kin: Dice) -> Frame:
    chosen: list[Sequence[Text]] = []
    for part in pack.parts:
        if kin.chance(PARTS[part.name]):
            chosen += kin.sample(list(part.sayings), 1 + (part.name == "work" and kin.chance(0.5)))
    cut = kin.below(len(chosen) + 1)
    return Frame(chosen[:cut], chosen[cut:], kin.one(pack.slots_styles), bool(cut) and kin.chance(0.25))
