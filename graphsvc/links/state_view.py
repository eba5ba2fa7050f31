"""A view that goes on from the last one: only what came since is read where that is enough.

The same as a view from scratch, byte for byte. A state that was made of other events, or of later ones than a view may
see, is left aside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from hashlib import blake2b
from pathlib import Path

from graphsvc.links import state, state_prompts
from graphsvc.links.engine import Database, DuckDatabase
from graphsvc.links.segments import Segment, span_ms
from graphsvc.links.state import Kept
from graphsvc.links.view import LinkView, made

MADE_BY = ("buckets", "families", "frame_kernels", "frames", "state_families", "state_frames", "state_prompts")
WITNESS = """
SELECT count(*) AS events, CAST(bit_xor(hash("offset", account_key, occurred_ms, sketch_key)) AS VARCHAR) AS mixed
FROM witnessed
"""


def kept_view(folder: Path, segments: Path, live: Sequence[Segment], as_of_ms: int) -> LinkView:
    """The view from these segments; its state is read from `folder` and replaced."""
    with DuckDatabase() as database:
        database.open([segments / segment.name for segment in live], as_of_ms)
        before = _usable(database, state.load(folder), segments, live, as_of_ms)
        later = [one for one in live if one.last > before.offset or span_ms(segments, one)[1] > before.as_of_ms]
        _fresh(database, [segments / segment.name for segment in later], before, as_of_ms)
        after = before

        def add_prompts(database: Database) -> None:
            nonlocal after
            after = state_prompts.add(database, before)

        view = made(database, as_of_ms, add_prompts)
        offset = live[-1].last if live else 0
        witness = _witness(database, segments, live, offset)
    state.save(folder, replace(after, offset=offset, as_of_ms=as_of_ms, witness=witness))
    return view


def _usable(database: DuckDatabase, kept: Kept | None, segments: Path, live: Sequence[Segment], as_of_ms: int) -> Kept:
    """The state, if it was made of the events that lie there and of none that the view may not see; or an empty one."""
    if kept is None or kept.as_of_ms > as_of_ms or not live or kept.offset > live[-1].last:
        return Kept()
    return kept if kept.witness == _witness(database, segments, live, kept.offset) else Kept()


def _witness(database: DuckDatabase, segments: Path, live: Sequence[Segment], offset: int) -> str:
    """What stands for the events up to an offset, in whatever segments they lie, and for what is made of them."""
    files = [segments / segment.name for segment in live if segment.first <= offset]
    _files(database, "witnessed", files, f'"offset" <= {int(offset)}')
    found = database.table(WITNESS)
    return f"{_recipe()} {found['events'][0].as_py()} {found['mixed'][0].as_py()}"


@cache
def _recipe() -> str:
    """What stands for the code that states are made by: one that was made by another may hold other families."""
    here = Path(__file__).parent
    return blake2b(b"".join((here / f"{name}.py").read_bytes() for name in MADE_BY), digest_size=16).hexdigest()


def _fresh(database: DuckDatabase, files: Sequence[Path], before: Kept, as_of_ms: int) -> None:
    """Makes `fresh`: events by the view's moment that came after the state, or occurred after its moment."""
    since = f'"offset" > {int(before.offset)} OR occurred_ms > {int(before.as_of_ms)}'
    _files(database, "fresh", files, f"occurred_ms <= {int(as_of_ms)} AND ({since})")


def _files(database: DuckDatabase, name: str, files: Sequence[Path], where: str) -> None:
    paths = ", ".join("'" + str(path / "events.parquet").replace("'", "''") + "'" for path in files)
    source = f"read_parquet([{paths}])" if files else "no_events"
    database.execute(f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM {source} WHERE {where}")  # noqa: S608
