"""Calibration against scikit-learn, and intervals that are as wide as what is known is little."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from gnn.calibrate import Platt, fit_interval, fit_platt, sigmoid
from gnn.evaluate import calibration_error


def drawn(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are twice too sure of themselves, and outcomes."""
    random = np.random.default_rng(seed)
    honest = random.normal(-1.0, 1.5, count)
    return 2.0 * honest + 1.0, random.random(count) < sigmoid(honest)


def test_platt_finds_what_scikit_learn_finds_and_mends_probabilities() -> None:
    logits, truth = drawn(0, 20_000)
    fitted = fit_platt(logits, truth, np.ones(len(logits)))
    oracle = LogisticRegression(C=1e6).fit(logits[:, None], truth)
    assert fitted.slope == pytest.approx(float(oracle.coef_[0, 0]), abs=1e-3)
    assert fitted.shift == pytest.approx(float(oracle.intercept_[0]), abs=1e-3)
    later, outcome = drawn(1, 20_000)
    assert calibration_error(outcome, fitted.probability(later)) < 0.015 < calibration_error(outcome, sigmoid(later))


def test_few_separable_examples_give_no_certainty() -> None:
    fitted = fit_platt(np.array([-3.0, -2.0, 2.0, 3.0]), np.array([False, False, True, True]), np.ones(4))
    assert 0.5 < fitted.probability(np.array([3.0]))[0] < 0.995


def test_one_class_alone_calibrates_nothing() -> None:
    assert fit_platt(np.array([1.0, 2.0]), np.array([True, True]), np.ones(2)) == Platt()


def test_interval_is_isotonic_regression_with_the_point_added_either_way() -> None:
    logits, truth = drawn(2, 200)
    interval = fit_interval(logits, truth, np.ones(200))
    for point in (-4.0, -1.0, 0.5, 3.0):
        low, high = interval.at(np.array([point]))
        for value, bound in ((0.0, low), (1.0, high)):
            oracle = IsotonicRegression(out_of_bounds="clip").fit(np.append(logits, point), np.append(truth, value))
            assert bound[0] == pytest.approx(float(oracle.predict([point])[0]), abs=1e-5)


def test_interval_narrows_with_more_examples_and_holds_many_of_them() -> None:
    widths = []
    for count in (20, 200, 5000):
        low, high = fit_interval(*drawn(3, count), np.ones(count)).at(np.linspace(-4, 3, 15))
        assert (low <= high + 1e-6).all()
        widths.append(float((high - low).mean()))
    assert widths[0] > widths[1] > widths[2]


def test_nothing_known_bounds_nothing() -> None:
    low, high = fit_interval(np.zeros(0), np.zeros(0, dtype=bool), np.zeros(0)).at(np.array([0.0]))
    assert (low[0], high[0]) == (0.0, 1.0)
