"""The layout of the results file, and the parts of a detection run that fill it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphsvc.clusters.material import Material

SCHEMA_VERSION = 2
SCHEMA = f"""
CREATE TABLE run (
    as_of_ms INTEGER, ledger_offset INTEGER, model_version TEXT, created_ms INTEGER, material TEXT
) STRICT;
CREATE TABLE accounts (
    account_id TEXT PRIMARY KEY, probability REAL NOT NULL, cluster_id TEXT, strength REAL
) STRICT, WITHOUT ROWID;
CREATE TABLE clusters (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, probability REAL NOT NULL, probability_low REAL NOT NULL,
    probability_high REAL NOT NULL, size INTEGER NOT NULL, confirmed INTEGER NOT NULL, status TEXT NOT NULL,
    first_seen_ms INTEGER NOT NULL, last_activity_ms INTEGER NOT NULL, growth_24h INTEGER NOT NULL,
    campaign_id TEXT, ordinal INTEGER NOT NULL
) STRICT;
CREATE TABLE evidence (
    cluster_id TEXT NOT NULL, rank INTEGER NOT NULL, identifier_type TEXT NOT NULL, identifier_id TEXT NOT NULL,
    text TEXT NOT NULL, bits REAL NOT NULL, accounts INTEGER NOT NULL, outside INTEGER NOT NULL,
    first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, counter INTEGER NOT NULL,
    PRIMARY KEY (cluster_id, rank)
) STRICT, WITHOUT ROWID;
CREATE TABLE campaign_links (
    a TEXT NOT NULL, b TEXT NOT NULL, bits REAL NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (a, b, reason)
) STRICT, WITHOUT ROWID;
CREATE TABLE history (
    cluster_id TEXT NOT NULL, at_ms INTEGER NOT NULL, event TEXT NOT NULL, other TEXT NOT NULL,
    accounts INTEGER NOT NULL, size INTEGER NOT NULL, since_ms INTEGER NOT NULL, bits REAL NOT NULL,
    PRIMARY KEY (cluster_id, at_ms, event, other)
) STRICT, WITHOUT ROWID;
CREATE TABLE archive (
    cluster_id TEXT PRIMARY KEY, merged_into TEXT NOT NULL, closed_ms INTEGER NOT NULL, first_seen_ms INTEGER NOT NULL,
    last_activity_ms INTEGER NOT NULL, size INTEGER NOT NULL, kind TEXT NOT NULL, status TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE archived_things (
    cluster_id TEXT NOT NULL, identifier_type TEXT NOT NULL, identifier_id TEXT NOT NULL,
    PRIMARY KEY (cluster_id, identifier_type, identifier_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE archived_members (
    account_id TEXT PRIMARY KEY, cluster_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;
PRAGMA user_version = {SCHEMA_VERSION};
"""
INDEXES = """
CREATE INDEX account_cluster ON accounts (cluster_id, account_id) WHERE cluster_id IS NOT NULL;
CREATE INDEX cluster_campaign ON clusters (campaign_id) WHERE campaign_id IS NOT NULL;
CREATE INDEX campaign_link_back ON campaign_links (b);
CREATE INDEX evidence_identifier ON evidence (identifier_type, identifier_id);
"""
ACCOUNT_COLUMNS = ("account_id", "probability", "cluster_id", "strength")
CLUSTER_COLUMNS = (
    "id",
    "kind",
    "probability",
    "probability_low",
    "probability_high",
    "size",
    "confirmed",
    "status",
    "first_seen_ms",
    "last_activity_ms",
    "growth_24h",
    "campaign_id",
    "ordinal",
)
EVIDENCE_COLUMNS = (
    "identifier_type",
    "identifier_id",
    "text",
    "bits",
    "accounts",
    "outside",
    "first_ms",
    "last_ms",
    "counter",
)
HISTORY = pa.schema(
    [
        ("cluster_id", pa.string()),
        ("at_ms", pa.int64()),
        ("event", pa.string()),
        ("other", pa.string()),
        ("accounts", pa.int64()),
        ("size", pa.int64()),
        ("since_ms", pa.int64()),
        ("bits", pa.float64()),
    ]
)
ARCHIVE = pa.schema(
    [
        ("cluster_id", pa.string()),
        ("merged_into", pa.string()),
        ("closed_ms", pa.int64()),
        ("first_seen_ms", pa.int64()),
        ("last_activity_ms", pa.int64()),
        ("size", pa.int64()),
        ("kind", pa.string()),
        ("status", pa.string()),
    ]
)
ARCHIVED_THINGS = pa.schema([(name, pa.string()) for name in ("cluster_id", "identifier_type", "identifier_id")])
ARCHIVED_MEMBERS = pa.schema([("account_id", pa.string()), ("cluster_id", pa.string())])
CAMPAIGN_LINKS = pa.schema([("a", pa.string()), ("b", pa.string()), ("bits", pa.float32()), ("reason", pa.string())])

Float32s = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Run:
    """The facts of one detection run. `material` names the folder, in that of `material_folder`, which holds what its
    evidence packs are made of; empty where that was not kept."""

    as_of_ms: int
    ledger_offset: int
    model_version: str
    created_ms: int
    material: str = ""


@dataclass(frozen=True)
class Verdicts:
    """What the model says: a probability of abuse for each account (f32[N]); for each cluster ordinal (length C) one
    with its bounds, and the likeliest kind."""

    accounts: Float32s
    clusters: Float32s
    low: Float32s
    high: Float32s
    kinds: list[str]


@dataclass(frozen=True)
class Campaigns:
    """Campaign id of each cluster ordinal, None for clusters in none; and what joins clusters: a, b (int32 ordinals),
    bits (float32), reason (string)."""

    ids: list[str | None]
    links: pa.Table


@dataclass(frozen=True)
class Past:
    """What a run carries over from the runs before it: what became of clusters (HISTORY), and those that are closed
    (ARCHIVE), with the things that held them together (ARCHIVED_THINGS) and some of their accounts
    (ARCHIVED_MEMBERS)."""

    history: pa.Table = field(default_factory=HISTORY.empty_table)
    archive: pa.Table = field(default_factory=ARCHIVE.empty_table)
    things: pa.Table = field(default_factory=ARCHIVED_THINGS.empty_table)
    members: pa.Table = field(default_factory=ARCHIVED_MEMBERS.empty_table)


@dataclass(frozen=True)
class Results:
    """Tables to write: accounts (account_id, probability, cluster_id or null, strength or null), clusters
    (CLUSTER_COLUMNS), evidence (cluster_id, rank and EVIDENCE_COLUMNS), what joins clusters into campaigns
    (CAMPAIGN_LINKS); the past; and what evidence packs are made of, if it is kept."""

    run: Run
    accounts: pa.Table
    clusters: pa.Table
    evidence: pa.Table
    campaign_links: pa.Table = field(default_factory=CAMPAIGN_LINKS.empty_table)
    past: Past = field(default_factory=Past)
    material: Material | None = None


def material_folder(results: Path) -> Path:
    """The folder beside a results file in which runs keep what evidence packs are made of."""
    return results.with_name(f"{results.stem}.packs")
