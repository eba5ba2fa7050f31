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

    __slots__ = ("_parts",)

    def __init__(self, source: str, lists: Mapping[str, SlotList]) -> None:
        self._parts: list[str | Number | SlotList] = []
        for index, part in enumerate(SLOT.split(source)):
            if index % 2 == 0:
                self._parts.append(part)
            elif part[0].isdigit():
                self._parts.append(Number(part))
            elif part in GIVEN:
                self._parts.append("{" + part + "}")
            elif part in lists:
                self._parts.append(lists[part])
            else:
                raise BadUsage(f"A prompt text has the unknown slot {part}.")

    def draw(self, dice: Dice) -> str:
        return "".join([part if type(part) is str else part.draw(dice) for part in self._parts])  # type: ignore[union-attr]


class SlotList:
    """The texts that may fill one slot."""

    __slots__ = ("texts",)

    def __init__(self) -> None:
        self.texts: list[Text] = []

    def draw(self, dice: Dice) -> str:
        return self.texts[int(dice.random() * len(self.texts))].draw(dice)


def slot_lists(sources: Mapping[str, Sequence[str]]) -> dict[str, SlotList]:
    """Slot lists that may refer to each other."""
    lists = {name: SlotList() for name in sources}
    for name, texts in sources.items():
        lists[name].texts.extend(Text(text, lists) for text in texts)
    return lists
