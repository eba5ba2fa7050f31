"""A small seeded world in a ledger, and the whole of a graph in plain values."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import neo4j

from graphsvc.events.record import Identifier, LabelRecord, PeerLink, Record
from graphsvc.ledger.base import Draft
from graphsvc.ledger.sqlite import SqliteLedger

START_MS = 1_750_000_000_000
MINUTE_MS = 60_000
ACTIONS = ("warned", "suspended", "banned", "reinstated")
TYPES = ("signup", "login", "payment", "request", "enforcement")


def fill(path: Path, accounts: int = 60, events: int = 400, seed: int = 1) -> SqliteLedger:
    """A ledger with every identifier type, the caller's own kinds, peers, enforcement and labels; late events too."""
    ledger = SqliteLedger(path)
    append(ledger, accounts, events, seed)
    return ledger


def append(ledger: SqliteLedger, accounts: int, events: int, seed: int) -> None:
    rng = random.Random(seed)
    ledger.append([Draft(record, bytes(16)) for record in records(rng, accounts, events, seed)])
    ledger.append_labels(list(labels(rng, accounts, seed)))


def records(rng: random.Random, accounts: int, events: int, seed: int) -> Iterator[Record]:
    for number in range(events):
        account = rng.randrange(accounts)
        kind = rng.choice(TYPES)
        peers = (PeerLink(f"a{rng.randrange(accounts * 2)}", "paid_to", rng.choice((0.5, 1.0, 2.0))),)
        yield Record(
            event_id=f"{seed}-{number}",
            type=kind,
            account_id=f"a{account}",
            occurred_ms=START_MS + rng.randrange(events) * MINUTE_MS,
            received_ms=START_MS + events * MINUTE_MS,
            identifiers=tuple(identifiers(rng, account, kind)),
            peers=peers if rng.random() < 0.2 else (),
            action=rng.choice(ACTIONS) if kind == "enforcement" else None,
        )


def identifiers(rng: random.Random, account: int, kind: str) -> Iterator[Identifier]:
    ring = account // 4
    if kind != "enforcement":
        yield Identifier("ip", f"ip{ring}.{rng.randrange(3)}")
        yield Identifier("subnet", f"10.{ring // 3}.0.0/24")
        yield Identifier("asn", "64500")
        yield Identifier("device", f"device{ring}")
        yield Identifier("tls", "tls1")
    if kind == "signup":
        yield Identifier("email", f"email{account}")
        yield Identifier("mail_domain", f"d{account % 5}.example")
        yield Identifier("phone", f"phone{account // 2}")
        yield Identifier("referral_code", f"code{account % 7}")
        yield Identifier("wallet", f"wallet{ring}")
    if kind == "payment":
        yield Identifier("instrument", f"card{ring}")
        yield Identifier("bin", f"4111{account % 3}1")
    if kind == "request":
        yield Identifier("api_key", f"key{account}")
        yield Identifier("org", f"org{account // 20}")
        yield Identifier("conversation", f"conversation{ring}.{rng.randrange(5)}")
        yield Identifier("proxy_pool", f"pool{account % 2}")


def labels(rng: random.Random, accounts: int, seed: int) -> Iterator[LabelRecord]:
    for account in range(0, accounts, 5):
        verdict, kind = rng.choice((("abusive", "resale_relay"), ("benign", None)))
        yield LabelRecord(f"a{account}", verdict, START_MS + rng.randrange(1000) + seed, "review", kind)
    yield LabelRecord(f"unseen{seed}", "abusive", START_MS, "partner")


def dump(session: neo4j.Session) -> dict[str, Any]:
    """Every node and relationship with all properties, in an order that does not depend on how they came about."""
    nodes = session.run("MATCH (n) RETURN labels(n) AS labels, properties(n) AS facts").data()
    links = session.run(
        "MATCH (a)-[r]->(b) RETURN a.id AS source, type(r) AS link, labels(b) AS labels, b.type AS kind, b.id AS target, "
        "properties(r) AS facts"
    ).data()
    return {"nodes": sorted(map(_text, nodes)), "links": sorted(map(_text, links))}


def _text(row: dict[str, Any]) -> str:
    return repr(
        sorted((key, sorted(value.items()) if isinstance(value, dict) else value) for key, value in row.items())
    )
