"""What is said of a cluster or an account: abusive, innocent, or that it is not known.

Leaving out what one is unsure of costs some answers and makes the rest right more often (Chow 1970, on the reject
option). What is unknown is for people to review, not for a rule to act upon.
"""

from __future__ import annotations

from typing import Literal

Verdict = Literal["abusive", "innocent", "unknown"]

LINE = 0.5
"""From here on abuse is likelier than not."""
SURE = 0.75
"""Odds of three to one. An interval that holds three to one for innocence and three to one against it says nothing."""


def cluster_verdict(probability: float, low: float, high: float) -> Verdict:
    """Unknown where the interval `low` to `high` of the probability reaches far to both sides of the line."""
    if low <= 1 - SURE and high >= SURE:
        return "unknown"
    return _side(probability)


def account_verdict(probability: float, cluster: Verdict | None) -> Verdict:
    """An account has no interval of its own. In a cluster it is known where the cluster is and its own probability is
    on the same side; in none (`cluster` None) where its own odds are three to one or clearer."""
    own = _side(probability)
    if cluster is None:
        return own if max(probability, 1 - probability) >= SURE else "unknown"
    return own if own == cluster else "unknown"


def _side(probability: float) -> Verdict:
    return "abusive" if probability >= LINE else "innocent"
