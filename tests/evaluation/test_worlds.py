"""Evaluation on worlds: made aside, judged by the model in use, gone after; and the table over their seeds."""

from __future__ import annotations

import math
import tempfile
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from gnn.registry import SHIPPED, load
from graphsvc.config import Settings
from graphsvc.errors import BadUsage
from graphsvc.evaluation.figures import Estimate, Evaluation, Report
from graphsvc.evaluation.run import Options
from graphsvc.evaluation.worlds import Worlds, evaluate_worlds, made_world
from graphsvc.evaluation.worlds_table import table
from graphsvc.jobs.models import keep_model
from graphsvc.ledger import open_ledger
from tests.evaluation.report_factory import evaluation


def quiet(step: str, share: float) -> None:
    """No progress shown."""


def test_a_world_has_a_folder_of_its_own_that_goes_and_the_deployment_stays_as_it_was(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (spec,) = Worlds(("quiet",), (1,), 60, 3).specs()
    with made_world(settings, spec) as (own, truth):
        assert own.data != settings.data
        assert truth.is_file()
        ledger = open_ledger(own)
        assert ledger.offset() > 60
        ledger.close()
        assert own.places.active_model == settings.places.active_model
    assert not own.data.exists()
    assert not truth.exists()
    assert not settings.data.exists()


def test_a_world_is_judged_by_the_deployment_s_own_model(settings: Settings) -> None:
    version = keep_model(load(SHIPPED), settings.places.create())
    (spec,) = Worlds(("quiet",), (1,), 60, 3).specs()
    with made_world(settings, spec) as (own, _):
        assert own.places.active_model.name == version
        assert load(own.places.active_model).version == version


def test_worlds_are_judged_in_the_order_of_names_and_seeds_by_their_own_truth(settings: Settings) -> None:
    worlds = Worlds(("quiet", "plain"), (4,), 80, 4)
    found = evaluate_worlds(settings, worlds, Options(looks=1), quiet)
    assert [one.name for one in found] == ["quiet 4", "plain 4"]
    assert [one.accounts.abusive > 0 for one in found] == [False, True]
    assert {one.judged_by for one in found} == {"truth file"}
    alone = evaluate_worlds(settings, Worlds(("plain",), (4,), 80, 4), Options(looks=1), quiet)
    assert msgspec.json.encode(alone[0]) == msgspec.json.encode(found[1])


def test_a_world_that_is_none_is_named(settings: Settings) -> None:
    with pytest.raises(BadUsage):
        evaluate_worlds(settings, Worlds(("nowhere",), (1,), 80, 4), Options(), quiet)


def test_the_table_has_a_row_a_world_and_way_of_judging_with_mean_and_range_over_its_seeds() -> None:
    ones = [_named(f"plain {seed}", 0.5 + seed / 10) for seed in (1, 2)]
    text = table(Report("", (*ones, _named("quiet 1", math.nan)), ()))
    ways, ages, promises = (part.splitlines() for part in text.split("\n\n"))
    head, rule, *rows = ways
    assert len({line.count("|") for line in (head, rule, *rows)}) == 1
    assert [row.split(" | ")[:2] for row in rows] == [
        [f"| {world}", way] for world in ("plain", "quiet") for way in ("model in use", "its trees alone", "rules")
    ]
    assert rows[0].startswith("| plain | model in use | 65.0 (60.0–70.0) |")
    assert rows[3].startswith("| quiet | model in use | – |")
    assert [row.split(" | ")[0] for row in ages[2:]] == [
        f"| {world}, {age}" for world in ("plain", "quiet") for age in ("signup", "+24 h", "+7 d")
    ]
    assert [row.split(" | ")[0] for row in promises[2:]] == ["| plain", "| quiet"]
    for part in (ages, promises):
        assert len({line.count("|") for line in part}) == 1


def _named(name: str, precision: float) -> Evaluation:
    whole = evaluation()
    figure = Estimate(precision, precision, precision)
    methods = tuple(
        replace(method, accounts=replace(method.accounts, average_precision=figure)) for method in whole.methods
    )
    return replace(whole, name=name, methods=methods)
