"""Methods fitted on a log's own past: what they may see, and that they see nothing else."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphsvc.config import Settings, load_settings
from graphsvc.errors import BadUsage
from graphsvc.evaluation import split
from graphsvc.evaluation.split import FOLDS, FULL, VARIANTS, ablations, examples_of, folds_of, levelled, material_of
from graphsvc.evaluation.truth import Truth, read_truth
from graphsvc.evaluation.worlds import Worlds, made_world
from graphsvc.events.record import LabelRecord
from graphsvc.ledger import open_ledger
from graphsvc.links.tables import LinkTables

DAY_MS = 86_400_000

Log = tuple[Settings, Truth, int]


def quiet(step: str, share: float) -> None:
    """No progress shown."""


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """A small simulated world in a data folder, its truth and its end; every abusive account is labelled a day after it
    signed up, so that each fold has something to learn."""
    (spec,) = Worlds(("plain",), (3,), 300, 20).specs()
    folder = tmp_path_factory.mktemp("world")
    with made_world(load_settings(data=folder / "deployment"), spec) as (own, truth):
        own.data.rename(folder / "data")
        kept = own.model_copy(update={"data": folder / "data"})
        tables = LinkTables(kept.places.links)
        accounts = tables.view(tables.latest_ms).accounts
        ids, born_ms = accounts["account_id"].to_pylist(), accounts["created_ms"].to_pylist()
        told = read_truth(truth, ids)
        rows = np.flatnonzero(told.abusive).tolist()
        with closing(open_ledger(kept)) as ledger:
            ledger.append_labels([LabelRecord(ids[row], "abusive", born_ms[row] + DAY_MS, "test") for row in rows])
        return kept, told, tables.latest_ms


@given(st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1), st.integers(2, 4))
def test_a_unit_is_dealt_whole_and_folds_are_even(accounts: list[tuple[int, bool]], folds: int) -> None:
    unit = np.array([2 * number + bad for number, bad in accounts])
    abusive = np.array([bad for _, bad in accounts])
    fold = folds_of(unit, abusive, folds, 0)
    assert all(len(set(fold[unit == one].tolist())) == 1 for one in unit.tolist())
    largest = np.bincount(unit).max()
    for side in (abusive, ~abusive):
        load = np.bincount(fold[side], minlength=folds)
        assert load.max() - load.min() <= largest


def test_models_are_brought_to_one_scale_and_keep_their_order() -> None:
    scores = np.array([[0.1, 0.3, 0.2, 0.2], [0.9, 0.5, 0.7, 0.8]], dtype=np.float32)
    level = levelled(scores)
    assert np.array_equal(np.argsort(level, axis=1, kind="stable"), np.argsort(scores, axis=1, kind="stable"))
    assert level.mean(axis=1) == pytest.approx([scores.mean()] * 2, rel=0.05)
    assert level[0, 2] == level[0, 3]
    assert np.array_equal(levelled(np.tile(scores[:1], (3, 1))), np.tile(scores[:1], (3, 1)))


def test_nothing_of_the_held_out_fold_or_of_later_times_is_fitted_on(log: Log) -> None:
    material = material_of(*log, quiet)
    for fold in range(FOLDS):
        for example in examples_of(FULL, material, fold):
            ids = example.network.accounts["account_id"].to_pylist()
            assert fold not in {material.fold[one] for one in ids}
            assert max(example.network.links["first_ms"].to_pylist()) <= material.split_ms
            decided = [*example.outcomes["decided_ms"].to_pylist(), *example.network.labels["decided_ms"].to_pylist()]
            assert all(at_ms <= material.split_ms for at_ms in decided)


def test_models_are_fitted_with_the_deployments_attributes_and_never_with_protected_ones(log: Log) -> None:
    settings, truth, end_ms = log
    own = settings.model_copy(update={"attributes": ("plan_age",)})
    assert split.config_for(material_of(own, truth, end_ms, quiet)).attributes == ("plan_age",)
    with pytest.raises(BadUsage, match="where a person is from"):
        material_of(settings.model_copy(update={"attributes": ("country",)}), truth, end_ms, quiet)


def test_no_operator_is_fitted_on_by_the_model_that_judges_him(log: Log) -> None:
    settings, truth, end_ms = log
    material = material_of(settings, truth, end_ms, quiet)
    fold = material.folds(material.late)
    for unit in set(truth.unit.tolist()):
        assert len(set(fold[truth.unit == unit].tolist())) == 1


def test_the_judged_are_those_that_came_after_the_split_and_their_labels_are_hidden(log: Log) -> None:
    material = material_of(*log, quiet)
    created = material.late.accounts["created_ms"].to_numpy()
    assert np.array_equal(material.judged, created > material.split_ms)
    network = split.network_at_end(FULL, material)
    assert not material.judged[network.labels["account"].to_numpy()].any()
    assert not network.accounts["banned"].to_numpy()[material.judged].any()
    assert network.labels.num_rows


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_what_a_variant_leaves_out_is_in_no_network(log: Log, variant: split.Variant) -> None:
    material = material_of(*log, quiet)
    for network in (split.network_at_end(variant, material), examples_of(variant, material, 0)[-1].network):
        assert not set(variant.types) & set(network.identifiers["type"].to_pylist())
        assert not any(np.any(network.accounts[name].to_numpy()) for name in variant.facts)
        if variant.timeless:
            assert len(set(network.links["first_ms"].to_pylist() + network.accounts["created_ms"].to_pylist())) == 1


def test_all_methods_judge_the_same_accounts(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, truth, end_ms = log
    monkeypatch.setattr(split, "STEPS", 10)
    monkeypatch.setattr(split, "VARIANTS", (FULL,))
    monkeypatch.setattr(split, "LABELS_NEEDED", 1)
    found = ablations(settings, truth, end_ms, quiet)
    assert not found.why_none
    assert [method.name for method in found.methods] == ["rules", "full", "trees", "network"]
    judged = material_of(settings, truth, end_ms, quiet).judged
    assert {method.accounts.accounts for method in found.methods} == {int(judged.sum())}


def test_too_few_labels_are_said_and_nothing_is_fitted(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(split, "LABELS_NEEDED", 100_000)
    found = ablations(*log, quiet)
    assert not found.methods
    assert "labels" in found.why_none
