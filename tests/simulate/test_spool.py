"""Lines come out by time, whether or not they had to wait on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphsvc.simulate.spool import Spool

lines = st.lists(st.tuples(st.integers(-(10**10), 10**12), st.binary(min_size=1, max_size=30)), max_size=60)


@pytest.mark.parametrize("held_bytes", [1, 100, 10**6])
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(added=lines)
def test_lines_come_out_sorted(tmp_path: Path, held_bytes: int, added: list[tuple[int, bytes]]) -> None:
    spool = Spool(tmp_path, held_bytes)
    for ms, line in added:
        spool.add(ms, line)
    assert list(spool.sorted()) == [line for _, line in sorted(added)]
    spool.close()
    assert list(tmp_path.iterdir()) == []
