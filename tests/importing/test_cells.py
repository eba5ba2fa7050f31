"""Cells are read as the mapping says, and never shown when they cannot be."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphsvc.errors import BadInput
from graphsvc.events.cells import BadCell, reading
from graphsvc.events.mapping import TableFormat, Value

PLAIN = TableFormat()
COMMA = TableFormat(decimal=",", thousands=".")
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def read(cell: Any, sort: str = "text", form: TableFormat = PLAIN, **value: Any) -> Any:
    return reading(Value(column="x", **value), sort, form)(cell)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("2026-01-01T00:00:00Z", {}),
        ("2026-01-01", {}),
        (date(2026, 1, 1), {}),
        (datetime(2026, 1, 1), {}),
        ("2026-01-01 01:00", {"zone": "Europe/Berlin"}),
        (datetime(2026, 1, 1, 1), {"zone": "Europe/Berlin"}),
        ("1767225600", {"format": "epoch_s"}),
        (1767225600.0, {"format": "epoch_s"}),
        (1767225600000, {"format": "epoch_ms"}),
        ("1767225600000000", {"format": "epoch_us"}),
        ("01.01.2026 00:00", {"format": "%d.%m.%Y %H:%M"}),
        ("12/31/2025 19:00:00 -0500", {"format": "%m/%d/%Y %H:%M:%S %z", "zone": "Asia/Tokyo"}),
    ],
)
def test_times(cell: Any, value: dict[str, str]) -> None:
    assert read(cell, "time", **value) == NEW_YEAR


def test_summer_time_is_known() -> None:
    assert read("2026-07-01 02:00", "time", zone="Europe/Berlin") == datetime(2026, 7, 1, tzinfo=UTC)


@given(st.integers(0, 4_000_000_000_000))
def test_epoch_milliseconds_are_exact(moment_ms: int) -> None:
    moment = read(str(moment_ms), "time", format="epoch_ms")
    assert moment.timestamp() * 1000 == pytest.approx(moment_ms, abs=0.5)
    assert moment.microsecond == moment_ms % 1000 * 1000


@pytest.mark.parametrize(
    ("cell", "sort", "form", "value", "meant"),
    [
        ("1.234,5", "number", COMMA, {}, 1234.5),
        ("12,34", "integer", COMMA, {"scale": 100}, 1234),
        (12.34, "integer", PLAIN, {"scale": 100}, 1234),
        (Decimal("0.10"), "integer", PLAIN, {"scale": 100}, 10),
        ("12.0", "integer", PLAIN, {}, 12),
        (True, "number", PLAIN, {}, True),
        ("Yes", "boolean", PLAIN, {}, True),
        (0, "boolean", PLAIN, {}, False),
        (17.0, "text", PLAIN, {}, "17"),
        (17, "text", PLAIN, {"prefix": "tx-"}, "tx-17"),
        (" a ", "text", PLAIN, {}, "a"),
        ("NULL", "text", PLAIN, {}, None),
        ("", "text", PLAIN, {"default": "free"}, "free"),
        (math.nan, "number", PLAIN, {}, None),
        (1, "text", PLAIN, {"map": {"1": "authorised"}}, "authorised"),
        ("x", "text", PLAIN, {"map": {"*": ""}}, None),
    ],
)
def test_values(cell: Any, sort: str, form: TableFormat, value: dict[str, Any], meant: Any) -> None:
    assert read(cell, sort, form, **value) == meant


@pytest.mark.parametrize(
    ("cell", "sort", "value", "code"),
    [
        ("secret", "number", {}, "no_number"),
        ("inf", "number", {}, "no_number"),
        (math.inf, "number", {}, "no_number"),
        ("1e999", "number", {}, "no_number"),
        ("1.5", "integer", {}, "no_integer"),
        ("secret", "boolean", {}, "no_boolean"),
        ("secret", "time", {}, "no_time"),
        ("secret", "time", {"format": "epoch_s"}, "no_number"),
        ("1767225600000", "time", {"format": "epoch_s"}, "no_time"),
        ("-250000000000", "time", {"format": "epoch_s"}, "no_time"),
        ("secret", "text", {"map": {"a": "b"}}, "unmapped"),
        ("secret" * 40, "category", {}, "too_long"),
        (["secret"], "text", {}, "nested"),
        ("secret\udc80", "text", {}, "encoding"),
    ],
)
def test_what_cannot_be_read_is_not_shown(cell: Any, sort: str, value: dict[str, Any], code: str) -> None:
    with pytest.raises(BadCell) as caught:
        read(cell, sort, **value)
    assert caught.value.code == code
    assert caught.value.hint
    assert "secret" not in f"{caught.value.detail}{caught.value.hint}"


def test_unknown_zones_and_formats_are_refused_before_the_first_row() -> None:
    for value in ({"zone": "Mars/Base"}, {"format": "epoch"}):
        with pytest.raises(BadInput):
            reading(Value(column="x", **value), "time", PLAIN)
