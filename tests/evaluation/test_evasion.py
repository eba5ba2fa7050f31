"""The cost of evasion: each step gives up one kind more, costs no less, and is judged over all worlds together."""

from __future__ import annotations

import numpy as np
import pytest

from gnn.judgement import Judgement
from graphsvc.config import Settings
from graphsvc.errors import BadUsage
from graphsvc.evaluation.evasion import cost_of_evasion, together
from graphsvc.evaluation.truth import Truth
from graphsvc.evaluation.worlds import Worlds


def quiet(step: str, share: float) -> None:
    """No progress shown."""


def test_steps_give_up_one_kind_after_another_and_cost_more(settings: Settings) -> None:
    steps = cost_of_evasion(settings, Worlds(("plain",), (2,), 120, 6), quiet, ("device", "payment"))
    assert [step.gives_up for step in steps] == ["nothing", "device", "payment"]
    assert steps[0].times == 1.0
    assert steps[0].cost < steps[1].cost < steps[2].cost
    assert steps[2].times == pytest.approx(steps[2].cost / steps[0].cost)
    for step in steps:
        assert 0.0 <= step.recall_at_fpr_1.value <= 1.0


def test_a_world_without_operators_has_none_who_could_evade(settings: Settings) -> None:
    with pytest.raises(BadUsage, match="None of the worlds has operators"):
        cost_of_evasion(settings, Worlds(("quiet",), (1,), 60, 3), quiet)


def test_worlds_together_share_nothing() -> None:
    seen = [_world(), _world()]
    truth, judgement, clusters = together(seen)
    assert truth.ring.tolist() == [0, 0, -1, 1, 1, -1]
    assert len(set(truth.ring_names)) == 2
    assert truth.unit.tolist() == [0, 0, 3, 4, 4, 7]
    assert truth.person.tolist() == [0, 1, 2, 3, 4, 5]
    assert clusters.tolist() == [1, 1, -1, 3, 3, -1]
    assert judgement.cluster[clusters[[0, 3]]].tolist() == [np.float32(0.9)] * 2
    assert judgement.account.shape == (6,)


def _world() -> tuple[Truth, Judgement, np.ndarray]:
    names = np.array(["trial_farm", "trial_farm", ""])
    truth = Truth(
        abusive=np.array([True, True, False]),
        ring=np.array([0, 0, -1]),
        ring_names=("r",),
        unit=np.array([0, 0, 3]),
        person=np.arange(3),
        kind=names,
        group=names,
        known=np.ones(3, np.bool_),
    )
    scores = np.array([0.8, 0.7, 0.1], np.float32)
    return truth, Judgement(scores, np.array([0.2, 0.9], np.float32)), np.array([1, 1, -1])
