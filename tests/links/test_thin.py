"""A thinned view is the view of a log that never had what was left out."""

from __future__ import annotations

from pathlib import Path

from graphsvc.links.thin import without
from tests.links.worlds import sharing, view

SHARED = {("ip", "i"): ["a", "b", "c"], ("device", "d"): ["b", "c"], ("phone", "p"): ["a", "c"]}


def test_types_left_out_leave_no_trace(tmp_path: Path) -> None:
    whole = view(tmp_path / "whole", sharing(SHARED))
    never = view(tmp_path / "never", sharing({key: value for key, value in SHARED.items() if key[0] != "device"}))
    thin = without(whole, {"device"}, [])
    assert thin.identifiers.equals(never.identifiers)
    assert thin.links.select(["account", "identifier"]).equals(never.links.select(["account", "identifier"]))


def test_facts_left_out_are_unknown_and_the_rest_stays(tmp_path: Path) -> None:
    whole = view(tmp_path / "whole", sharing(SHARED))
    thin = without(whole, [], ["events"])
    assert set(thin.accounts["events"].to_pylist()) == {0.0}
    assert thin.accounts.drop_columns(["events"]).equals(whole.accounts.drop_columns(["events"]))
