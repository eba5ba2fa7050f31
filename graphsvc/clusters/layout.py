"""The layout of the results file, and the parts of a detection run that fill it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

SCHEMA_VERSION = 1
SCHEMA = f"""
CREATE TABLE run (as_of_ms INTEGER, ledger_offset INTEGER, model_version TEXT, created_ms INTEGER) STRICT;
CREATE TABLE accounts (
    account_id TEXT PRIMARY KEY, probability REAL NOT NULL, cluster_id TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE clusters (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, probability REAL NOT NULL, probability_low REAL NOT NULL,
    probability_high REAL NOT NULL, size INTEGER NOT NULL, confirmed INTEGER NOT NULL, status TEXT NOT NULL,
    first_seen_ms INTEGER NOT NULL, last_activity_ms INTEGER NOT NULL, growth_24h INTEGER NOT NULL
) STRICT;
CREATE TABLE evidence (
    cluster_id TEXT NOT NULL, rank INTEGER NOT NULL, identifier_type TEXT NOT NULL, identifier_id TEXT NOT NULL,
    text TEXT NOT NULL, bits REAL NOT NULL, accounts INTEGER NOT NULL, outside INTEGER NOT NULL,
    first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, counter INTEGER NOT NULL,
    PRIMARY KEY (cluster_id, rank)
) STRICT, WITHOUT ROWID;
PRAGMA user_version = {SCHEMA_VERSION};
"""
INDEXES = """
CREATE INDEX account_cluster ON accounts (cluster_id, account_id) WHERE cluster_id IS NOT NULL;
CREATE INDEX evidence_identifier ON evidence (identifier_type, identifier_id);
"""
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

Float32s = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Run:
    """The facts of one detection run."""

    as_of_ms: int
    ledger_offset: int
    model_version: str
    created_ms: int


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
class Results:
    """Tables to write: accounts (account_id, probability, cluster_id or null), clusters (CLUSTER_COLUMNS), evidence
    (cluster_id, rank and EVIDENCE_COLUMNS)."""

    run: Run
    accounts: pa.Table
    clusters: pa.Table
    evidence: pa.Table
