"""The account network at one moment, out of the link tables.

The same events give the same view, byte for byte, in whatever order they arrived: rows are sorted by their content, and
sums that could depend on order are sums of integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graphsvc.links import asking, conversations, frames, queries, timing
from graphsvc.links.activity import rhythm
from graphsvc.links.engine import DUCKDB, Database, DuckDatabase, Engine
from graphsvc.links.families import Sketches, families_of, family_id, sketches_of
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
        return made(database, as_of_ms)


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


def made(database: Database, as_of_ms: int) -> LinkView:
    """The view of an open database."""
    database.execute(f"CREATE TABLE sums AS {queries.SUMS}")
    for query in (queries.ACCOUNTS, queries.SEEN, queries.DERIVED, queries.BELONGS):
        database.execute(query)
    add_prompts(database)
    conversations.add(database, database.table(conversations.CHAINED))
    for query in (queries.NAMED, queries.SEEN_DERIVED, queries.IDENTIFIERS):
        database.execute(query)
    found = Found(
        identifiers=database.table("SELECT type, id, degree, first_ms FROM identifier ORDER BY row"),
        links=database.table(queries.LINKS),
        acts=database.table(queries.ACTS),
        asking=database.table(queries.ASKING),
    )
    return assembled(database, as_of_ms, found)


@dataclass(frozen=True)
class Found:
    """Identifiers, without bits, and links of a view; its acts, and what is counted of accounts' prompts, by their rows
    (see graphsvc.links.queries). `named_by`: see `conversations.named`."""

    identifiers: pa.Table
    links: pa.Table
    acts: pa.Table
    asking: pa.Table
    named_by: str = "identifiers"


def assembled(database: Database, as_of_ms: int, found: Found) -> LinkView:
    """The view of a database that has `account`, `asked`, what conversations leave in it, and `identifier`."""
    accounts = database.table("SELECT * FROM account ORDER BY row")
    bits = bits_of(found.identifiers["type"], found.identifiers["degree"].to_numpy(), len(accounts))
    with ThreadPoolExecutor(1) as beside:
        timings = beside.submit(timing.timings, found.acts, found.identifiers, found.links, len(accounts))
        return LinkView(
            as_of_ms=as_of_ms,
            accounts=_with_facts(database, accounts, found),
            identifiers=found.identifiers.add_column(3, "bits", pa.array(bits)),
            links=found.links,
            peers=database.table(queries.PEERS),
            names=conversations.named(database, found.named_by),
            attributes=database.table(queries.ATTRIBUTES).cast(ATTRIBUTES),
            timings=timings.result(),
        )


def add_prompts(database: Database) -> None:
    """Makes `asked`, and adds families and frames to `derived`."""
    frames.add(database, _add_families(database))


def _add_families(database: Database) -> Sketches:
    """Makes `asked`, one row an account and family, and `family_name`, the ids of families that accounts share; gives
    the sketches of all prompts."""
    database.execute(queries.SKETCHES)
    sketches = sketches_of(database.table("SELECT sketch FROM sketch ORDER BY row")["sketch"])
    family = families_of(sketches)
    database.register("family_of", pa.table({"sketch": np.arange(len(family), dtype=np.int32), "family": family}))
    database.execute(queries.ASKS)
    database.execute(queries.ASKED)
    shared = database.table(queries.SHARED_FAMILIES)
    ids = pa.array([family_id(sketch) for sketch in shared["sketch"].to_pylist()], pa.string())
    database.register("family_name", pa.table({"family": shared["family"], "id": ids}))
    database.execute(queries.DERIVED_FAMILIES)
    return sketches


def _with_facts(database: Database, accounts: pa.Table, found: Found) -> pa.Table:
    """Accounts with the columns that SQL does not give, and all columns in the order of FACTS."""
    own = found.acts.filter(found.acts["own"])
    tempo = rhythm(own["account"].to_numpy(), own["occurred_ms"].to_numpy(), len(accounts))
    in_talk = pc.starts_with(found.identifiers["type"], "conversation").to_numpy()[found.links["identifier"].to_numpy()]
    held = np.bincount(found.links["account"].to_numpy()[in_talk], minlength=len(accounts))
    asked = database.table(queries.ASKED_FACTS)
    columns = {
        **{name: accounts[name] for name in accounts.column_names},
        "active_days": tempo.active_days,
        "hour_entropy": tempo.hour_entropy,
        "gap_cv": tempo.gap_cv,
        "conversations": held.astype(np.float32),
        "prompt_families": asked["prompt_families"],
        "family_repeat_share": asked["family_repeat_share"],
        **asking.facts(found.asking, asked["family_repeat_share"].to_numpy()),
    }
    named = ("account_id", *queries.TIMES, *queries.FACTS)
    return pa.table({name: columns[name] for name in named})
