"""Measures against scikit-learn and slow plain versions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from gnn.evaluate import (
    auroc,
    average_precision,
    bcubed,
    calibration_error,
    cluster_report,
    false_positive_rates,
    precision_at,
    recall_at_fpr,
    wilson,
)

cases = st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=2, max_size=60).filter(
    lambda rows: len({row[0] for row in rows}) == 2
)


@settings(max_examples=80, deadline=None)
@given(cases)
def test_ranking_measures_equal_scikit_learn_also_with_ties(rows: list[tuple[bool, int]]) -> None:
    truth, scores = np.array([row[0] for row in rows]), np.array([row[1] / 8 for row in rows])
    assert average_precision(truth, scores) == pytest.approx(average_precision_score(truth, scores))
    assert auroc(truth, scores) == pytest.approx(roc_auc_score(truth, scores))
    false_rate, true_rate, _ = roc_curve(truth, scores, drop_intermediate=False)
    for rate in (0.001, 0.01, 0.3):
        assert recall_at_fpr(truth, scores, rate) == pytest.approx(true_rate[false_rate <= rate].max())


def test_a_missing_class_has_no_ranking() -> None:
    assert math.isnan(auroc(np.ones(3, dtype=bool), np.arange(3.0)))
    assert math.isnan(average_precision(np.zeros(3, dtype=bool), np.arange(3.0)))


def test_calibration_error_of_honest_and_of_boastful_probabilities() -> None:
    random = np.random.default_rng(0)
    probability = random.random(20_000)
    truth = random.random(20_000) < probability
    assert calibration_error(truth, probability) < 0.02
    assert calibration_error(truth, np.full(20_000, 0.99)) == pytest.approx(0.49, abs=0.02)


def test_precision_within_a_budget() -> None:
    truth, scores = np.array([True, False, True, False]), np.array([0.9, 0.8, 0.7, 0.1])
    assert precision_at(truth, scores, 2) == 0.5
    assert precision_at(truth, scores, 1) == 1.0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(-1, 3), st.integers(-1, 3)), min_size=1, max_size=25))
def test_bcubed_equals_its_definition(rows: list[tuple[int, int]]) -> None:
    truth, found = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])

    def same(groups: np.ndarray, a: int, b: int) -> bool:
        return a == b or (groups[a] >= 0 and groups[a] == groups[b])

    def plain(given: np.ndarray, wanted: np.ndarray) -> float:
        shares = []
        for a in np.flatnonzero(given >= 0):
            mine = [b for b in range(len(rows)) if same(given, a, b)]
            shares.append(sum(same(wanted, a, b) for b in mine) / len(mine))
        return float(np.mean(shares)) if shares else math.nan

    assert bcubed(truth, found) == pytest.approx((plain(found, truth), plain(truth, found)), nan_ok=True)


def test_a_ring_is_found_when_half_of_it_lies_in_one_flagged_cluster() -> None:
    rings = np.array([0, 0, 0, 0, 1, 1, -1, -1])
    clusters = np.array([0, 0, 1, -1, 1, -1, 0, 2])
    report = cluster_report(rings, clusters, np.array([True, False, False]))
    assert report.ring_recall == 0.5
    assert report.account_precision == pytest.approx(2 / 3)
    assert report.account_recall == pytest.approx(2 / 6)


def test_false_positive_rates_come_with_wilson_intervals() -> None:
    rate = wilson(1, 10)
    assert (rate.low, rate.high) == pytest.approx((0.0179, 0.4042), abs=1e-4)  # Brown, Cai and DasGupta's worked form
    names = np.array(["campus", "campus", "office", "office"])
    rates = false_positive_rates(names, np.array([True, True, True, False]), np.array([True, False, False, True]))
    assert {name: (rate.count, rate.total) for name, rate in rates.items()} == {"campus": (1, 2), "office": (0, 1)}
    assert wilson(0, 0).high == 1.0
