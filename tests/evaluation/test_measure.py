"""Figures against scikit-learn and slow plain versions, each for many weightings at once, ties included."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from gnn.evaluate import calibration_error
from gnn.judgement import Judgement
from graphsvc.evaluation.bootstrap import Units
from graphsvc.evaluation.figures import Estimate, RingFound
from graphsvc.evaluation.matching import Match
from graphsvc.evaluation.measure import (
    account_figures,
    cluster_figures,
    default_budget,
    innocent_figures,
    method_figures,
)
from graphsvc.evaluation.ranking import Bins, Ranking
from tests.evaluation.truths import truth_of

rows_of = st.lists(
    st.tuples(st.booleans(), st.integers(0, 8), st.integers(1, 4), st.integers(0, 3)), min_size=2, max_size=60
).filter(lambda rows: len({row[0] for row in rows if row[3]}) == 2)
Rows = list[tuple[bool, int, int, int]]


@settings(max_examples=60, deadline=None)
@given(rows_of, st.integers(1, 40))
def test_ranking_under_weights_equals_scikit_learn(rows: Rows, budget: int) -> None:
    abusive = np.array([row[0] for row in rows])
    scores = np.array([row[1] / 8 for row in rows])
    weights = np.array([[row[2] for row in rows], [row[3] for row in rows]], np.float64)
    found = Ranking.of(abusive, scores).figures(weights, budget)
    for given_weights, figures in zip(weights, found, strict=True):
        false_rate, true_rate, _ = roc_curve(abusive, scores, sample_weight=given_weights, drop_intermediate=False)
        recalls = [true_rate[false_rate <= rate + 1e-9].max() for rate in (0.001, 0.01)]
        assert figures[0] == pytest.approx(roc_auc_score(abusive, scores, sample_weight=given_weights))
        assert figures[1] == pytest.approx(average_precision_score(abusive, scores, sample_weight=given_weights))
        assert figures[2:4] == pytest.approx(recalls)
        assert figures[4] == pytest.approx(plain_precision(abusive, scores, given_weights, budget))


def plain_precision(abusive: np.ndarray, scores: np.ndarray, weights: np.ndarray, budget: int) -> float:
    """Score by score from the highest; of the last, its share of what room is left."""
    room, caught = min(float(budget), weights.sum()), 0.0
    left = room
    for score in sorted(set(scores), reverse=True):
        both, bad = weights[scores == score].sum(), weights[(scores == score) & abusive].sum()
        if both:
            caught += bad * min(1.0, left / both)
            left -= min(left, both)
    return caught / room


@settings(max_examples=40, deadline=None)
@given(rows_of)
def test_calibration_error_of_drawn_units_equals_that_of_their_repeated_rows(rows: Rows) -> None:
    truth = truth_of([row[0] for row in rows], unit=[row[2] for row in rows])
    scores, units = np.array([row[1] / 8 for row in rows]), Units.of_truth(truth)
    figures = Bins.of(truth.abusive, scores).figures(units)
    assert figures(units.once)[0, 0] == pytest.approx(calibration_error(truth.abusive, scores))
    for drawn in np.concatenate(list(units.drawn(5, 0))):
        again = np.repeat(np.arange(len(rows)), drawn[units.of].astype(int))
        assert figures(drawn[None])[0, 0] == pytest.approx(calibration_error(truth.abusive[again], scores[again]))


def test_accounts_told_apart_and_not() -> None:
    random = np.random.default_rng(0)
    abusive = np.arange(600) < 60
    truth = truth_of(abusive.tolist(), unit=[row // 6 for row in range(600)])
    good = account_figures(truth, np.where(abusive, 0.9, 0.1) + random.normal(0, 0.02, 600))
    assert (good.accounts, good.abusive, good.operators, good.budget) == (600, 60, 10, 20)
    assert good.auroc.value == good.recall_at_fpr_01.value == good.precision_at_budget.value == 1.0
    assert good.auroc.low == pytest.approx(10 / (10 + 1.96**2))  # Wilson, 10 of 10
    blind = account_figures(truth, random.random(600).astype(np.float32))
    assert blind.auroc.low < blind.auroc.value < blind.auroc.high < 0.6
    assert blind.average_precision.value < 0.2
    assert sum(bin_.count for bin_ in blind.reliability) == 600


def test_curves_end_in_their_corners_and_are_short() -> None:
    random = np.random.default_rng(1)
    abusive = random.random(5_000) < 0.1
    figures = account_figures(truth_of(abusive.tolist()), random.random(5_000) + 0.3 * abusive)
    roc, curve = figures.roc, figures.precision_recall
    assert (roc[0].x, roc[0].y, roc[-1].x, roc[-1].y) == (0, 0, 1, 1)
    assert all(a.x <= b.x and a.y <= b.y for a, b in itertools.pairwise(roc))
    assert 20 < len(roc) <= 100
    assert len(curve) <= 100
    assert (curve[-1].x, curve[-1].y) == (1.0, pytest.approx(abusive.mean()))


def test_a_missing_class_and_no_account_at_all_are_not_defined() -> None:
    quiet = account_figures(truth_of([False] * 30), np.full(30, 0.1))
    assert math.isnan(quiet.auroc.value)
    assert math.isnan(quiet.average_precision.value)
    assert math.isnan(quiet.recall_at_fpr_1.value)
    assert math.isnan(quiet.precision_at_budget.value)
    assert quiet.calibration_error.value == pytest.approx(0.1)
    assert (quiet.roc, quiet.precision_recall) == ((), ())
    nothing = account_figures(truth_of([]), np.zeros(0))
    assert math.isnan(nothing.calibration_error.value)
    assert math.isnan(account_figures(truth_of([True] * 30), np.full(30, 0.1)).auroc.value)


def test_what_nobody_knows_of_is_in_no_figure() -> None:
    truth = truth_of([True, False, False, True], known=[True, True, False, False])
    figures = account_figures(truth, np.array([0.9, 0.1, 0.99, 0.0]))
    assert (figures.accounts, figures.abusive, figures.auroc.value) == (2, 1, 1.0)
    assert account_figures(truth, np.zeros(4), rows=np.array([False, True, True, True])).accounts == 1


@pytest.mark.parametrize(("accounts", "budget"), [(0, 20), (2_000, 20), (20_000, 200)])
def test_reviewers_have_time_for_one_in_a_hundred(accounts: int, budget: int) -> None:
    assert default_budget(accounts) == budget


RINGS = truth_of(
    [True] * 8 + [False] * 4,
    ring=[0, 0, 0, 0, 1, 1, 2, -1, -1, -1, -1, -1],
    unit=[0, 0, 0, 0, 1, 1, 1, 2, 3, 3, 4, 5],
    kind=["trial_farm"] * 4 + ["resale_relay"] * 2 + ["distillation", ""] + ["household"] * 4,
    group=[""] * 8 + ["household", "household", "office", "office"],
    person=[0] * 8 + [1, 1, 2, 3],
)
CLUSTERS = np.array([0, 0, 1, -1, 2, 2, -1, -1, 0, 3, 3, -1])
PROBABILITY = np.array([0.9, 0.2, 0.8, 0.1], np.float32)


def test_rings_and_clusters_by_hand() -> None:
    """Ring 0 has half of its members in flagged cluster 0; ring 1 lies in flagged cluster 2; ring 2 is one account."""
    found = (
        RingFound("ring-0", "trial_farm", 4, 0.5, 10.0, 4),
        RingFound("ring-1", "resale_relay", 2, 1.0, 30.0, 2),
    )
    figures = cluster_figures(
        RINGS, CLUSTERS, PROBABILITY, ["trial_farm", "household", "distillation", "household"], found
    )
    assert (figures.clusters, figures.flagged, figures.rings) == (4, 2, 2)
    assert figures.ring_recall.value == 1.0
    assert figures.account_precision.value == pytest.approx(4 / 5)
    assert figures.account_recall.value == pytest.approx(4 / 8)
    assert np.isnan(figures.precision_at_recall_80.value), "three in eight lie in no cluster at all"
    assert figures.kind_accuracy.value == 0.5
    assert figures.hours_until_found == Estimate(20.0, 10.0, 30.0)
    assert figures.accounts_until_found.value == 3.0
    assert sum(bin_.count for bin_ in figures.reliability) == 4
    assert figures.calibration_error.value == pytest.approx((0.1 + 0.8 + 0.2 + 0.1) / 4)


def test_the_line_is_as_high_as_a_recall_of_four_in_five_allows() -> None:
    """Seven of eight lie in the three likeliest clusters, six in none fewer; one innocent lies there too."""
    clusters = np.array([0, 0, 1, 1, 2, 2, 1, -1, 0, 3, 3, -1])
    figures = cluster_figures(RINGS, clusters, PROBABILITY, ["trial_farm"] * 3 + ["household"], ())
    assert figures.precision_at_recall_80.value == pytest.approx(7 / 8)


def test_a_ring_of_one_operator_is_known_and_its_interval_is_not() -> None:
    truth = truth_of([True] * 4 + [False] * 2, ring=[0] * 4 + [-1, -1], unit=[0] * 4 + [1, 2])
    found = (RingFound("ring-0", "", 4, 1.0, 5.0, 4),)
    figures = cluster_figures(truth, np.array([0, 0, 0, 0, -1, -1]), np.array([0.9]), ["trial_farm"], found)
    assert figures.ring_recall.value == 1.0
    assert math.isnan(figures.ring_recall.low)
    assert math.isnan(figures.hours_until_found.low)
    assert math.isnan(figures.kind_accuracy.value)


def test_no_ring_and_no_cluster_are_not_defined() -> None:
    figures = cluster_figures(truth_of([False] * 5), np.full(5, -1), np.zeros(0), [], ())
    assert (figures.clusters, figures.flagged, figures.rings) == (0, 0, 0)
    for figure in (figures.ring_recall, figures.account_precision, figures.bcubed_recall, figures.hours_until_found):
        assert math.isnan(figure.value)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(-1, 3), st.integers(-1, 3)), min_size=1, max_size=25))
def test_bcubed_equals_its_definition(rows: list[tuple[int, int]]) -> None:
    rings, found = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    truth = truth_of((rings >= 0).tolist(), ring=rings.tolist())
    figures = cluster_figures(truth, found, np.ones(4), ["trial_farm"] * 4, ())

    def same(groups: np.ndarray, a: int, b: int) -> bool:
        return a == b or (groups[a] >= 0 and groups[a] == groups[b])

    def plain(given: np.ndarray, wanted: np.ndarray) -> float:
        shares = []
        for a in np.flatnonzero(given >= 0):
            mine = [b for b in range(len(rows)) if same(given, a, b)]
            shares.append(sum(same(wanted, a, b) for b in mine) / len(mine))
        return float(np.mean(shares)) if shares else math.nan

    expected = (plain(found, rings), plain(rings, found)) if (rings >= 0).any() else (math.nan, math.nan)
    got = (figures.bcubed_precision.value, figures.bcubed_recall.value)
    assert got == pytest.approx(expected, nan_ok=True)


def test_abusive_accounts_of_an_unknown_ring_are_in_no_bcubed() -> None:
    truth = truth_of([True] * 4 + [False], ring=[0, 0, -1, -1, -1])
    figures = cluster_figures(truth, np.zeros(5, np.int64), np.array([0.9]), ["trial_farm"], ())
    assert figures.bcubed_precision.value == pytest.approx((2 / 3 + 2 / 3 + 1 / 3) / 3)
    assert figures.bcubed_recall.value == 1.0


def test_clusters_go_with_the_unit_that_most_of_their_members_are_of() -> None:
    match = Match.of(RINGS, CLUSTERS, PROBABILITY >= 0.5)
    assert match.owner.tolist()[:3] == [0, 0, 1]
    assert match.abusive.tolist() == [True, True, True, False]


def test_innocents_are_accused_by_their_own_score_or_their_clusters() -> None:
    scores = np.zeros(12)
    scores[11] = 0.5
    household, office = innocent_figures(RINGS, scores, CLUSTERS, PROBABILITY)
    assert (household.group, household.accounts, household.people, household.units) == ("household", 2, 1, 1)
    assert (household.accused, household.people_accused, household.in_flagged_clusters) == (1, 1, 1)
    assert (office.accused, office.people_accused, office.in_flagged_clusters) == (1, 1, 0)
    assert office.rate.value == 0.5


def test_nobody_accused_of_two_units_proves_little_and_of_many_much() -> None:
    def rate(units: int, size: int) -> Estimate:
        of = np.repeat(np.arange(units), size).tolist()
        (group,) = innocent_figures(
            truth_of([False] * len(of), unit=of), np.zeros(len(of)), np.full(len(of), -1), np.zeros(0)
        )
        return group.rate

    assert rate(2, 400).high > 0.6
    assert rate(800, 1).high == pytest.approx(3.84 / 803.84, abs=1e-4)  # z²/(n+z²)


def test_accusations_by_whole_units_are_as_uncertain_as_units_are() -> None:
    of = np.repeat(np.arange(60), 20)
    truth = truth_of([False] * 1_200, unit=of.tolist())
    (whole,) = innocent_figures(truth, np.where(of < 6, 0.9, 0.0), np.full(1_200, -1), np.zeros(0))
    (mixed,) = innocent_figures(truth, np.where(np.arange(1_200) % 10 == 0, 0.9, 0.0), np.full(1_200, -1), np.zeros(0))
    assert whole.rate.value == mixed.rate.value == pytest.approx(0.1)
    assert whole.rate.high - whole.rate.low > 0.1
    assert mixed.rate.high - mixed.rate.low < 0.05


def test_a_method_is_judged_on_the_same_accounts_and_clusters() -> None:
    judgement = Judgement(np.where(RINGS.abusive, 0.8, 0.3).astype(np.float32), PROBABILITY)
    figures = method_figures("rules", "by hand", RINGS, judgement, CLUSTERS, budget=4)
    assert (figures.name, figures.what, figures.accounts.budget) == ("rules", "by hand", 4)
    assert figures.accounts.auroc.value == figures.accounts.precision_at_budget.value == 1.0
    assert figures.ring_recall.value == 1.0
    assert figures.accused_innocents.value == pytest.approx(1 / 4)
