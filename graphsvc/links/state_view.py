"""A view that goes on from the last one: only what came since is read where that is enough.

The same as a view from scratch, byte for byte. A state that was made of other events, or of later ones than a view may
see, is left aside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graphsvc.links import asking, conversations, queries, state, state_network, state_prompts
from graphsvc.links.conversations import NAMED_DAYS
from graphsvc.links.engine import DuckDatabase
from graphsvc.links.families import Int32s
from graphsvc.links.moments import DAY_MS
from graphsvc.links.reading import Fresh
from graphsvc.links.segments import Segment, span_ms
from graphsvc.links.state import COUNTED, FACTS, NETWORK, PROMPTS, Kept
from graphsvc.links.view import Found, LinkView, assembled

MADE_BY = (
    "asking",
    "buckets",
    "columns",
    "conversations",
    "counting",
    "families",
    "frame_kernels",
    "frame_passes",
    "frames",
    "held",
    "keys",
    "merging",
    "numbering",
    "order",
    "prefetch",
    "prompts",
    "queries",
    "reading",
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
FRESH = "SELECT count(*) AS events FROM events"
NAMED_ROWS = 10_000
"""Of so many events at both ends the identifiers are looked at too: other tokens would differ there as everywhere."""
Later = Callable[[Callable[[], object]], object]
"""Somebody who is given work, and does it in time."""


@dataclass(frozen=True)
class Seen:
    """The segments that a look goes by, in `folder`, and its moment."""

    folder: Path
    live: Sequence[Segment]
    as_of_ms: int

    @property
    def offset(self) -> int:
        return self.live[-1].last if self.live else 0

    def paths(self, segments: Sequence[Segment]) -> list[Path]:
        return [self.folder / segment.name for segment in segments]

    def last_ms(self, segment: Segment) -> int:
        return span_ms(self.folder, segment)[1]


def kept_view(
    folder: Path, segments: Path, live: Sequence[Segment], as_of_ms: int, later: Later | None = None
) -> LinkView:
    """The view from these segments; its state is read from `folder` and replaced, by what `later` is given to do, or
    before this returns.

    Prompts are read and compared beside what accounts share: each alone leaves one of two cores idle for long.
    """
    seen = Seen(segments, live, as_of_ms)
    with DuckDatabase() as database, ThreadPoolExecutor(1) as beside:
        database.open(seen.paths(live), as_of_ms)
        database.execute(queries.DERIVED)
        before = _usable(database, state.load(folder), seen)
        fresh = _fresh(seen, before)
        _only_fresh(database, fresh)
        asked = beside.submit(state_prompts.read, fresh, before.part((*FACTS, *PROMPTS)))
        leader = beside.submit(_likened, asked)
        counted, network, grown_of = before.part(COUNTED), before.part(NETWORK), before.grown_of
        # Here and below nothing holds what a step has replaced: there is no room to have it twice.
        del before
        network = state_network.grown(database, fresh, network)
        _converse(database, network)
        kept = replace(network, **{name: getattr(asked.result(), name) for name in PROMPTS}, grown_of=grown_of)
        del asked, network
        kept = state_prompts.add(database, counted, kept, leader.result)
        del leader
        if grown_of and not database.table(FRESH)["events"][0].as_py():
            return _view(database, seen, kept)
        witness = _witness(database, seen, seen.offset)
        saved = replace(kept, offset=seen.offset, as_of_ms=as_of_ms, witness=witness)
        view = _view(database, seen, kept)
    (later or _now)(partial(state.save, folder, saved))
    return view


def _now(work: Callable[[], object]) -> None:
    work()


def _likened(asked: Future[Kept]) -> Int32s:
    return state_prompts.likened(asked.result())


def _converse(database: DuckDatabase, kept: Kept) -> None:
    """What conversations tell, given what accounts share otherwise."""
    of_org = pc.equal(kept.identifiers["type"], "org").to_numpy()[kept.links["identifier"].to_numpy()]
    links = kept.links.select(["account", "identifier"]).filter(pa.array(of_org))
    database.register("belongs", links.append_column("org", kept.identifiers["id"].take(links["identifier"])))
    conversations.add(database, kept.chained)


def _view(database: DuckDatabase, seen: Seen, kept: Kept) -> LinkView:
    shared = state_network.with_derived(state_network.Shared(kept.identifiers, kept.links), database)
    identifiers = shared.identifiers.drop_columns("key")
    row = np.arange(len(identifiers), dtype=np.int32)
    of_conversations = pc.starts_with(identifiers["type"], "conversation")
    database.register("identifier", identifiers.append_column("row", pa.array(row)).filter(of_conversations))
    last_ms = pc.max(kept.chained["occurred_ms"]).as_py() or 0
    lately = [one for one in seen.live if seen.last_ms(one) > last_ms - NAMED_DAYS * DAY_MS]
    _files(database, "lately", "identifiers", seen.paths(lately), f"occurred_ms <= {int(seen.as_of_ms)}")
    counts = kept.sums.select(list(asking.SUMMED))
    return assembled(database, seen.as_of_ms, Found(identifiers, shared.links, kept.acts, counts, "lately"))


def _usable(database: DuckDatabase, kept: Kept | None, seen: Seen) -> Kept:
    """The state, if it was made of the events that lie there and of none that the view may not see; or an empty one."""
    if kept is None or kept.as_of_ms > seen.as_of_ms or not seen.live or kept.offset > seen.offset:
        return Kept()
    return kept if kept.witness == _witness(database, seen, kept.offset) else Kept()


def _witness(database: DuckDatabase, seen: Seen, offset: int) -> str:
    """What stands for the events up to an offset, in whatever segments they lie, and for what is made of them."""
    files = seen.paths([segment for segment in seen.live if segment.first <= offset])
    _files(database, "witnessed", "events", files, f'"offset" <= {int(offset)}')
    found = database.table(WITNESS)
    ends = f'"offset" <= least({NAMED_ROWS}, {int(offset)}) OR "offset" BETWEEN {offset - NAMED_ROWS} AND {int(offset)}'
    ending = [one for one in seen.live if one.first <= NAMED_ROWS or one.last >= offset - NAMED_ROWS]
    _files(database, "witnessed_names", "identifiers", seen.paths(ending), ends)
    named = database.table(NAMED)["mixed"][0].as_py()
    return f"{_recipe()} {found['events'][0].as_py()} {found['mixed'][0].as_py()} {named}"


@cache
def _recipe() -> str:
    """What stands for the code that states are made by: one that was made by another may hold other families."""
    here = Path(__file__).parent
    return blake2b(b"".join((here / f"{name}.py").read_bytes() for name in MADE_BY), digest_size=16).hexdigest()


def _fresh(seen: Seen, before: Kept) -> Fresh:
    """What came after the state, or occurred after its moment."""
    later = [one for one in seen.live if one.last > before.offset or seen.last_ms(one) > before.as_of_ms]
    return Fresh(seen.paths(later), before.offset, before.as_of_ms, seen.as_of_ms)


def _only_fresh(database: DuckDatabase, fresh: Fresh) -> None:
    """Leaves of `events` those that are fresh."""
    since = f'"offset" > {int(fresh.offset)} OR occurred_ms > {int(fresh.known_ms)}'
    _files(database, "events", "events", fresh.segments, f"occurred_ms <= {int(fresh.as_of_ms)} AND ({since})")


def _files(database: DuckDatabase, name: str, kind: str, files: Sequence[Path], where: str) -> None:
    paths = ", ".join("'" + str(path / f"{kind}.parquet").replace("'", "''") + "'" for path in files)
    source = f"read_parquet([{paths}])" if files else f"no_{kind}"
    database.execute(f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM {source} WHERE {where}")  # noqa: S608
