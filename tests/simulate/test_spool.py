"""Lines come out by time, whether they were put away at once or in many pieces."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsvc.simulate.spool import Piece, Spool, merged, packed

moments = st.integers(-(10**6), 10**6)
lines = st.lists(st.tuples(moments, st.binary(min_size=1, max_size=30)), max_size=60)


def whole(pieces: list[Piece]) -> list[bytes]:
    slots: dict[int, list[Piece]] = defaultdict(list)
    for piece in pieces:
        slots[piece.slot].append(piece)
    return [merged(slots[slot]) for slot in sorted(slots)]


@pytest.mark.parametrize("held_bytes", [1, 100, 10**6])
@settings(max_examples=30, deadline=None)
@given(added=lines, edges=st.lists(moments, max_size=5).map(sorted))
def test_lines_come_out_sorted(held_bytes: int, added: list[tuple[int, bytes]], edges: list[int]) -> None:
    with TemporaryDirectory() as folder:
        spool = Spool(Path(folder) / "lines", edges, held_bytes)
        for ms, line in added:
            spool.add(ms, line)
        pieces = spool.close()
        assert b"".join(whole(pieces)) == b"".join(line for _, line in sorted(added))


def test_a_piece_holds_one_slot_of_time(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "lines", [10, 20])
    for ms in (25, 9, 10, 19, 20, 0):
        spool.add(ms, f"{ms} ".encode())
    assert whole(spool.close()) == [b"0 9 ", b"10 19 ", b"20 25 "]


def test_a_slot_of_several_spools_is_one_packed_frame(tmp_path: Path) -> None:
    pieces = []
    for name, ms in (("one", 5), ("two", 3)):
        spool = Spool(tmp_path / name, [])
        spool.add(ms, f"{name}\n".encode())
        pieces += spool.close()
    assert zstandard.ZstdDecompressor().decompress(packed(3, pieces)) == b"two\none\n"
