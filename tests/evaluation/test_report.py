"""The report is one page that says everything, takes words as words and needs nothing else."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from bs4 import BeautifulSoup

from graphsvc.errors import BadUsage
from graphsvc.evaluation.figures import Bin, Estimate, EvasionStep, Report, RingFound
from graphsvc.evaluation.report import page, write_report
from tests.evaluation import report_factory as made_up

REPORTS = {"one": made_up.one_log(), "many": made_up.many_worlds()}


@cache
def text_of(name: str) -> str:
    return page(REPORTS[name])


@cache
def soup_of(name: str) -> BeautifulSoup:
    return BeautifulSoup(text_of(name), "html.parser")


@pytest.fixture(params=REPORTS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def text(name: str) -> str:
    return text_of(name)


@pytest.fixture
def soup(name: str) -> BeautifulSoup:
    return soup_of(name)


def test_nothing_comes_from_elsewhere(text: str, soup: BeautifulSoup) -> None:
    assert not re.search(r"https?://|url\(|@import|src=", text)
    assert [link["href"] for link in soup.find_all("link")] == ["data:,"]
    assert soup.find_all(["script", "img", "iframe", "object", "embed"]) == []
    assert all(link["href"].startswith("#") for link in soup.find_all("a"))


def test_every_link_within_the_page_has_its_end(soup: BeautifulSoup) -> None:
    ids = [one["id"] for one in soup.find_all(id=True)]
    assert len(ids) == len(set(ids))
    assert {str(link["href"])[1:] for link in soup.find_all("a")} <= set(ids)
    assert {one["aria-labelledby"] for one in soup.find_all(attrs={"aria-labelledby": True})} <= set(ids)


def test_every_chart_has_a_name_a_description_and_one_sentence_below(soup: BeautifulSoup) -> None:
    figures = soup.find_all("figure")
    assert len(figures) > 10
    for figure in figures:
        chart, below = figure.find("svg"), figure.find("figcaption").get_text()
        assert chart["role"] == "img"
        assert chart.find("title").get_text()
        assert chart.find("desc").get_text()
        assert below.count(".") - len(re.findall(r"\d\.\d", below)) == 1, below
        assert "interval" in below


def test_every_table_has_a_caption_and_heads_with_a_scope(soup: BeautifulSoup) -> None:
    for table in soup.find_all("table"):
        assert table.find("caption").get_text(strip=True)
        assert all(head.get("scope") in ("col", "row") for head in table.find_all("th"))
        columns = len(table.select("thead th"))
        assert all(len(row.find_all(["th", "td"])) == columns for row in table.select("tbody tr"))


def test_no_figure_is_shown_as_nan_or_none(soup: BeautifulSoup) -> None:
    assert not re.search(r"\b(nan|None|inf)\b", str(soup.find("main")))


def test_every_dash_has_a_word_why() -> None:
    soup = soup_of("many")
    dashes = [cell for cell in soup.find_all("td", class_="n") if cell.get_text(strip=True).startswith("—")]
    reasons = {cell.find("span").get_text() for cell in dashes if cell.find("span")}
    assert reasons == {"no ring in this world", "no abusive account"}


def test_the_summary_gives_the_bad_before_the_rest(soup: BeautifulSoup) -> None:
    first = soup.select_one("section.card")
    assert first is not None
    assert [head.get_text() for head in first.find_all("h3")] == ["Where it is bad", "The rest"]
    assert "innocent accounts are accused" in first.get_text()


def test_what_would_else_be_misread_stands_above_the_figures_of_its_evaluation() -> None:
    note = "12 accounts of truth.csv (3 abusive) had done nothing by then: in no figure."
    for name, places in (("one", 1), ("many", 3)):
        text = text_of(name)
        assert text.count(note) == places
    assert text.index("evasive 51</h2>") < text.index(note) < text.index("Innocents</h3>")


def test_one_log_has_all_parts_and_no_comparison() -> None:
    heads = _heads(soup_of("one"))
    assert heads == [
        "How good detection is, and how it fails",
        "Where it is bad",
        "The rest",
        "this log",
        "Innocents",
        "Ways of judging, side by side",
        "Accounts",
        "By age of the account",
        "Rings and clusters",
        "Ablations",
        "What it costs to evade",
    ]


def test_several_evaluations_are_compared_at_the_top() -> None:
    heads = _heads(soup_of("many"))
    assert heads[3] == "All evaluations side by side"
    assert [head for head in heads if head[-1].isdecimal()] == ["evasive 51", "evasive 52", "quiet 51"]


def test_worlds_over_their_seeds_stand_before_the_single_ones() -> None:
    tables = soup_of("many").find_all("table")
    assert [row.find("th").get_text() for row in tables[0].select("tbody tr")] == ["evasive", "quiet"]
    assert [row.find("a").get_text() for row in tables[1].select("tbody tr")] == [
        "evasive 51",
        "evasive 52",
        "quiet 51",
    ]
    assert "14 of 18" in tables[0].get_text()


def test_parts_that_were_not_asked_for_are_left_out() -> None:
    bare = replace(made_up.evaluation(), innocents=(), ages=(), methods=(), split=())
    heads = _heads(BeautifulSoup(page(Report("evaluate", (bare,), ())), "html.parser"))
    assert [head for head in heads[3:] if head != bare.name] == ["Accounts", "Rings and clusters"]


def test_a_run_without_an_evaluation_says_so() -> None:
    assert "Nothing was evaluated." in page(Report("evaluate", (), ()))


def test_many_groups_are_drawn_in_parts_on_one_axis_and_their_table_can_be_opened() -> None:
    soup = BeautifulSoup(
        page(Report("evaluate", (replace(made_up.evaluation(), innocents=made_up.many_groups()),), ())), "html.parser"
    )
    parts = [figure for figure in soup.find_all("figure") if "accused, by group" in figure.find("title").get_text()]
    assert [len(part.find_all("circle")) for part in parts] == [9, 9, 8]
    assert len({tuple(tick.get_text() for tick in part.find_all("text", class_="tick")) for part in parts}) == 1
    assert "Table of the 26 groups" in [summary.get_text() for summary in soup.find_all("summary")]


def test_every_ring_stands_in_the_table_the_missed_first() -> None:
    soup = soup_of("one")
    table = next(each for each in soup.find_all("table") if each.find("th").get_text() == "Ring")
    rows = [[cell.get_text(strip=True) for cell in row.find_all(["th", "td"])] for row in table.select("tbody tr")]
    assert len(rows) == len(made_up.RINGS)
    assert rows[0] == ["ring-04", "distillation", "22", "0%", "— never", "—"]
    assert rows[2][0] == "ring-09"
    assert rows[-1] == ["ring-08", "distillation", "77", "62.0%", "0.4 h", "4"]


def test_the_foot_holds_command_moment_and_model() -> None:
    foot = soup_of("one").find("footer")
    assert foot is not None
    for part in ("graphsvc evaluate --truth truth.csv", "2026-03-01T00:00:00Z", "2026-02-01-4f1a2b3c", "truth file"):
        assert part in foot.get_text()


def test_markup_in_any_text_comes_out_as_text() -> None:
    evil = '<script>alert("x")</script>'
    soup = BeautifulSoup(page(_spoilt(made_up.one_log(), evil)), "html.parser")
    assert soup.find_all("script") == []
    assert soup.get_text().count("alert(") > 20


def test_the_same_report_gives_the_same_bytes() -> None:
    assert page(made_up.many_worlds()) == text_of("many")


def test_a_world_where_everything_is_undefined_can_be_drawn() -> None:
    text = page(_undefined(made_up.one_log()))
    assert "—" in text
    assert not re.search(r"\bnan\b", text)


@pytest.mark.parametrize("seed", range(8))
def test_whatever_the_figures_are_the_page_is_drawn(seed: int) -> None:
    dice = Random(seed)
    text = page(_mapped(made_up.one_log(), lambda leaf: _other(leaf, dice)))
    assert text.endswith("</html>")
    assert not re.search(r"\b(nan|None|inf)\b", text.partition("</style>")[2])


def test_the_file_is_whole_and_replaces_an_older_one(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("older")
    write_report(path, made_up.one_log())
    assert path.read_text(encoding="utf-8") == text_of("one")
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadUsage, match=r"nowhere/report\.html"):
        write_report(tmp_path / "nowhere" / "report.html", made_up.one_log())


def test_a_name_that_is_taken_by_a_folder_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(BadUsage, match="taken"):
        write_report(tmp_path / "taken", made_up.one_log())
    assert [one.name for one in tmp_path.iterdir()] == ["taken"]


def _heads(soup: BeautifulSoup) -> list[str]:
    return [head.get_text(strip=True) for head in soup.find_all(["h1", "h2", "h3"])]


def _spoilt(report: Report, text: str) -> Report:
    """The same with `text` after every string."""
    return _mapped(report, lambda leaf: f"{leaf}{text}" if isinstance(leaf, str) else leaf)


def _undefined(report: Report) -> Report:
    """The same with every figure undefined; curves, which are measured points, stay."""
    return _mapped(report, lambda leaf: made_up.NAN if isinstance(leaf, Estimate) else leaf)


def _other(leaf: Any, dice: Random) -> Any:
    """Another figure in place of a figure: of any size, sharp or wide, with or without an interval."""
    value = dice.choice([0.0, 1.0, math.nan, dice.random(), 10 ** -dice.uniform(0, 7)])
    if isinstance(leaf, Estimate):
        if leaf.value > 1:
            value *= 10_000
        low, high = dice.choice([(math.nan, math.nan), (value, value), (value * dice.random(), value * 1.5)])
        return Estimate(value, low, high)
    if isinstance(leaf, Bin):
        return Bin(dice.random(), dice.choice([0.0, 1.0, dice.random()]), dice.choice([1, 37, 2_000_000]))
    if isinstance(leaf, RingFound):
        hours = dice.choice([None, 0.0, 10 ** dice.uniform(-3, 5)])
        return replace(leaf, size=dice.choice([2, 9, 40_000]), hours=hours, accounts=None if hours is None else 2)
    if isinstance(leaf, EvasionStep):
        return replace(
            leaf,
            cost=dice.choice([0.0, 5.0, 10 ** dice.uniform(-2, 5)]),
            recall_at_fpr_1=_other(leaf.recall_at_fpr_1, dice),
        )
    return leaf


def _mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """The value with `change` made at each part, however deep."""
    changed = change(value)
    if isinstance(changed, tuple):
        return tuple(_mapped(part, change) for part in changed)
    if changed is value and is_dataclass(changed):
        return replace(
            changed, **{field.name: _mapped(getattr(changed, field.name), change) for field in fields(changed)}
        )
    return changed
