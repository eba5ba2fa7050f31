"""The summary in plain words follows from the figures, and cannot flatter."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from graphsvc.evaluation import readings, summary
from graphsvc.evaluation.figures import Estimate, Evaluation, GroupFigures
from tests.evaluation import report_factory as made_up


def said(*evaluations: Evaluation, bad: bool | None = None) -> list[str]:
    return [one.finding.text for one in summary.statements(evaluations) if bad is None or one.finding.bad is bad]


def line_about(words: str, *evaluations: Evaluation) -> summary.Statement:
    found = [one for one in summary.statements(evaluations) if words in one.finding.text]
    assert len(found) == 1, words
    return found[0]


def with_recall(recall: Estimate) -> Evaluation:
    one = made_up.evaluation()
    return replace(one, clusters=replace(one.clusters, ring_recall=recall))


def test_the_bad_stands_first() -> None:
    order = [one.finding.bad for one in summary.statements([made_up.evaluation()])]
    assert order == sorted(order, reverse=True)
    assert set(order) == {True, False}


def test_counts_are_those_of_the_figures() -> None:
    totals = summary.totals(made_up.one_log().evaluations)
    assert (totals.rings_found, totals.rings) == (7, 9)
    assert (totals.innocents_accused, totals.innocents) == (28, 3_700)
    assert (totals.people_accused, totals.people) == (19, 3_340)
    assert totals.worst_group is not None
    assert totals.worst_group.group == "mail_alias"


def test_several_worlds_add_up_and_a_quiet_one_has_no_ring() -> None:
    totals = summary.totals(made_up.many_worlds().evaluations)
    assert (totals.rings_found, totals.rings, totals.innocents) == (14, 18, 3_700 * 2 + sum(20 + n for n in range(26)))


def test_seeds_of_one_world_are_taken_together() -> None:
    plain = [made_up.evaluation(f"plain {seed}") for seed in (51, 52)]
    worse = replace(plain[1], accounts=made_up.accounts(1.0))
    first, second = summary.worlds([plain[0], made_up.evaluation("quiet 51", quiet=True), worse])
    assert (first.name, first.seeds, first.totals.rings, first.totals.innocents_accused) == ("plain", 2, 18, 56)
    assert first.precision == (worse.accounts.average_precision.value, plain[0].accounts.average_precision.value)
    assert (second.name, second.seeds, second.precision) == ("quiet", 1, ())


def test_logs_without_a_second_seed_are_no_worlds() -> None:
    assert (
        summary.worlds([made_up.evaluation("plain 51"), made_up.evaluation("this log"), made_up.evaluation("7")]) == []
    )


def test_nobody_accused_is_no_worst_group() -> None:
    spared = tuple(
        replace(group, accused=0, people_accused=0, rate=Estimate(0.0, 0.0, 0.01)) for group in made_up.groups()
    )
    totals = summary.totals([replace(made_up.evaluation(), innocents=spared)])
    assert totals.worst_group is None
    assert totals.innocents_accused == 0


@pytest.mark.parametrize(
    ("recall", "bad"),
    [
        (Estimate(0.95, 0.85, 1.0), False),
        (Estimate(0.95, 0.6, 1.0), True),
        (Estimate(0.95, math.nan, math.nan), True),
        (Estimate(0.7, math.nan, math.nan), True),
    ],
)
def test_a_figure_is_judged_by_the_worse_end_of_its_interval_and_bad_without_one(recall: Estimate, bad: bool) -> None:
    assert line_about("are missed", with_recall(recall)).finding.bad is bad


def test_groups_stand_by_the_upper_end_of_their_interval() -> None:
    unknown = GroupFigures("tiny", 10, 3, 2, 0, 0, 0, Estimate(0.0, 0.0, 0.31))
    assert [group.group for group in readings.worst_first([*made_up.groups(), unknown])][:2] == ["tiny", "mail_alias"]


def test_the_worst_off_group_is_one_that_is_accused_where_any_is() -> None:
    unknown = GroupFigures("tiny", 10, 3, 2, 0, 0, 0, Estimate(0.0, 0.0, 0.31))
    both = replace(made_up.evaluation(), innocents=(*made_up.groups(), unknown))
    assert "mail alias, 11 of 110 accounts" in line_about("Worst off", both).finding.text
    alone = line_about("Worst off", replace(both, innocents=(unknown,))).finding
    assert "tiny, 0 of 10 accounts" in alone.text
    assert alone.bad
    assert readings.worst_off(()) is None


def test_groups_of_few_units_are_named_whatever_their_rate() -> None:
    assert "classroom (3)" in line_about("too few independent units", made_up.evaluation()).finding.text


def test_a_model_that_is_not_better_than_a_baseline_is_told_so() -> None:
    shipped, trees, *rest = made_up.methods()
    level = replace(made_up.evaluation(), methods=(shipped, replace(trees, accounts=shipped.accounts), *rest))
    assert line_about("By average precision", level).finding.bad
    assert "not clearly better than “trees”" in line_about("By average precision", level).finding.text
    beaten = replace(level, methods=(replace(shipped, accounts=rest[1].accounts), trees))
    assert "worse than “trees”" in line_about("By average precision", beaten).finding.text
    ahead = replace(level, methods=(shipped, rest[1]))
    assert not line_about("By average precision", ahead).finding.bad


def test_where_another_method_is_ahead_it_is_named_with_both_values() -> None:
    shipped, trees, *rest = made_up.methods()
    eager = replace(trees, ring_recall=made_up.about(0.92), accused_innocents=made_up.about(0.04))
    text = line_about("Another way", replace(made_up.evaluation(), methods=(shipped, eager, *rest))).finding.text
    assert text == ("Another way of judging is ahead of the shipped model in rings found (trees 92.0% against 68.9%).")


def test_where_the_shipped_model_is_first_in_all_nobody_is_ahead() -> None:
    assert not any("Another way" in text for text in said(made_up.evaluation()))


def test_without_another_method_nothing_is_compared() -> None:
    alone = replace(made_up.evaluation(), methods=made_up.methods()[:1])
    assert not any("By average precision" in text or "Another way" in text for text in said(alone))


def test_a_quiet_world_says_so_and_has_no_figures_of_rings() -> None:
    texts = said(made_up.evaluation(quiet=True))
    assert any(text.startswith("There is no ring") for text in texts)
    assert not any("missed" in text or "nan" in text or "reviewers" in text for text in texts)


def test_few_rings_are_said_to_be_few() -> None:
    assert line_about("Only 9 rings", made_up.evaluation()).finding.bad


def test_of_several_worlds_the_worst_is_told_and_how_many_are_bad() -> None:
    bad, good = with_recall(Estimate(0.2, 0.1, 0.4)), with_recall(Estimate(0.95, 0.9, 1.0))
    statement = line_about("are missed", replace(good, name="good"), replace(bad, name="bad"))
    assert (statement.name, statement.bad_in, statement.of) == ("bad", 1, 2)


def test_names_with_braces_are_only_names() -> None:
    odd = replace(made_up.groups()[-1], group="{0} {x} %s")
    assert "{0} {x} %s" in line_about("Worst off", replace(made_up.evaluation(), innocents=(odd,))).finding.text


def test_the_share_accused_is_counted_where_no_method_has_it() -> None:
    one = replace(made_up.evaluation(), methods=())
    assert readings.accused(one).value == 28 / 3_700
    assert math.isnan(readings.accused(replace(one, innocents=())).value)


def test_evasion_names_the_cheapest_step_that_halves_what_is_caught() -> None:
    text = summary.of_evasion(made_up.evasion())
    assert "$19.50" in text
    assert "given up: prompt)" in text
    assert "31.0% (24.0–38.0%) of the accounts are still caught" in text
    assert text.endswith("instead of 93.0%.")


def test_evasion_that_never_halves_it_names_the_last_step() -> None:
    assert "given up: payment)" in summary.of_evasion(made_up.evasion()[:3])
    assert summary.of_evasion(()) == ""
