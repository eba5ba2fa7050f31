"""Draws are of whole units, the same in every run; what they say equals what repeated rows would say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsvc.evaluation import bootstrap
from graphsvc.evaluation.bootstrap import DRAWS, Drawn, Units, ratios, weighted_median, wider
from graphsvc.evaluation.figures import Estimate
from tests.evaluation.truths import truth_of

TRUTH = truth_of([True] * 6 + [False] * 6, unit=[0, 0, 0, 1, 1, 2, 7, 7, 8, 9, 9, 9])


def test_operators_are_drawn_among_operators_and_units_of_innocents_among_those() -> None:
    units = Units.of_truth(TRUTH)
    assert (units.operators, units.innocents) == (3, 3)
    assert units.of.tolist() == [0, 0, 0, 1, 1, 2, 3, 3, 4, 5, 5, 5]
    drawn = np.concatenate(list(units.drawn(DRAWS, 0)))
    assert drawn.shape == (DRAWS, 6)
    assert (drawn[:, :3].sum(axis=1) == 3).all()
    assert (drawn[:, 3:].sum(axis=1) == 3).all()
    assert drawn.mean() == pytest.approx(1.0, abs=0.1)


def test_the_same_draws_in_every_run_whatever_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    units = Units.of_truth(TRUTH)
    at_once = np.concatenate(list(units.drawn(50, 0)))
    monkeypatch.setattr(bootstrap, "CELLS", 30)
    parts = list(units.drawn(50, 12))
    assert len(parts) == 25
    assert np.array_equal(np.concatenate(parts), at_once)


def test_whole_operators_make_the_interval_as_wide_as_it_is() -> None:
    """Forty accounts of two operators, one caught and one not: anything from none to all."""
    truth = truth_of([True] * 40, unit=[0] * 20 + [1] * 20)
    units = Units.of_truth(truth)
    caught = ratios(units, [(units.sums(truth.unit == 0), units.sums(np.ones(40)))])
    assert caught.share(0, units.operators) == Estimate(0.5, 0.0, 1.0)


def test_one_operator_or_none_has_no_interval() -> None:
    units = Units.of_truth(truth_of([True, True, False], unit=[0, 0, 1]))
    share = ratios(units, [(units.sums([1, 0, 0]), units.sums([1, 1, 0]))]).share(0, units.operators)
    assert share.value == 0.5
    assert math.isnan(share.low)
    assert math.isnan(share.high)


def test_all_found_of_few_operators_is_no_certainty() -> None:
    units = Units.of_truth(TRUTH)
    whole = ratios(units, [(units.sums(TRUTH.abusive), units.sums(TRUTH.abusive))]).share(0, units.operators)
    assert (whole.value, whole.high) == (1.0, 1.0)
    assert whole.low == pytest.approx(0.438, abs=1e-3)  # Wilson, 3 of 3


def test_none_among_a_hundred_is_up_to_four_in_a_hundred() -> None:
    none = wider(Estimate(0.0, 0.0, 0.0), 100)
    assert (none.low, none.high) == (0.0, pytest.approx(0.037, abs=1e-3))
    assert math.isnan(wider(Estimate(math.nan, math.nan, math.nan), 100).high)


def test_what_is_not_defined_in_a_draw_is_left_out() -> None:
    drawn = Drawn(np.array([0.5, math.nan]), np.array([[0.4, math.nan], [math.nan, 0.1], [0.6, math.nan]]))
    half = drawn.number(0, 9)
    assert (half.value, half.low, half.high) == (0.5, pytest.approx(0.405), pytest.approx(0.595))
    assert math.isnan(drawn.number(1, 9).low)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 100), st.integers(0, 3)), min_size=1, max_size=12))
def test_weighted_median_equals_the_median_of_repeated_values(rows: list[tuple[float, int]]) -> None:
    values, weights = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    repeated = np.repeat(values, weights)
    expected = float(np.median(repeated)) if len(repeated) else math.nan
    assert weighted_median(weights[None].astype(np.float64), values)[0] == pytest.approx(expected, nan_ok=True)
