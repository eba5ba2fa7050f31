"""Small worlds of ledger records for the tests of links and clusters."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from graphsvc.events.record import Fingerprint, Identifier, PeerLink, Record
from graphsvc.ledger.base import Draft
from graphsvc.ledger.sqlite import SqliteLedger
from graphsvc.links.tables import LinkTables
from graphsvc.links.view import LinkView

START_MS = 1_750_000_000_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
Ids = Iterable[tuple[str, str]]


def event(event_id: str, account: str, at_ms: int, ids: Ids = (), kind: str = "login", **facts: Any) -> Record:
    identifiers = tuple(Identifier(*one) for one in ids)
    return Record(event_id, kind, account, at_ms, at_ms, identifiers, **facts)


def sharing(groups: Mapping[tuple[str, str], Sequence[str]], at_ms: int = START_MS) -> list[Record]:
    """One login for each account and identifier that it has."""
    held = [(key, account) for key, accounts in groups.items() for account in accounts]
    return [event(f"e{place}", account, at_ms, [key]) for place, (key, account) in enumerate(held)]


def random_world(seed: int, accounts: int = 40, events: int = 400) -> list[Record]:
    """Events of every kind, with shared and own identifiers, prompts and peers."""
    rng = random.Random(seed)
    return [_random_event(rng, place, accounts) for place in range(events)]


def filled(path: Path, records: Iterable[Record]) -> SqliteLedger:
    """A real ledger that holds the records."""
    ledger = SqliteLedger(path)
    ledger.append([Draft(record, record.event_id.encode().ljust(16)[:16]) for record in records])
    return ledger


def view(folder: Path, records: Iterable[Record], as_of_ms: int = START_MS + 400 * DAY_MS) -> LinkView:
    """The view of records that went through a real ledger and real tables, in new files of `folder`."""
    folder.mkdir(parents=True)
    ledger = filled(folder / "ledger.sqlite", records)
    tables = LinkTables(folder / "links")
    tables.sync(ledger)
    ledger.close()
    return tables.view(as_of_ms)


def as_bytes(view: LinkView) -> dict[str, bytes]:
    """The bytes of each table of a view."""
    return {name: _bytes(table) for name, table in vars(view).items() if isinstance(table, pa.Table)}


def _bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    whole: bytes = sink.getvalue().to_pybytes()
    return whole


def _random_event(rng: random.Random, place: int, accounts: int) -> Record:
    kind = rng.choice(["signup", "login", "payment", "request", "enforcement", "activity"])
    types = rng.sample(["ip", "device", "instrument", "org", "wallet", "conversation"], k=rng.randrange(4))
    ids = [(name, f"{name}-{rng.randrange(12)}") for name in types]
    facts: dict[str, Any] = {}
    if kind == "request":
        facts = {"model": rng.choice("xyz"), "status": rng.choice([200, 429, 503, 401]), "input_tokens": place}
        facts |= {"tool_count": rng.randrange(2), "fingerprint": Fingerprint(_sketch(rng.randrange(9)), (), 500)}
    if kind == "payment":
        facts = {"payment_outcome": rng.choice(["authorised", "declined", "charged_back"]), "funding": "prepaid"}
    if kind == "enforcement":
        facts = {"action": rng.choice(["warned", "banned", "reinstated"])}
    if rng.random() < 0.1:
        facts["peers"] = (PeerLink(f"a{rng.randrange(accounts)}", "invited", rng.random()),)
    at_ms = START_MS + rng.randrange(30) * DAY_MS + rng.randrange(24) * HOUR_MS
    return event(f"e{place}", f"a{rng.randrange(accounts)}", at_ms, ids, kind, **facts)


def _sketch(family: int) -> bytes:
    return random.Random(f"family {family}").randbytes(4 * (32 + 10))
