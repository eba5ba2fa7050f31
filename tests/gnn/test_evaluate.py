"""Measures against scikit-learn and slow plain versions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from gnn.evaluate import auroc, average_precision, calibration_error, wilson

cases = st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=2, max_size=60).filter(
    lambda rows: len({row[0] for row in rows}) == 2
)


@settings(max_examples=80, deadline=None)
@given(cases)
def test_ranking_measures_equal_scikit_learn_also_with_ties(rows: list[tuple[bool, int]]) -> None:
    truth, scores = np.array([row[0] for row in rows]), np.array([row[1] / 8 for row in rows])
    assert average_precision(truth, scores) == pytest.approx(average_precision_score(truth, scores))
    assert auroc(truth, scores) == pytest.approx(roc_auc_score(truth, scores))


def test_a_missing_class_has_no_ranking() -> None:
    assert math.isnan(auroc(np.ones(3, dtype=bool), np.arange(3.0)))
    assert math.isnan(average_precision(np.zeros(3, dtype=bool), np.arange(3.0)))


def test_calibration_error_of_honest_and_of_boastful_probabilities() -> None:
    random = np.random.default_rng(0)
    probability = random.random(20_000)
    truth = random.random(20_000) < probability
    assert calibration_error(truth, probability) < 0.02
    assert calibration_error(truth, np.full(20_000, 0.99)) == pytest.approx(0.49, abs=0.02)


def test_the_interval_of_a_share() -> None:
    assert wilson(1, 10) == pytest.approx((0.0179, 0.4042), abs=1e-4)  # Brown, Cai and DasGupta's worked form
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(0, 100)[1] == pytest.approx(3.84 / 103.84, abs=1e-3)  # z²/(n+z²)
