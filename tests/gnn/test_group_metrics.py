"""Figures by group, against plain counting, and intervals that widen with what hangs together."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from gnn.group_metrics import NAMES, UNLABELLED, Judged, by_group, groups_of, precision_interval
from gnn.groups import KINDS
from gnn.labels import ABUSIVE, BENIGN, Verdicts
from gnn.labels import UNLABELLED as NONE


def judged(accused: np.ndarray, unit: np.ndarray, group: int = UNLABELLED) -> Judged:
    count = len(accused)
    score = np.where(accused, 0.9, 0.1).astype(np.float32)
    return Judged(np.full(count, group), unit, accused, score, np.zeros(count, np.float32))


def test_each_account_lies_in_the_group_of_its_label() -> None:
    verdicts = Verdicts(
        np.array([ABUSIVE, BENIGN, BENIGN, NONE, NONE, ABUSIVE], np.int8),
        np.array([0, KINDS.index("household"), -1, -1, -1, -1], np.int8),
        np.ones(6, np.float32),
        np.full(6, -1, np.int32),
    )
    group = groups_of(verdicts, np.array([True, True, True, False, True, True]))
    said = [NAMES[number] if number >= 0 else "" for number in group]
    assert said == ["distillation", "household", "benign, no kind given", "unlabelled", "", ""]


def test_shares_are_counted_over_accounts_and_clusters_accuse_too() -> None:
    one = judged(np.array([True, False, False, False]), np.arange(4))
    one.cluster[1] = 0.5
    assert by_group(one)["unlabelled"]["accused"] == 0.5
    assert set(by_group(one)) == {"unlabelled"}


def test_accounts_of_one_cluster_make_a_wide_interval() -> None:
    accused = np.arange(200) < 20
    alone = by_group(judged(accused, np.arange(200)))["unlabelled"]
    together = by_group(judged(accused, np.arange(200) // 20))["unlabelled"]
    assert alone["accused"] == together["accused"] == 0.1
    assert (alone["units"], together["units"]) == (200, 10)
    assert together["high"] - together["low"] > 2 * (alone["high"] - alone["low"])


def test_none_accused_still_leaves_room() -> None:
    found = by_group(judged(np.zeros(40, dtype=bool), np.arange(40)))["unlabelled"]
    assert found["low"] == 0
    assert found["high"] == pytest.approx(0.0876, abs=1e-3)


def test_the_interval_of_average_precision_holds_it() -> None:
    random = np.random.default_rng(0)
    truth = random.random(600) < 0.2
    score = (random.normal(size=600) + 1.5 * truth).astype(np.float32)
    one = Judged(np.full(600, UNLABELLED), np.arange(600) // 3, truth, score, np.zeros(600, np.float32))
    low, high = precision_interval(one)
    assert low < average_precision_score(truth, score) < high
    assert 0 < high - low < 0.3
    same = Judged(one.group, np.zeros(600, np.int64), truth, score, one.cluster)
    assert precision_interval(same) == (0.0, 1.0)


def test_parts_add_up() -> None:
    first, second = (
        judged(np.array([True]), np.array([0])),
        judged(np.array([False, False, False]), np.array([1, 2, 3])),
    )
    assert by_group(Judged.together([first, second]))["unlabelled"]["accused"] == 0.25
