"""Charts are plain SVG: places come from axes, words are escaped, what is not defined is not drawn."""

from __future__ import annotations

import math
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from graphsvc.evaluation import charts
from graphsvc.evaluation.axes import Axis, Scale, apart, ticks, top_of
from graphsvc.evaluation.charts import Line, Row, Step
from graphsvc.evaluation.figures import Bin, Estimate, Point, RingFound
from tests.evaluation.report_factory import NAN, RINGS, about

SVG = "{*}"


def parsed(chart: Markup) -> ElementTree.Element:
    return ElementTree.fromstring(str(chart))  # noqa: S314 - made a line above


def texts(chart: Markup, kind: str = "") -> list[str]:
    return [one.text or "" for one in parsed(chart).iter("text") if kind in (one.get("class") or "")]


def test_a_scale_puts_its_ends_on_the_ends_and_the_geometric_mean_in_the_middle_of_a_logarithmic_one() -> None:
    plain, log = Scale(Axis("", 0, 4), 100, 0), Scale(Axis("", 0.01, 1, log=True), 0, 10)
    assert [plain(0), plain(1), plain(4)] == [100, 75, 0]
    assert [log(0.01), log(0.1), log(1)] == pytest.approx([0, 5, 10])
    assert plain(9) == 0
    assert log(0) == 0


@pytest.mark.parametrize(
    ("axis", "expected"),
    [
        (Axis("", 0, 1), [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (Axis("", 0, 30), [0, 10, 20, 30]),
        (Axis("", 0, 0.04), [0, 0.01, 0.02, 0.03, 0.04]),
        (Axis("", 0.001, 1, log=True), [0.001, 0.01, 0.1, 1]),
        (Axis("", 0, 10, at=(1, 5, 50)), [1, 5]),
    ],
)
def test_ticks_are_round(axis: Axis, expected: list[float]) -> None:
    assert ticks(axis) == pytest.approx(expected)


@given(st.floats(0, 1e6))
def test_whatever_an_axis_shows_it_has_a_few_ticks_within_it(most: float) -> None:
    axis = Axis("", 0, top_of([most]))
    found = ticks(axis)
    assert 2 <= len(found) <= 6
    assert found[0] == 0
    assert found[-1] <= axis.high * (1 + 1e-9)


@pytest.mark.parametrize("high", [0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.3, 0.6, 0.8, 1.0, 6.0, 80.0])
def test_every_end_that_an_axis_may_have_has_ticks(high: float) -> None:
    assert top_of([high]) == pytest.approx(high)
    assert 2 <= len(ticks(Axis("", 0, high))) <= 6


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_the_end_of_an_axis_is_not_below_any_value(values: list[float]) -> None:
    assert top_of([*values, math.nan]) >= max(values) * (1 - 1e-9)


@given(st.lists(st.floats(0, 100), max_size=6).map(sorted))
def test_labels_keep_apart_and_inside(places: list[float]) -> None:
    moved = apart(places, 15, 0, 100)
    assert all(b - a >= 15 - 1e-9 for a, b in pairwise(moved))
    assert all(-1e-9 <= at <= 100 for at in moved)


def test_labels_that_are_far_apart_stay() -> None:
    assert apart([10, 50, 90], 15, 0, 100) == [10, 50, 90]


def test_every_chart_says_what_it_is_and_takes_words_as_words() -> None:
    chart = charts.dots("<b>t", "a & b", [Row("<script>alert(1)</script>", about(0.5), "n < 3")], Axis(""))
    root = parsed(chart)
    assert root.get("role") == "img"
    assert [root.findtext("title"), root.findtext("desc")] == ["<b>t", "a & b"]
    assert "<script>" not in chart
    assert "<script>alert(1)</script>" in texts(chart, "name")
    assert "n < 3" in texts(chart, "note")


def test_a_dot_lies_where_its_figure_is_and_the_bar_spans_its_interval() -> None:
    root = parsed(charts.dots("", "", [Row("a", Estimate(0.5, 0.25, 1.0))], Axis("")))
    dot, bar = root.find("circle"), root.find("line[@class='interval plain']")
    track = root.find("line[@class='track']")
    assert dot is not None
    assert bar is not None
    assert track is not None
    start, end = float(track.get("x1", "")), float(track.get("x2", ""))
    assert float(dot.get("cx", "")) == pytest.approx((start + end) / 2, abs=0.1)
    assert float(bar.get("x1", "")) == pytest.approx(start + (end - start) / 4, abs=0.1)
    assert float(bar.get("x2", "")) == end


def test_a_figure_that_is_not_defined_is_a_dash_with_a_word_why() -> None:
    chart = charts.dots("", "", [Row("a", NAN, why="no ring in this world")], Axis(""))
    assert "— no ring in this world" in texts(chart)
    assert parsed(chart).find("circle") is None
    assert "nan" not in chart


def test_a_figure_without_an_interval_is_a_dot_alone() -> None:
    chart = charts.dots("", "", [Row("a", Estimate(0.5, math.nan, math.nan))], Axis(""))
    assert parsed(chart).find("circle") is not None
    assert parsed(chart).find("line[@class='interval plain']") is None
    assert texts(chart, "value") == ["50.0% (no interval)"]


def test_a_reliability_curve_writes_the_number_behind_each_dot() -> None:
    bins = (Bin(0.05, 0.01, 18_200), Bin(0.06, 0.02, 40), Bin(0.95, 0.9, 1_210))
    chart = charts.reliability("", "", bins, "accounts")
    assert texts(chart, "count") == ["18k", "40", "1.2k"]
    assert len(parsed(chart).findall("circle")) == 3


def test_counts_that_have_no_room_beside_each_other_stand_in_two_rows() -> None:
    chart = charts.reliability("", "", [Bin((n + 0.5) / 15, n / 15, 1_000 + n) for n in range(15)], "accounts")
    counts = [one for one in parsed(chart).iter("text") if one.get("class") == "count"]
    assert len({one.get("y") for one in counts}) == 2
    across = [float(one.get("x", "")) for one in counts]
    assert min(b - a for a, b in zip(across, across[2:], strict=False)) >= 26


def test_a_dot_of_more_cases_is_larger() -> None:
    dots = parsed(charts.reliability("", "", [Bin(0.1, 0.1, 4), Bin(0.9, 0.9, 400)], "clusters")).findall("circle")
    assert float(dots[0].get("r", "")) < float(dots[1].get("r", ""))


def test_a_curve_between_two_points_promises_the_lower() -> None:
    points = (Point(0.0, 0.2), Point(0.5, 0.8))
    rising = charts.curves("", "", [Line("a", points)], Axis("x"), Axis("y"))
    falling = charts.curves("", "", [Line("a", points[::-1])], Axis("x"), Axis("y"), falling=True)
    assert [step[0] for step in _steps(rising)] == ["M", "H", "V"]
    assert [step[0] for step in _steps(falling)] == ["M", "V", "H"]


def test_the_first_curve_lies_in_front_and_the_key_names_all() -> None:
    lines = [
        Line("shipped", (Point(0.0, 0.2), Point(1, 1)), "78%"),
        Line("rules", (Point(0.0, 0.1), Point(1, 1)), "9%"),
    ]
    chart = charts.curves("", "", lines, Axis("x"), Axis("y"))
    assert [path.get("class") for path in parsed(chart).iter("path")] == ["curve c1", "curve c0"]
    assert texts(chart, "key") == ["shipped 78%", "rules 9%"]


def test_rings_never_found_have_a_column_of_their_own() -> None:
    root = parsed(charts.found_when("", "", RINGS))
    found, never = root.findall("circle[@class='dot c0 seen']"), root.findall("circle[@class='dot bad seen']")
    assert [len(found), len(never)] == [7, 2]
    column = root.find("rect")
    assert column is not None
    assert min(float(one.get("cx", "")) for one in never) > float(column.get("x", ""))
    assert max(float(one.get("cx", "")) for one in found) < float(column.get("x", ""))
    assert "ring-04: never found, 22 accounts" in [one.findtext("title") for one in never]


def test_the_line_of_rings_found_ends_at_the_share_that_was_found() -> None:
    chart = charts.found_by("", "", RINGS)
    ups = [float(step[1:]) for step in _steps(chart) if step[0] == "V"]
    assert texts(chart, "key") == ["7 of 9 found"]
    assert len(set(ups)) == 7
    assert ups == sorted(ups, reverse=True)


def test_where_no_ring_was_found_the_line_stays_at_the_ground() -> None:
    chart = charts.found_by("", "", [RingFound("a", "trial_farm", 5, 0.0, None, None)])
    assert texts(chart, "key") == ["0 of 1 found"]
    assert len({step for step in _steps(chart) if step[0] == "V"}) == 1


def test_a_staircase_names_each_step() -> None:
    steps = [Step("nothing", 2.0, about(0.9)), Step("devices & cards", 2.1, about(0.5)), Step("all", 9.0, about(0.1))]
    chart = charts.staircase("", "", steps, Axis("cost", 0, 10), Axis(""))
    slanted = [one for one in parsed(chart).iter("text") if "rotate" in (one.get("transform") or "")]
    assert [one.text for one in slanted] == ["nothing", "devices & cards", "all"]
    assert len(parsed(chart).findall("circle")) == 3


def test_an_empty_chart_is_a_chart() -> None:
    for chart in (
        charts.dots("", "", [], Axis("")),
        charts.reliability("", "", [], "accounts"),
        charts.curves("", "", [], Axis(""), Axis("")),
        charts.staircase("", "", [], Axis(""), Axis("")),
    ):
        assert parsed(chart).tag == "svg"


def _steps(chart: Markup) -> list[str]:
    path = parsed(chart).find("path")
    assert path is not None
    drawn = path.get("d", "")
    for letter in "HVL":
        drawn = drawn.replace(letter, f"|{letter}")
    return drawn.split("|")
