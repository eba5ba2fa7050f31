"""What a cell of a table means: text, numbers, truths and times, by what the mapping says of them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from graphsvc.errors import BadInput
from graphsvc.events.mapping import TableFormat, Value

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_UNITS = {"epoch_s": 1, "epoch_ms": 1_000, "epoch_us": 1_000_000}
SECONDS_MAX = 253_402_300_799
"""The end of the year 9999; a time beyond is in another unit."""
CATEGORY_CHARACTERS_MAX = 128
TRUTHS = {
    **dict.fromkeys(("true", "t", "yes", "y", "1", "1.0"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0", "0.0"), False),
}
_SURROGATE = re.compile("[\ud800-\udfff]")
Read = Callable[[Any], Any]


class BadCell(Exception):
    """A cell that cannot be what the mapping takes it as. Never says what it holds."""

    def __init__(self, code: str, detail: str, hint: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.hint = hint


def reading(value: Value, sort: str, form: TableFormat) -> Read:
    """A function from a cell to what it means, None where it is empty; it raises BadCell.

    `sort` is text, integer, number, boolean, category or time. Raises BadInput where the mapping names no known time
    zone."""
    convert = _converter(value, sort, form)
    nulls, mapped, default = frozenset(form.null), value.map, value.default

    def read(cell: Any) -> Any:
        if isinstance(cell, str):
            cell = cell.strip()
            if cell in nulls:
                cell = None
        elif isinstance(cell, float) and math.isnan(cell):
            cell = None
        if cell is None:
            cell = default
        elif mapped is not None:
            cell = _meaning(mapped, text_of(cell))
        return None if cell is None or cell == "" else convert(cell)

    return read


def text_of(cell: Any) -> str:
    """A cell as text: 12.0, as tables write whole numbers that miss a few, is 12."""
    if isinstance(cell, str):
        if not cell.isascii() and _SURROGATE.search(cell):
            raise BadCell("encoding", "The text is not in the encoding of the mapping.", "Set [table] encoding.")
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float | Decimal) and math.isfinite(cell) and cell == int(cell):
        return str(int(cell))
    if isinstance(cell, datetime | date):
        return cell.isoformat()
    if isinstance(cell, bytes):
        return cell.hex()
    if isinstance(cell, list | dict | tuple):
        raise BadCell("nested", "The column holds lists or records.", "Take them apart before the import.")
    return str(cell)


def _meaning(mapped: dict[str, Any], text: str) -> Any:
    if text in mapped:
        return mapped[text]
    if "*" in mapped:
        return mapped["*"]
    raise BadCell("unmapped", "The value is not in the mapping's `map`.", 'Add it, or "*" for everything else.')


def _converter(value: Value, sort: str, form: TableFormat) -> Read:
    if sort == "time":
        return _time(value)
    if sort == "integer":
        return lambda cell: _integer(cell, value.scale, form)
    if sort == "number":
        return lambda cell: cell if isinstance(cell, bool) else _number(cell, form) * value.scale
    if sort == "boolean":
        return _truth
    if sort == "category":
        return _category
    prefix = value.prefix
    return lambda cell: prefix + text_of(cell)


def _truth(cell: Any) -> bool:
    if isinstance(cell, bool):
        return cell
    found = TRUTHS.get(text_of(cell).casefold())
    if found is None:
        raise BadCell("no_boolean", "This is neither true nor false.", "Say which is which with `map`.")
    return found


def _category(cell: Any) -> str:
    text = text_of(cell)
    if len(text) > CATEGORY_CHARACTERS_MAX:
        raise BadCell("too_long", "This is a text and no category.", "Leave the column out.")
    return text


def _decimal(cell: Any, form: TableFormat) -> Decimal:
    text = text_of(cell)
    if isinstance(cell, str):
        if form.thousands:
            text = text.replace(form.thousands, "")
        if form.decimal == ",":
            text = text.replace(",", ".")
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise _no_number() from None
    if not number.is_finite() or abs(number.adjusted()) > 300:
        raise _no_number()
    return number


def _number(cell: Any, form: TableFormat) -> float:
    if isinstance(cell, int | float):
        if not math.isfinite(cell):
            raise _no_number()
        return float(cell)
    return float(_decimal(cell, form))


def _integer(cell: Any, scale: float, form: TableFormat) -> int:
    number = _decimal(cell, form) * Decimal(str(scale))
    if number != number.to_integral_value():
        raise BadCell("no_integer", "This is no whole number.", "Give `scale`, such as 100 for cents.")
    return int(number)


def _no_number() -> BadCell:
    return BadCell("no_number", "This is no number.", 'See [table] decimal and thousands, or take it as = "category".')


def _time(value: Value) -> Read:
    zone = _zone(value.zone)
    form = value.format or "iso"
    if form in EPOCH_UNITS:
        unit = EPOCH_UNITS[form]
        return lambda cell: _since_epoch(cell, unit)
    if form != "iso" and "%" not in form:
        raise BadInput(
            f"The time format {form!r} is not known.",
            hint="Take iso, epoch_s, epoch_ms, epoch_us, or a pattern such as %d.%m.%Y %H:%M.",
        )

    def read(cell: Any) -> datetime:
        moment = cell if isinstance(cell, datetime | date) else _parsed(text_of(cell), form)
        if not isinstance(moment, datetime):
            moment = datetime(moment.year, moment.month, moment.day)
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)

    return read


def _parsed(text: str, form: str) -> datetime:
    try:
        return datetime.fromisoformat(text) if form == "iso" else datetime.strptime(text, form)
    except ValueError:
        raise BadCell("no_time", f"This is no time of the form {form}.", "Set `format` of the time.") from None


def _since_epoch(cell: Any, unit: int) -> datetime:
    if isinstance(cell, datetime):
        return cell if cell.tzinfo is not None else cell.replace(tzinfo=UTC)
    number = _decimal(cell, TableFormat())
    if not 0 <= number / unit <= SECONDS_MAX:
        raise BadCell("no_time", "This time is before 1970 or past 9999.", "Set `format`: epoch_s, epoch_ms …")
    return EPOCH + timedelta(microseconds=int(number * 1_000_000 / unit))


def _zone(name: str) -> tzinfo:
    if name in ("", "UTC"):
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise BadInput(f"The time zone {name!r} is not known.", hint="Name it like Europe/Berlin.") from None
