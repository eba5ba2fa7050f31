"""The account network at one moment, out of the link tables.

The same events give the same view, byte for byte, in whatever order they arrived: rows are sorted by their content, and
sums that could depend on order are sums of integers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graphsvc.links import asking, conversations, frames, queries, timing
from graphsvc.links.activity import rhythm
from graphsvc.links.engine import DUCKDB, Database, DuckDatabase, Engine
from graphsvc.links.families import families_of, family_id, sketches_of
from graphsvc.links.weights import bits_of

TIMINGS = timing.SCHEMA
ATTRIBUTES = pa.schema(
    [
        ("account_id", pa.string()),
        ("name", pa.string()),
        ("last", pa.float64()),
        ("mean", pa.float64()),
        ("text", pa.string()),
    ]
)
"""The last value and the mean of an account's numbers (truths are 0 and 1), and its last text."""


@dataclass(frozen=True)
class LinkView:
    """The network from events that occurred by `as_of_ms`, and from nothing else.

    - accounts: one row an account, sorted by `account_id`: created_ms, first_ms, last_ms (int64) and float32 facts.
    - identifiers: type, id, degree (accounts, int32), bits (float32, after the hub discount), first_ms; by type and id.
    - links: account and identifier (int32 rows of those tables), first_ms, last_ms, count (int32); by both rows.
    - peers: source and target (int32 rows of accounts), type, weight (float32, the largest), first_ms; by all three.
    - attributes: ATTRIBUTES, what events said of accounts in names of the caller's own; by account_id and name.
    - timings: TIMINGS, pairs of accounts whose events follow each other beyond chance; by a, b and reason.
    - names: by which ids new records call a running conversation, its int32 row of identifiers, and the organisation
      that all its accounts have in common, or null; by name.
    """

    as_of_ms: int
    accounts: pa.Table
    identifiers: pa.Table
    links: pa.Table
    peers: pa.Table
    timings: pa.Table = field(default_factory=TIMINGS.empty_table)
    names: pa.Table = field(default_factory=conversations.NAMES.empty_table)
    attributes: pa.Table = field(default_factory=ATTRIBUTES.empty_table)


def view_of(segments: Sequence[Path], as_of_ms: int, engine: Engine = DUCKDB) -> LinkView:
    """The view from Parquet segments."""
    with engine.database() as database:
        database.open(segments, as_of_ms)
        return made(database, as_of_ms, add_prompts)


def moments_of(segments: Sequence[Path], shares: Sequence[float], as_of_ms: int) -> list[int]:
    """The moments by which these shares of the events up to `as_of_ms` had occurred; none where there are no events."""
    wanted = ", ".join(str(float(share)) for share in shares)
    with DuckDatabase() as database:
        database.open(segments, as_of_ms)
        query = f"SELECT quantile_disc(occurred_ms, [{wanted}]::DOUBLE[]) AS moments FROM events"  # noqa: S608
        found = database.table(query)
    return found["moments"][0].as_py() or []


def bans_of(segments: Sequence[Path], as_of_ms: int) -> pa.Table:
    """Enforcement that bans or reinstates, by `as_of_ms`: account_id, occurred_ms, action; in order of time."""
    with DuckDatabase() as database:
        database.open(segments, as_of_ms)
        return database.table(queries.BANS)


def made(database: Database, as_of_ms: int, prompts: Callable[[Database], None]) -> LinkView:
    """The view of an open database; `prompts` adds what its prompts tell, as `add_prompts` does."""
    for query in (queries.ACCOUNTS, queries.SEEN, queries.DERIVED):
        database.execute(query)
    prompts(database)
    conversations.add(database)
    for query in (queries.NAMED, queries.SEEN_DERIVED, queries.IDENTIFIERS):
        database.execute(query)
    accounts = database.table("SELECT * FROM account ORDER BY row")
    identifiers = database.table("SELECT type, id, degree, first_ms FROM identifier ORDER BY row")
    links = database.table(queries.LINKS)
    bits = bits_of(identifiers["type"], identifiers["degree"].to_numpy(), len(accounts))
    identifiers = identifiers.add_column(3, "bits", pa.array(bits))
    return LinkView(
        as_of_ms=as_of_ms,
        accounts=_with_facts(database, accounts, identifiers, links),
        identifiers=identifiers,
        links=links,
        peers=database.table(queries.PEERS),
        timings=timing.timings(database),
        names=conversations.named(database),
        attributes=database.table(queries.ATTRIBUTES).cast(ATTRIBUTES),
    )


def add_prompts(database: Database) -> None:
    """Makes `asked`, and adds families and frames to `derived`."""
    _add_families(database)
    frames.add(database)


def _add_families(database: Database) -> None:
    """Makes `asked`, one row an account and family, and `family_name`, the ids of families that accounts share."""
    database.execute(queries.SKETCHES)
    sketches = database.table("SELECT sketch FROM sketch ORDER BY row")["sketch"]
    family = families_of(sketches_of(sketches))
    database.register("family_of", pa.table({"sketch": np.arange(len(family), dtype=np.int32), "family": family}))
    database.execute(queries.ASKS)
    database.execute(queries.ASKED)
    shared = database.table(queries.SHARED_FAMILIES)
    ids = pa.array([family_id(sketch) for sketch in shared["sketch"].to_pylist()], pa.string())
    database.register("family_name", pa.table({"family": shared["family"], "id": ids}))
    database.execute(queries.DERIVED_FAMILIES)


def _with_facts(database: Database, accounts: pa.Table, identifiers: pa.Table, links: pa.Table) -> pa.Table:
    """Accounts with the columns that SQL does not give, and all columns in the order of FACTS."""
    acts = database.table(queries.ACTS)
    found = rhythm(acts["account"].to_numpy(), acts["occurred_ms"].to_numpy(), len(accounts))
    conversation = pc.starts_with(identifiers["type"], "conversation").to_numpy()[links["identifier"].to_numpy()]
    held = np.bincount(links["account"].to_numpy()[conversation], minlength=len(accounts))
    asked = database.table(queries.ASKED_FACTS)
    columns = {
        **{name: accounts[name] for name in accounts.column_names},
        "active_days": found.active_days,
        "hour_entropy": found.hour_entropy,
        "gap_cv": found.gap_cv,
        "conversations": held.astype(np.float32),
        "prompt_families": asked["prompt_families"],
        "family_repeat_share": asked["family_repeat_share"],
        **asking.facts(database, asked["family_repeat_share"].to_numpy()),
    }
    named = ("account_id", *queries.TIMES, *queries.FACTS)
    return pa.table({name: columns[name] for name in named})
