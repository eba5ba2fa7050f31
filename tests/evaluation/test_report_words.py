"""How figures are said: never better than they are."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphsvc.evaluation import words
from graphsvc.evaluation.figures import Estimate


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0.0, "0%"),
        (0.00001, "<0.01%"),
        (0.0042, "0.42%"),
        (0.00996, "1.0%"),
        (0.0421, "4.2%"),
        (0.5, "50.0%"),
        (0.9994, "99.9%"),
        (0.9996, ">99.9%"),
        (1.0, "100%"),
        (math.nan, "—"),
    ],
)
def test_percent(share: float, said: str) -> None:
    assert words.percent(share) == said


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_nearly_all_is_never_all_and_nearly_none_never_none(share: float) -> None:
    assert words.percent(share) not in ("0%", "100%", "100.0%", "0.00%")
    assert words.decimal(share) != "1.000"


@pytest.mark.parametrize(
    ("count", "said"), [(7, "7"), (999, "999"), (1_000, "1.0k"), (1_234, "1.2k"), (18_200, "18k"), (2_400_000, "2.4M")]
)
def test_compact(count: int, said: str) -> None:
    assert words.compact(count) == said


@pytest.mark.parametrize(("hours", "said"), [(0.42, "0.4 h"), (40.2, "40.2 h"), (168, "7.0 d"), (math.nan, "—")])
def test_span(hours: float, said: str) -> None:
    assert words.span(hours) == said


@pytest.mark.parametrize(
    ("written", "said"), [("20.0%", "20%"), ("0.10%", "0.1%"), ("0.250", "0.25"), ("1,000", "1,000"), ("7.0 d", "7 d")]
)
def test_ticks_have_no_idle_zeros(written: str, said: str) -> None:
    assert words.trimmed(written) == said


def test_an_estimate_is_said_with_its_interval_and_one_unit() -> None:
    assert words.estimate(Estimate(0.041, 0.012, 0.09), words.percent) == "4.1% (1.2–9.0%)"
    assert words.estimate(Estimate(40.2, 7.2, 210), words.span) == "40.2 h (7.2 h–8.8 d)"
    assert words.estimate(Estimate(420, 410, 3_312), words.span) == "17.5 d (17.1–138.0 d)"
    assert words.interval(Estimate(0.5, 0.5, 1.0), words.decimal) == "0.500–1.000"
    assert words.estimate(Estimate(0.5, math.nan, math.nan), words.decimal) == "0.500 (no interval)"
    assert words.estimate(Estimate(math.nan, math.nan, math.nan), words.percent) == "—"


def test_code_names_are_words() -> None:
    assert [words.label(code) for code in ("carrier_nat", "mail_alias", "CI", "two  words")] == [
        "carrier NAT",
        "mail alias",
        "CI",
        "two  words",
    ]


def test_counts_and_money() -> None:
    assert words.counted(1, "person", "people") == "1 person"
    assert words.counted(2_150, "person", "people") == "2,150 people"
    assert words.counted(0, "ring") == "0 rings"
    assert [words.number(11.0), words.number(11.5), words.number(math.nan)] == ["11", "11.5", "—"]
    assert [words.dollars(2.1), words.times(9.25), words.dollars(math.nan), words.times(math.nan)] == [
        "$2.10",
        "9.2×",
        "—",
        "—",
    ]
