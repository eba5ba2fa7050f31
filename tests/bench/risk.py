"""The risk endpoint under load, and scoring by itself.

`python -m tests.bench.risk --data FOLDER --rate 300 --seconds 30` starts `graphsvc serve` on a data folder as a process
of its own and sends it signups, logins and payments at a fixed rate over connections that are kept. A request's time
counts from when it was due, so that a stall counts for all that it held up.

`python -m tests.bench.risk --accounts 1000000` measures index and scoring without HTTP on a drawn network.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import resource
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from gnn.head import HEAD_FEATURES, Head
from graphsvc.cases.keys import KeyStore
from graphsvc.config import load_settings
from graphsvc.events.record import Identifier
from graphsvc.ledger import open_ledger
from graphsvc.links.view import LinkView
from graphsvc.risk.base import Detected, base_of
from graphsvc.risk.index import Index
from graphsvc.risk.keys import account_key
from graphsvc.risk.labels import LabelBook
from graphsvc.risk.score import HeadScorer, network_probability

READY_WITHIN_S = 300.0
TYPES = ("asn", "bin", "device", "email", "instrument", "ip", "mail_domain", "phone", "subnet", "tls")
START_MS = 1_750_000_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="a data folder to serve; without it, scoring alone")
    parser.add_argument("--rate", type=float, default=300.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--no-record", action="store_true", help="assess only")
    parser.add_argument("--accounts", type=int, default=100_000, help="of the drawn network")
    options = parser.parse_args()
    if options.data is None:
        score_alone(options.accounts)
    else:
        load(options.data, options.rate, options.seconds, options.connections, record=not options.no_record)


def load(data: Path, rate: float, seconds: float, connections: int, *, record: bool) -> None:
    """Prints one JSON line for the whole run."""
    settings = load_settings(data=data)
    key = KeyStore(settings.places.create().cases).create("bench", ["risk"])
    with closing(open_ledger(settings)) as ledger:
        offset = ledger.offset()
        known = [stored.record.account_id for stored in ledger.read(max(offset - 20_000, 0), 20_000)]
    with server(data) as (port, ready_s):
        drive(Load(port, key, known, record), rate, min(seconds, 5.0), connections)
        run = Load(port, key, known, record)
        drive(run, rate, seconds, connections)
    line = {"case": "risk", "events": offset, "rate": rate, "seconds": seconds, "connections": connections}
    print(json.dumps(line | {"recorded": record, "ready_s": round(ready_s, 1)} | run.summary()), flush=True)


@dataclass
class Load:
    """Requests by turns, and what became of them."""

    port: int
    key: str
    known: list[str]
    record: bool
    times_ms: list[float] = field(default_factory=list)
    server_ms: list[float] = field(default_factory=list)
    levels: Counter[str] = field(default_factory=Counter)
    degraded: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)

    def send(self, connection: http.client.HTTPConnection, due_s: float, rng: random.Random) -> None:
        body = json.dumps({"event": event(rng, self.known), "record": self.record})
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        try:
            connection.request("POST", "/v1/risk", body, headers)
            response = connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.errors[type(error).__name__] += 1
            connection.close()
            return
        if response.status != 200:
            self.errors[str(response.status)] += 1
            return
        self.times_ms.append((time.perf_counter() - due_s) * 1000)
        self.server_ms.append(answer["latency_ms"])
        self.levels[answer["risk_level"]] += 1
        self.degraded.update(answer["degraded_reasons"])

    def summary(self) -> dict[str, object]:
        return {
            "answers": len(self.times_ms),
            **quantiles("", self.times_ms),
            **quantiles("server_", self.server_ms),
            "errors": dict(self.errors),
            "levels": dict(self.levels),
            "degraded": dict(self.degraded),
        }


def quantiles(prefix: str, times_ms: list[float]) -> dict[str, float]:
    values = np.percentile(times_ms, [50, 99, 99.9]) if times_ms else np.full(3, np.nan)
    return {f"{prefix}{name}_ms": round(float(v), 2) for name, v in zip(("p50", "p99", "p999"), values, strict=True)}


def drive(run: Load, rate: float, seconds: float, connections: int) -> None:
    """Each request is due at its time whether or not those before it were answered, while a connection is free."""
    start_s, total = time.perf_counter() + 0.2, int(rate * seconds)
    turns, lock = iter(range(total)), threading.Lock()

    def work(number: int) -> None:
        rng = random.Random(f"{number} {time.time_ns()}")
        connection = http.client.HTTPConnection("127.0.0.1", run.port, timeout=10)
        while True:
            with lock:
                turn = next(turns, None)
            if turn is None:
                break
            due_s = start_s + turn / rate
            time.sleep(max(due_s - time.perf_counter(), 0.0))
            run.send(connection, due_s, rng)
        connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def event(rng: random.Random, known: list[str]) -> dict[str, Any]:
    """Half signups, of which some share a device or a card, a quarter logins and a quarter payments of known ones."""
    kind = rng.choice(("signup", "signup", "login", "payment"))
    name = f"{rng.getrandbits(60):015x}"
    account = f"bench-{name}" if kind == "signup" or not known else rng.choice(known)
    base: dict[str, Any] = {"event_id": name, "type": kind, "account_id": account}
    base |= {"occurred_at": datetime.now(UTC).isoformat(), "ip": f"198.18.{rng.randrange(256)}.{rng.randrange(256)}"}
    base["device"] = {"id": f"d{rng.randrange(200) if rng.random() < 0.2 else name}", "tls": f"t{rng.randrange(5)}"}
    if kind == "signup":
        base["signup"] = {"email": f"{name}@mail{rng.randrange(50)}.example"}
    if kind == "payment":
        card = f"c{rng.randrange(200) if rng.random() < 0.2 else name}"
        base["payment"] = {"method": "card", "fingerprint": card, "bin": "411111", "outcome": "authorised"}
    return base


@contextmanager
def server(data: Path) -> Iterator[tuple[int, float]]:
    """The shipped server command without a graph database; its port, and the seconds until it was ready."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    command = [sys.executable, "-m", "graphsvc", "serve", "--port", str(port)]
    environment = {**os.environ, "GRAPHSVC_DATA": str(data), "GRAPHSVC_NEO4J_URI": "off"}
    started_s = time.perf_counter()
    process = subprocess.Popen(command, env=environment)
    try:
        while not ready(port):
            if process.poll() is not None or time.perf_counter() - started_s > READY_WITHIN_S:
                raise SystemExit("The server did not become ready.")
            time.sleep(0.1)
        yield port, time.perf_counter() - started_s
    finally:
        process.terminate()
        process.wait(30)


def ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def score_alone(accounts: int) -> None:
    """Prints a JSON line for making the base and one for each kind of look."""
    rng = np.random.default_rng(7)
    view = drawn(rng, accounts)
    index_of(drawn(rng, 1_000), rng)
    started_s = time.perf_counter()
    index = index_of(view, rng)
    sizes = {"accounts": accounts, "links": len(view.links), "identifiers": len(view.identifiers)}
    arrays = list(index.base.arrays)
    size_mib = sum(array.nbytes for array in arrays) / 2**20
    line = {"case": "base", **sizes, "seconds": round(time.perf_counter() - started_s, 2), "index_mib": round(size_mib)}
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(line | {"peak_mib_with_view": round(peak_mib)}), flush=True)
    ids = view.accounts["account_id"].combine_chunks()
    scorer = HeadScorer(small_head())
    names = ids.take(pa.array(rng.integers(0, accounts, 20_000))).to_pylist()
    shared = view.identifiers.take(pa.array(rng.integers(0, len(view.identifiers), 60_000)))
    pool = [Identifier(*pair) for pair in zip(shared["type"].to_pylist(), shared["id"].to_pylist(), strict=True)]

    def known(turn: int) -> None:
        network_probability(index.look(account_key(names[turn])), scorer)

    def new(turn: int) -> None:
        network_probability(index.look(account_key(f"new {turn}"), pool[6 * turn % 50_000 :][:6]), scorer)

    def changed(turn: int) -> None:
        network_probability(index.look(account_key(names[turn]), pool[2 * turn % 50_000 :][:2]), scorer)

    for case in (known, new, changed):
        measure(case, accounts)


def index_of(view: LinkView, rng: np.random.Generator) -> Index:
    ids, count = view.accounts["account_id"].combine_chunks(), len(view.accounts)
    detected = Detected(START_MS, ids, rng.random(count, np.float32), np.full(count, -1, np.int32), ())
    return Index(base_of(view, 0, detected, LabelBook(), 0.05), LabelBook(), 0)


def measure(case: Callable[[int], None], accounts: int, turns: int = 8_000) -> None:
    for turn in range(500):
        case(turn)
    times_us = []
    for turn in range(turns):
        started_s = time.perf_counter()
        case(turn)
        times_us.append((time.perf_counter() - started_s) * 1e6)
    p50, p99 = np.percentile(times_us, [50, 99])
    print(
        json.dumps({"case": case.__name__, "accounts": accounts, "p50_us": round(p50), "p99_us": round(p99)}),
        flush=True,
    )


def small_head() -> Head:
    """A head of the shipped one's shape."""
    rng, width = np.random.default_rng(1), len(HEAD_FEATURES)
    sizes = {"mean": (width,), "scale": (width,), "w1": (width, 16), "b1": (16,), "w2": (16,), "b2": (1,)}
    tensors = {name: np.abs(rng.normal(size=size)).astype(np.float32) + 0.1 for name, size in sizes.items()}
    return Head.of("bench", tensors | {"calibration": np.array([1, 0], np.float32)})


def drawn(rng: np.random.Generator, accounts: int) -> LinkView:
    """Ten links an account, one of each type, to identifiers of very different degrees."""
    spread = {"asn": 500, "tls": 200, "bin": 2_000, "mail_domain": accounts // 20, "subnet": accounts // 10}
    kinds = [np.minimum(rng.integers(0, spread.get(name, accounts), accounts), accounts) for name in TYPES]
    found = [np.unique(kind, return_inverse=True) for kind in kinds]
    starts = np.concatenate([[0], np.cumsum([len(values) for values, _ in found])])
    identifier = np.stack([inverse + start for (_, inverse), start in zip(found, starts[:-1], strict=True)], axis=1)
    types = np.repeat(np.arange(len(TYPES)), np.diff(starts))
    names = pa.array([f"{number:022d}" for number in range(int(starts[-1]))], pa.string())
    identifiers = {"type": pa.array(TYPES).take(pa.array(types)), "id": names}
    links = {
        "account": np.repeat(np.arange(accounts, dtype=np.int32), len(TYPES)),
        "identifier": identifier.reshape(-1).astype(np.int32),
    }
    people = {
        "account_id": pa.array([f"acct-{number:09d}" for number in range(accounts)]),
        "banned": np.zeros(accounts, np.float32),
    }
    return LinkView(START_MS, pa.table(people), pa.table(identifiers), pa.table(links), pa.table({}))


if __name__ == "__main__":
    main()
