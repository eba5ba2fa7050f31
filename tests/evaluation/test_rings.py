"""When a ring was found: the first look at which half of it so far lay in one flagged cluster."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from graphsvc.evaluation.figures import RingFound
from graphsvc.evaluation.rings import HOUR_MS, Sight, rings_found
from tests.evaluation.truths import truth_of

ACCOUNTS = list("abcdefgh")
TRUTH = truth_of(
    [True] * 7 + [False],
    ring=[0, 0, 0, 0, 1, 1, 2, -1],
    unit=[0, 0, 0, 0, 1, 1, 2, 3],
    kind=["trial_farm", "trial_farm", "trial_farm", "resale_relay", "", "", "", "household"],
)
BORN_MS = np.arange(1, 9) * HOUR_MS


def sight(hours: int, called: dict[str, int]) -> Sight:
    """The accounts in sight and their flagged clusters."""
    return Sight(hours * HOUR_MS, pa.array(called), np.array(list(called.values()), np.int64))


def test_rings_are_found_at_the_first_look_that_shows_half_of_them() -> None:
    found = rings_found(
        TRUTH,
        ACCOUNTS,
        BORN_MS,
        [
            sight(1, {"a": 0}),
            sight(3, {"a": 0, "b": -1, "c": 0}),
            sight(9, dict.fromkeys("abcd", -1) | {"e": 4, "f": 5, "g": 6, "h": 6}),
            sight(12, dict.fromkeys("abcd", -1) | {"e": 2, "f": -1, "g": 6, "h": 6}),
        ],
    )
    assert found == (
        RingFound("ring-0", "trial_farm", 4, 0.0, 2.0, 3),
        RingFound("ring-1", "", 2, 0.5, 4.0, 2),
    )


def test_a_ring_of_one_account_is_none_and_a_ring_unseen_is_not_found() -> None:
    found = rings_found(TRUTH, ACCOUNTS, BORN_MS, [sight(9, dict.fromkeys(ACCOUNTS, -1))])
    assert [(ring.ring, ring.share, ring.hours, ring.accounts) for ring in found] == [
        ("ring-0", 0.0, None, None),
        ("ring-1", 0.0, None, None),
    ]


def test_accounts_that_nobody_knows_of_are_no_members() -> None:
    truth = truth_of([True] * 4, ring=[0] * 4, known=[True, True, False, False])
    (found,) = rings_found(truth, list("abcd"), BORN_MS[:4], [sight(5, {"a": 1, "b": 0, "c": 0, "d": 0})])
    assert (found.size, found.share, found.hours) == (2, 0.5, 4.0)
