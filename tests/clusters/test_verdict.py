"""Where nothing is said: intervals that reach far to both sides, accounts that differ from their cluster."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphsvc.clusters.verdict import Verdict, account_verdict, cluster_verdict

SHARE = st.floats(0, 1)


@pytest.mark.parametrize(
    ("probability", "low", "high", "verdict"),
    [
        (0.9, 0.6, 0.97, "abusive"),
        (0.55, 0.5, 0.6, "abusive"),
        (0.45, 0.4, 0.5, "innocent"),
        (0.9, 0.3, 0.99, "abusive"),
        (0.6, 0.25, 0.75, "unknown"),
        (0.02, 0.0, 0.9, "unknown"),
        (0.5, 0.0, 1.0, "unknown"),
    ],
)
def test_a_cluster_is_unknown_where_its_interval_holds_three_to_one_on_both_sides(
    probability: float, low: float, high: float, verdict: str
) -> None:
    assert cluster_verdict(probability, low, high) == verdict


@given(SHARE, SHARE, SHARE, SHARE, SHARE)
def test_a_wider_interval_never_makes_more_certain(p: float, low: float, high: float, less: float, more: float) -> None:
    narrow = cluster_verdict(p, low, high)
    wide = cluster_verdict(p, min(low, less), max(high, more))
    assert wide in (narrow, "unknown")


@pytest.mark.parametrize(
    ("probability", "cluster", "verdict"),
    [
        (0.6, "abusive", "abusive"),
        (0.4, "abusive", "unknown"),
        (0.6, "innocent", "unknown"),
        (0.1, "innocent", "innocent"),
        (0.99, "unknown", "unknown"),
        (0.6, None, "unknown"),
        (0.8, None, "abusive"),
        (0.2, None, "innocent"),
    ],
)
def test_an_account_is_known_where_its_cluster_agrees_or_its_own_odds_are_clear(
    probability: float, cluster: Verdict | None, verdict: str
) -> None:
    assert account_verdict(probability, cluster) == verdict
