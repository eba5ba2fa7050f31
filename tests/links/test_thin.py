"""A thinned view is the view of a log that never had what was left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from graphsvc.links.thin import among, timeless, without
from tests.links.worlds import as_bytes, random_world, sharing, view

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


def test_accounts_left_out_leave_no_trace(tmp_path: Path) -> None:
    whole = view(tmp_path / "whole", sharing(SHARED))
    kept = {key: [one for one in accounts if one != "b"] for key, accounts in SHARED.items()}
    never = view(tmp_path / "never", sharing(kept))
    assert as_bytes(among(whole, np.array([True, False, True]))) == as_bytes(never)


@pytest.mark.parametrize("seed", [1, 2])
def test_links_among_some_accounts_are_those_of_a_log_of_theirs(tmp_path: Path, seed: int) -> None:
    records = [record for record in random_world(seed) if record.fingerprint is None]
    whole = view(tmp_path / "whole", records)
    ids = whole.accounts["account_id"].to_pylist()
    kept = np.arange(len(ids)) % 3 != 0
    theirs = {one for one, here in zip(ids, kept, strict=True) if here}
    never = view(tmp_path / "never", [record for record in records if record.account_id in theirs])
    assert as_bytes(among(whole, kept)) == as_bytes(never)


def test_nothing_tells_of_time_in_a_timeless_view(tmp_path: Path) -> None:
    whole = view(tmp_path / "whole", random_world(3))
    still = timeless(whole)
    for table, column in (
        ("accounts", "created_ms"),
        ("links", "first_ms"),
        ("links", "last_ms"),
        ("peers", "first_ms"),
    ):
        assert set(getattr(still, table)[column].to_pylist()) <= {whole.as_of_ms}
    assert still.links.select(["account", "identifier", "count"]) == whole.links.select(
        ["account", "identifier", "count"]
    )
