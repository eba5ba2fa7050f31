"""A world whose answers are known: one ring, one pair on the ring's exit address, one campus."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

from graphsvc.clusters.layout import SCHEMA
from graphsvc.events.record import Identifier, PeerLink, Record
from graphsvc.ledger.base import Draft
from graphsvc.ledger.sqlite import SqliteLedger
from tests.graph.world import START_MS

HOUR_MS = 3_600_000
BAN_MS = START_MS + 100 * HOUR_MS
RING = ("ring0", "ring1", "ring2", "ring3", "heir")
CLUSTERS: Mapping[str, Sequence[str]] = {"c-ring": RING, "c-other": ("other0", "other1")}


def known_ledger(path: Path) -> SqliteLedger:
    ledger = SqliteLedger(path)
    ledger.append([Draft(record, bytes(16)) for record in (*_ring(), *_others(), *_campus())])
    return ledger


def _ring() -> list[Record]:
    device, card, wallet = Identifier("device", "laptop"), Identifier("instrument", "card"), Identifier("wallet", "w")
    paid = (PeerLink("ring0", "paid", 2.0),)
    members = [
        Record(f"r{n}", "signup", f"ring{n}", START_MS + n, START_MS, (device, card, wallet), paid) for n in range(4)
    ]
    exit_address = Record("r9", "login", "ring0", START_MS + 9, START_MS, (Identifier("ip", "shared-exit"),))
    ban = Record("ban", "enforcement", "ring3", BAN_MS, BAN_MS, action="banned")
    heir = Record("heir", "signup", "heir", BAN_MS + 2 * HOUR_MS, BAN_MS + 2 * HOUR_MS, (device,))
    return [*members, exit_address, ban, heir]


def _others() -> list[Record]:
    shared = (Identifier("device", "tablet"), Identifier("ip", "shared-exit"))
    return [Record(f"o{n}", "login", f"other{n}", START_MS, START_MS, shared[: 2 - n]) for n in range(2)]


def _campus() -> list[Record]:
    address = (Identifier("ip", "campus"),)
    return [Record(f"c{n}", "login", f"campus{n}", START_MS, START_MS, address) for n in range(30)]


def known_results(path: Path, clusters: Mapping[str, Sequence[str]] = CLUSTERS, created_ms: int = 1) -> Path:
    """The results file of a detection run that found `clusters`."""
    members = {account: name for name, accounts in clusters.items() for account in accounts}
    everyone = {*RING, "other0", "other1", "not in the graph", *(f"campus{n}" for n in range(30))}
    rows = [(one, 0.9 if one in members else 0.1, members.get(one)) for one in sorted(everyone)]
    facts = [
        (name, "resale_relay", 0.9 - n / 10, 0.5, 0.99, len(accounts) + 1, 1, "open", START_MS, BAN_MS, 0, None, n)
        for n, (name, accounts) in enumerate(clusters.items())
    ]
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA)
    connection.execute("INSERT INTO run VALUES (?, ?, ?, ?, '')", (BAN_MS, 1, "test", created_ms))
    connection.executemany("INSERT INTO accounts VALUES (?, ?, ?, NULL)", rows)
    connection.executemany(f"INSERT INTO clusters VALUES ({', '.join('?' * 13)})", facts)  # noqa: S608
    connection.commit()
    connection.close()
    return path
