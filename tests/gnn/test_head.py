"""The real-time head: numpy only, monotone, low for hubs and strangers, high beside many bad accounts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn.ensemble import Model
from gnn.groups import MODEL_GROUPS
from gnn.head import HEAD_FEATURES, Head, SharedRows, batch_features, head_features
from gnn.registry import save


def rows(*shared: tuple[str, float, int, float, float, int, int]) -> SharedRows:
    group, bits, others, mean, most, bad, good = zip(*shared, strict=True)
    return SharedRows(
        np.array([MODEL_GROUPS.index(name) for name in group], dtype=np.int64),
        np.array(bits, dtype=np.float32),
        np.array(others, dtype=np.int64),
        np.array(mean, dtype=np.float32),
        np.array(most, dtype=np.float32),
        np.array(bad, dtype=np.int64),
        np.array(good, dtype=np.int64),
    )


def score(head: Head, shared: SharedRows) -> float:
    return float(head.score(head_features(shared)))


def test_importing_the_head_imports_no_training_stack() -> None:
    code = "import sys, gnn.head, gnn.network, gnn.evaluate; print([m for m in ('torch', 'xgboost', 'sklearn') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_low_for_a_stranger_and_for_a_campus(model: Model) -> None:
    assert score(model.head, SharedRows.empty()) < 0.2
    assert score(model.head, rows(("network", 0.0, 5000, 0.1, 0.9, 3, 5))) < 0.2


def test_high_for_a_device_and_a_card_of_many_bad_accounts(model: Model) -> None:
    shared = rows(("device", 9.0, 8, 0.95, 0.99, 3, 0), ("payment", 8.0, 6, 0.95, 0.99, 2, 0))
    assert score(model.head, shared) > 0.7


shared_rows = st.tuples(
    st.sampled_from(MODEL_GROUPS),
    st.floats(0, 20),
    st.integers(1, 50),
    st.floats(0, 0.9),
    st.floats(0, 0.9),
    st.integers(0, 3),
    st.integers(0, 3),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(shared_rows, min_size=1, max_size=6), st.floats(0, 0.1), st.data())
def test_riskier_neighbours_never_lower_the_score(shared: list[tuple], more: float, data: st.DataObject) -> None:
    head = random_head()
    changed = list(shared)
    index = data.draw(st.integers(0, len(shared) - 1))
    group, bits, others, mean, most, bad, good = shared[index]
    changed[index] = (group, bits, others, mean + more, most + more, bad + 1, max(good - 1, 0))
    assert score(head, rows(*changed)) >= score(head, rows(*shared)) - 1e-6


def random_head() -> Head:
    """Weights of the right signs and otherwise random: monotone whatever training found."""
    random = np.random.default_rng(0)
    rising = len(HEAD_FEATURES) - len(MODEL_GROUPS) - 2
    w1 = random.normal(size=(len(HEAD_FEATURES), 16)).astype(np.float32)
    w1[:rising] = np.abs(w1[:rising])
    zero, one = np.zeros(len(HEAD_FEATURES), dtype=np.float32), np.ones(len(HEAD_FEATURES), dtype=np.float32)
    w2 = np.abs(random.normal(size=16)).astype(np.float32)
    calibration = np.array([0.3, -1.0], dtype=np.float32)
    return Head("", zero, one, w1, np.zeros(16, np.float32), w2, np.zeros(1, np.float32), calibration)


def test_trained_weights_have_the_signs_that_make_it_monotone(model: Model) -> None:
    rising = len(HEAD_FEATURES) - len(MODEL_GROUPS) - 2
    assert (model.head.w1[:rising] >= 0).all()
    assert (model.head.w2 >= 0).all()
    assert model.head.calibration[0] > 0


def test_a_batch_gives_what_single_accounts_give() -> None:
    first = ("device", 9.0, 3, 0.5, 0.8, 1, 0)
    second = ("network", 2.0, 40, 0.1, 0.8, 0, 2)
    both = batch_features(rows(first, second, second), np.array([0, 0, 2]), 3)
    np.testing.assert_array_equal(both[0], head_features(rows(first, second)))
    np.testing.assert_array_equal(both[1], head_features(SharedRows.empty()))
    np.testing.assert_array_equal(both[2], head_features(rows(second)))


def test_the_saved_head_scores_alike_and_knows_its_version(model: Model, tmp_path: Path) -> None:
    version = save(model, tmp_path)
    head = Head.load(tmp_path)
    shared = rows(("device", 9.0, 8, 0.95, 0.99, 3, 0))
    assert head.version == version
    assert score(head, shared) == score(model.head, shared)
