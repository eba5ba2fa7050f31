"""What people decided shapes the clusters that detection looks at, as of its time."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from graphsvc.cases.decisions import DecisionStore, Wish
from graphsvc.cases.relations import Pair, merged, split
from graphsvc.jobs.decided import constraints_in
from graphsvc.jobs.observe import Observed, observe, quiet, sync_tables
from graphsvc.ledger.sqlite import SqliteLedger
from graphsvc.links.tables import LinkTables
from graphsvc.links.view import LinkView
from tests.links.worlds import DAY_MS, START_MS, filled, sharing, view

LATER_MS = START_MS + DAY_MS
RING, PAIR = [f"a{place}" for place in range(6)], ["x", "y"]
SHARED = {("device", "one"): RING, ("ip", "far"): ["x"], ("ip", "away"): ["y"]}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> LinkView:
    return view(tmp_path_factory.mktemp("small") / "w", sharing(SHARED))


def test_decisions_become_rows_and_accounts_that_are_not_seen_are_left_out(small: LinkView) -> None:
    row = {name: place for place, name in enumerate(small.accounts["account_id"].to_pylist())}
    found = constraints_in(small, [*merged(["a0", "a1"]), *split([["a2"], ["x"]]), Pair("a0", "nobody", "together")])
    assert found.must.tolist() == [[row["a0"], row["a1"]]]
    assert found.cannot.tolist() == [[row["a2"], row["x"]]]


def test_no_decisions_are_no_constraints(small: LinkView) -> None:
    found = constraints_in(small, [])
    assert found.must.shape == found.cannot.shape == (0, 2)


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DecisionStore]:
    folder = tmp_path_factory.mktemp("decided")
    filled(folder / "ledger.sqlite", sharing(SHARED)).close()
    store = DecisionStore(folder / "cases.sqlite")
    store.keep(Wish("split", "c1", "key"), [*split([["a0", "a1"], ["a2"]]), *merged(PAIR)], LATER_MS)
    return folder, store


def look(folder: Path, decided: list[Pair]) -> Observed:
    tables = LinkTables(folder / "links")
    with closing(SqliteLedger(folder / "ledger.sqlite")) as ledger:
        sync_tables(tables, ledger, quiet)
        return observe(tables, ledger, LATER_MS, quiet, decided)


def of(observed: Observed) -> dict[str, int]:
    return dict(zip(observed.view.accounts["account_id"].to_pylist(), observed.clusters.tolist(), strict=True))


def test_a_decision_holds_from_its_moment_on(decided: tuple[Path, DecisionStore]) -> None:
    folder, store = decided
    before, after = of(look(folder, store.pairs(LATER_MS - 1))), of(look(folder, store.pairs(LATER_MS)))
    assert {before[name] for name in RING} == {0}
    assert before["x"] == before["y"] == -1
    assert after["a0"] == after["a1"] != after["a2"]
    assert after["x"] == after["y"] >= 0


def test_whom_people_said_to_belong_to_a_cluster_no_model_takes_out_of_it(decided: tuple[Path, DecisionStore]) -> None:
    folder, store = decided
    observed = look(folder, store.pairs(LATER_MS))
    shown = observed.shown(np.full(len(observed.clusters), -1, np.int32))
    names = observed.view.accounts["account_id"].to_pylist()
    assert {name for name, cluster in zip(names, shown.tolist(), strict=True) if cluster >= 0} == {"a0", "a1", *PAIR}
