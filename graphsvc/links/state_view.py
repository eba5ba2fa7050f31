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

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graphsvc.links import asking, conversations, queries, state, state_network, state_prompts
from graphsvc.links.conversations import NAMED_DAYS
from graphsvc.links.engine import DuckDatabase
from graphsvc.links.moments import DAY_MS
from graphsvc.links.segments import Segment, span_ms
from graphsvc.links.state import Kept
from graphsvc.links.view import Found, LinkView, assembled

MADE_BY = (
    "asking",
    "buckets",
    "columns",
    "conversations",
    "families",
    "frame_kernels",
    "frames",
    "merging",
    "queries",
    "state",
    "state_families",
    "state_frames",
    "state_network",
    "state_prompts",
)
WITNESS = """
SELECT count(*) AS events, CAST(bit_xor(hash("offset", account_key, occurred_ms, sketch_key)) AS VARCHAR) AS mixed
FROM witnessed
"""
NAMED = 'SELECT CAST(bit_xor(hash("offset", key)) AS VARCHAR) AS mixed FROM witnessed_names'
NAMED_ROWS = 10_000
"""Of so many events at both ends the identifiers are looked at too: other tokens would differ there as everywhere."""


def kept_view(folder: Path, segments: Path, live: Sequence[Segment], as_of_ms: int) -> LinkView:
    """The view from these segments; its state is read from `folder` and replaced."""
    with DuckDatabase() as database:
        database.open([segments / segment.name for segment in live], as_of_ms)
        database.execute(queries.DERIVED)
        # In one expression, so that what a step has replaced is held by nobody in the next.
        after = state_prompts.add(
            database, state_network.grown(database, _before(database, folder, segments, live, as_of_ms))
        )
        _converse(database, after)
        view = _view(database, segments, live, after, as_of_ms)
        offset = live[-1].last if live else 0
        witness = _witness(database, segments, live, offset)
    state.save(folder, replace(after, offset=offset, as_of_ms=as_of_ms, witness=witness))
    return view


def _before(database: DuckDatabase, folder: Path, segments: Path, live: Sequence[Segment], as_of_ms: int) -> Kept:
    """What the last look kept, if this one may go on from it; the database is left with what it was not made of."""
    before = _usable(database, state.load(folder), segments, live, as_of_ms)
    _only_fresh(database, segments, live, before, as_of_ms)
    return before


def _converse(database: DuckDatabase, kept: Kept) -> None:
    """What conversations tell, given what accounts share otherwise."""
    of_org = pc.equal(kept.identifiers["type"], "org").to_numpy()[kept.links["identifier"].to_numpy()]
    links = kept.links.select(["account", "identifier"]).filter(pa.array(of_org))
    database.register("belongs", links.append_column("org", kept.identifiers["id"].take(links["identifier"])))
    conversations.add(database, kept.chained)


def _view(database: DuckDatabase, segments: Path, live: Sequence[Segment], kept: Kept, as_of_ms: int) -> LinkView:
    shared = state_network.with_derived(state_network.Shared(kept.identifiers, kept.links), database)
    identifiers = shared.identifiers.drop_columns("key")
    row = np.arange(len(identifiers), dtype=np.int32)
    of_conversations = pc.starts_with(identifiers["type"], "conversation")
    database.register("identifier", identifiers.append_column("row", pa.array(row)).filter(of_conversations))
    last_ms = pc.max(kept.chained["occurred_ms"]).as_py() or 0
    lately = [one for one in live if span_ms(segments, one)[1] > last_ms - NAMED_DAYS * DAY_MS]
    _files(
        database, "lately", "identifiers", [segments / one.name for one in lately], f"occurred_ms <= {int(as_of_ms)}"
    )
    counts = kept.sums.select(list(asking.SUMMED))
    return assembled(database, as_of_ms, Found(identifiers, shared.links, kept.acts, counts, "lately"))


def _usable(database: DuckDatabase, kept: Kept | None, segments: Path, live: Sequence[Segment], as_of_ms: int) -> Kept:
    """The state, if it was made of the events that lie there and of none that the view may not see; or an empty one."""
    if kept is None or kept.as_of_ms > as_of_ms or not live or kept.offset > live[-1].last:
        return Kept()
    return kept if kept.witness == _witness(database, segments, live, kept.offset) else Kept()


def _witness(database: DuckDatabase, segments: Path, live: Sequence[Segment], offset: int) -> str:
    """What stands for the events up to an offset, in whatever segments they lie, and for what is made of them."""
    files = [segments / segment.name for segment in live if segment.first <= offset]
    _files(database, "witnessed", "events", files, f'"offset" <= {int(offset)}')
    found = database.table(WITNESS)
    ends = f'"offset" <= least({NAMED_ROWS}, {int(offset)}) OR "offset" BETWEEN {offset - NAMED_ROWS} AND {int(offset)}'
    beside = [segments / one.name for one in live if one.first <= NAMED_ROWS or one.last >= offset - NAMED_ROWS]
    _files(database, "witnessed_names", "identifiers", beside, ends)
    named = database.table(NAMED)["mixed"][0].as_py()
    return f"{_recipe()} {found['events'][0].as_py()} {found['mixed'][0].as_py()} {named}"


@cache
def _recipe() -> str:
    """What stands for the code that states are made by: one that was made by another may hold other families."""
    here = Path(__file__).parent
    return blake2b(b"".join((here / f"{name}.py").read_bytes() for name in MADE_BY), digest_size=16).hexdigest()


def _only_fresh(database: DuckDatabase, segments: Path, live: Sequence[Segment], before: Kept, as_of_ms: int) -> None:
    """Leaves of `events` and `identifiers` those that came after the state, or occurred after its moment."""
    later = [one for one in live if one.last > before.offset or span_ms(segments, one)[1] > before.as_of_ms]
    files = [segments / segment.name for segment in later]
    since = f'"offset" > {int(before.offset)} OR occurred_ms > {int(before.as_of_ms)}'
    for name in ("events", "identifiers"):
        _files(database, name, name, files, f"occurred_ms <= {int(as_of_ms)} AND ({since})")
    _files(database, "names", "names", files, "true")


def _files(database: DuckDatabase, name: str, kind: str, files: Sequence[Path], where: str) -> None:
    paths = ", ".join("'" + str(path / f"{kind}.parquet").replace("'", "''") + "'" for path in files)
    source = f"read_parquet([{paths}])" if files else f"no_{kind}"
    database.execute(f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM {source} WHERE {where}")  # noqa: S608
