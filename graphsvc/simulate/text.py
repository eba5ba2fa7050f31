"""Texts with slots: `{city}` is filled from the slot list of that name, `{3-40}` with a number of that range."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from graphsvc.errors import BadUsage
from graphsvc.simulate.dice import Dice

SLOT = re.compile(r"\{([a-z_]+|\d+-\d+)\}")
GIVEN = ("item", "wish")
"""Slots whose content the caller puts in."""


class Number:
    """A whole number of a range."""

    __slots__ = ("_low", "_span")

    def __init__(self, name: str) -> None:
        low, high = map(int, name.split("-"))
        self._low, self._span = low, high - low + 1

    def draw(self, dice: Dice) -> str:
        return str(self._low + int(dice.random() * self._span))


class Text:
    """A text and its slots; `draw` fills them anew each time."""

    __slots__ = ("form", "slots")

    def __init__(self, source: str, lists: Mapping[str, SlotList]) -> None:
        self.slots: list[Number | SlotList] = []
        form = ""
        for index, part in enumerate(SLOT.split(source)):
            if index % 2 == 0:
                form += part.replace("%", "%%")
                continue
            if part in GIVEN:
                form += f"{{{part}}}"
                continue
            if not part[0].isdigit() and part not in lists:
                raise BadUsage(f"A prompt text has the unknown slot {part}.")
            self.slots.append(Number(part) if part[0].isdigit() else lists[part])
            form += "%s"
        self.form = form if self.slots else form % ()

    def draw(self, dice: Dice) -> str:
        return self.form % tuple([slot.draw(dice) for slot in self.slots]) if self.slots else self.form


class SlotList:
    """The texts that may fill one slot."""

    __slots__ = ("texts",)

    def __init__(self) -> None:
        self.texts: list[Text] = []

    def draw(self, dice: Dice) -> str:
        text = self.texts[int(dice.random() * len(self.texts))]
        return text.draw(dice) if text.slots else text.form


def slot_lists(sources: Mapping[str, Sequence[str]]) -> dict[str, SlotList]:
    """Slot lists that may refer to each other."""
    lists = {name: SlotList() for name in sources}
    for name, texts in sources.items():
        lists[name].texts.extend(Text(text, lists) for text in texts)
    return lists
