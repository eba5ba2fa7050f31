"""Links a second into the graph, incremental and by bulk rebuild: `python -m tests.bench.graph --size 10000`.

`--size` counts accounts; each has five events, with some 22 links. Runs on an embedded server of its own, in
a folder that is removed afterwards.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from graphsvc.config import Settings, load_settings
from graphsvc.events.record import Identifier, Record
from graphsvc.graph import embedded
from graphsvc.graph.bulk import rebuild
from graphsvc.graph.connection import driver
from graphsvc.graph.store import GraphStore
from graphsvc.ledger import open_ledger
from graphsvc.ledger.base import Draft

START_MS = 1_750_000_000_000
EVENTS_PER_ACCOUNT = 5
BATCH = 20_000
SEED = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=10_000, help="accounts")
    size = parser.parse_args().size
    with TemporaryDirectory(prefix="graphsvc-bench-") as folder:
        settings = load_settings(data=Path(folder), neo4j_uri=None)
        fill(settings, size)
        try:
            project(settings, size)
            import_anew(settings, size)
        finally:
            embedded.stop(settings)


def project(settings: Settings, size: int) -> None:
    links = 0

    def on_links(count: int) -> None:
        nonlocal links
        links += count

    with driver(embedded.ensure_running(settings)) as client:
        store = GraphStore(client)
        store.apply_schema()
        ledger = open_ledger(settings)
        started_s = time.perf_counter()
        events = store.project(ledger, on_links=on_links)
        show("graph.incremental", size, time.perf_counter() - started_s, links, events)
        ledger.close()


def import_anew(settings: Settings, size: int) -> None:
    started_s = time.perf_counter()
    rebuilt = rebuild(settings)
    show("graph.rebuild", size, time.perf_counter() - started_s, rebuilt.links, rebuilt.offset)


def show(case: str, size: int, seconds: float, links: int, events: int) -> None:
    rate = round(links / seconds)
    facts = {"case": case, "accounts": size, "events": events, "links": links, "seconds": round(seconds, 2)}
    print(json.dumps(facts | {"links_per_s": rate, "events_per_s": round(events / seconds)}))


def fill(settings: Settings, size: int) -> None:
    ledger = open_ledger(settings)
    drafts: list[Draft] = []
    for record in records(size):
        drafts.append(Draft(record, bytes(16)))
        if len(drafts) == BATCH:
            ledger.append(drafts)
            drafts.clear()
    ledger.append(drafts)
    ledger.close()


def records(size: int) -> Iterator[Record]:
    """Events in the order of time, accounts at random: rings of three on a device, one address in five of others."""
    rng = random.Random(SEED)
    for number in range(size * EVENTS_PER_ACCOUNT):
        account = rng.randrange(size)
        moment_ms = START_MS + number * 1000
        kind = ("signup", "payment", "request", "login", "request")[number % EVENTS_PER_ACCOUNT]
        found = tuple(identifiers(rng, size, account, kind))
        yield Record(f"e{number}", kind, f"account-{account}", moment_ms, moment_ms, found)


def identifiers(rng: random.Random, size: int, account: int, kind: str) -> Iterator[Identifier]:
    place = (account * 7 + rng.randrange(4)) % size
    yield Identifier("ip", f"ip-token-{place:012d}")
    yield Identifier("subnet", f"10.{place % 200}.{place // 200 % 250}.0/24")
    yield Identifier("asn", f"{64500 + account % 50}")
    yield Identifier("device", f"device-token-{account // 3:09d}")
    if kind == "signup":
        yield Identifier("email", f"email-token-{account:010d}")
        yield Identifier("mail_domain", f"domain{account % 200}.example")
        yield Identifier("phone", f"phone-token-{account:010d}")
    if kind == "payment":
        yield Identifier("instrument", f"card-token-{account // 2:011d}")
        yield Identifier("bin", f"{400000 + account % 300}")
    if kind == "request":
        yield Identifier("api_key", f"key-token-{account:012d}")


if __name__ == "__main__":
    main()
