"""What a column of a table looks like: what its values are shaped like, how often they repeat."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

_MAIL = re.compile(r"[^@\s]{1,64}@[\w-]+(\.[\w-]+)+")
_PHONE = re.compile(r"\+?\d[\d ()/.-]{6,18}\d")
_WHOLE = re.compile(r"-?\d{1,18}")
_NUMBER = re.compile(r"-?(\d+\.?\d*|\.\d+)(e-?\d+)?", re.IGNORECASE)
_COMMA_NUMBER = re.compile(r"-?\d{1,15},\d+")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?")
PATTERNS = (
    *("%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y"),
    *("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y"),
    *("%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y"),
    *("%Y/%m/%d %H:%M:%S", "%Y/%m/%d", "%Y%m%d%H%M%S"),
)
BEGIN_S, END_S = 946_684_800, 2_208_988_800
"""2000 to 2040: whole numbers in between are times; others may be counts."""
MOSTLY = 0.95
"""A few bad cells do not change what a column is."""
VALUES_KEPT = 200


@dataclass(frozen=True)
class Shape:
    """A column of a sample. `shape` is mail, ip, phone, time, boolean, whole, number or text; `form` the format of a
    time. `values` are the commonest, `distinct` counts all, `given` the cells that are not empty; `longest` in
    characters. `decimal_comma`: its numbers are written 1,5."""

    name: str
    shape: str
    form: str
    given: int
    empty: int
    distinct: frozenset[str]
    values: tuple[str, ...]
    longest: int
    decimal_comma: bool = False

    @property
    def repeats(self) -> float:
        """How often a value comes on average."""
        return self.given / max(len(self.distinct), 1)


def is_mail(text: str) -> bool:
    return _MAIL.fullmatch(text) is not None


def shape_of(name: str, cells: Sequence[Any], nulls: Sequence[str]) -> Shape:
    """What a column's cells look like."""
    given = [cell for cell in cells if cell is not None and str(cell).strip() not in nulls]
    texts = [str(cell).strip() for cell in given]
    counts = Counter(texts)
    shape, form = _shape(given, list(counts))
    return Shape(
        name=name,
        shape=shape,
        form=form,
        given=len(given),
        empty=len(cells) - len(given),
        distinct=frozenset(counts),
        values=tuple(text for text, _ in counts.most_common(VALUES_KEPT)),
        longest=max(map(len, texts), default=0),
        decimal_comma=shape == "number" and _mostly(_COMMA_NUMBER.fullmatch, list(counts)),
    )


def _shape(given: list[Any], texts: list[str]) -> tuple[str, str]:
    if not given:
        return "text", ""
    if all(isinstance(cell, datetime | date) for cell in given):
        return "time", "iso"
    if all(isinstance(cell, bool) for cell in given):
        return "boolean", ""
    if _mostly(_MAIL.fullmatch, texts):
        return "mail", ""
    if _mostly(_is_address, texts):
        return "ip", ""
    if form := _time_form(texts):
        return "time", form
    if {text.casefold() for text in texts} <= {"true", "false", "t", "f", "yes", "no", "y", "n"}:
        return "boolean", ""
    if _mostly(_WHOLE.fullmatch, texts):
        return "whole", ""
    if _mostly(_NUMBER.fullmatch, texts) or _mostly(_COMMA_NUMBER.fullmatch, texts):
        return "number", ""
    return ("phone", "") if _mostly(_PHONE.fullmatch, texts) else ("text", "")


def _time_form(texts: list[str]) -> str:
    if _mostly(_ISO.fullmatch, texts):
        return "iso"
    if _mostly(_WHOLE.fullmatch, texts):
        for form, unit in (("epoch_s", 1), ("epoch_ms", 1_000), ("epoch_us", 1_000_000)):
            if _mostly(lambda text, unit=unit: BEGIN_S * unit <= int(text) < END_S * unit, texts):  # type: ignore[misc]
                return form
    return next((pattern for pattern in PATTERNS if _mostly(lambda t, p=pattern: _parses(t, p), texts)), "")  # type: ignore[misc]


def _parses(text: str, pattern: str) -> bool:
    try:
        datetime.strptime(text, pattern)
    except ValueError:
        return False
    return True


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _mostly(test: Callable[[str], object], texts: list[str]) -> bool:
    """Whether nearly all of the texts pass; the first ones decide quickly that they do not."""
    head = texts[:20]
    if sum(bool(_safely(test, text)) for text in head) < MOSTLY * 0.8 * len(head):
        return False
    return sum(bool(_safely(test, text)) for text in texts) >= MOSTLY * len(texts)


def _safely(test: Callable[[str], object], text: str) -> object:
    try:
        return test(text)
    except ValueError:
        return False
