"""The risk endpoint under load, and scoring by itself. Each case prints one JSON line.

`python -m tests.bench.risk --data FOLDER` starts `graphsvc serve` on a data folder and sends it signups, logins and
payments at a fixed rate from a process of its own (tests.bench.load). `--ingest 2000` sends so many events a second to
/v1/events besides, `--detect` runs `graphsvc worker` on the folder at the same time, `--saturate` raises the rate until
the answers are late, `--visible` sends events and asks until all processes count them. The folder gains events, and a
detection: give it a copy.

`python -m tests.bench.risk --accounts 1000000` measures index and scoring without HTTP on a drawn network.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
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
from tests.bench.load import Plan, plan_of
from tests.bench.visible import Probe

READY_WITHIN_S = 900.0
WARM_S = 30.0
"""In which processes that start read the ids of all events."""
RAMP = (300, 450, 600, 750, 900, 1050, 1200, 1500)
LATE_MS = 15.0
TYPES = ("asn", "bin", "device", "email", "instrument", "ip", "mail_domain", "phone", "subnet", "tls")
START_MS = 1_750_000_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a data folder to serve; without it, scoring alone")
    parser.add_argument("--rate", type=float, default=300.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--no-record", action="store_true", help="assess only")
    parser.add_argument("--ingest", type=float, default=0.0, help="events a second at the same time")
    parser.add_argument("--detect", action="store_true", help="the worker detects at the same time")
    parser.add_argument("--visible", action="store_true", help="how soon events count in all processes")
    parser.add_argument("--saturate", action="store_true", help="raise the rate until answers are late")
    parser.add_argument("--accounts", type=int, default=100_000, help="of the drawn network")
    options = parser.parse_args()
    if options.data is None:
        score_alone(options.accounts)
        return
    with ExitStack() as stack:
        served = stack.enter_context(server(options.data))
        load_with = Load(served, plan_for(options, served.port), options.ingest)
        load_with.run(WARM_S)
        if options.detect:
            stack.enter_context(worker(options.data))
        rates = RAMP if options.saturate else (options.rate,)
        for rate in rates:
            probe = Probe(served.port, load_with.plan.key) if options.visible else None
            line = load_with.measure(rate, options.seconds) | (probe.stop() if probe is not None else {})
            print(json.dumps({"case": "risk", "detect": options.detect} | line), flush=True)
            if line.get("p99_ms", np.inf) > 10 * LATE_MS:
                break


def plan_for(options: argparse.Namespace, port: int) -> Plan:
    settings = load_settings(data=options.data)
    key = KeyStore(settings.places.create().cases).create("bench", ["risk", "write"])
    with closing(open_ledger(settings)) as ledger:
        end = ledger.offset()
        known = [stored.record.account_id for stored in ledger.read(max(end - 20_000, 0), 20_000)]
    return Plan(
        port, key, 0.0, options.rate, record=not options.no_record, connections=options.connections, known=known
    )


@dataclass(frozen=True)
class Served:
    port: int
    ready_s: float
    process: subprocess.Popen[bytes]

    def workers(self) -> list[int]:
        """The processes that answer."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(child) for child in children.split()]

    def cpu_s(self) -> list[float]:
        """Processor time of each so far."""
        return [sum(cpu_times(pid)) for pid in self.workers()]

    def memory_mib(self) -> dict[str, list[int]]:
        """Resident of each, and proportional: pages that several share are counted in parts."""
        told = [Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines() for pid in self.workers()]
        facts = [{name: line.split() for line in lines for name in [line.split(":")[0]]} for lines in told]
        return {name.lower(): [int(one[name][1]) // 1024 for one in facts] for name in ("Rss", "Pss")}


@dataclass(frozen=True)
class Load:
    served: Served
    plan: Plan
    ingest: float

    def measure(self, rate: float, seconds: float) -> dict[str, Any]:
        before = self.served.cpu_s()
        said = self.run(seconds, rate, self.ingest)
        spent = [round(after - was, 2) for after, was in zip(self.served.cpu_s(), before, strict=True)]
        plan = {"rate": rate, "seconds": seconds, "ingest_rate": self.ingest, "recorded": self.plan.record}
        cost_ms = round(1000 * sum(spent) / max(said["answers"], 1), 2)
        facts = {"ready_s": round(self.served.ready_s, 1), "server_cpu_s": spent, "cpu_ms_a_request": cost_ms}
        return plan | said | facts | self.served.memory_mib()

    def run(self, seconds: float, rate: float = 100.0, ingest: float = 0.0) -> dict[str, Any]:
        seed = time.time_ns()
        plan = replace(self.plan, seconds=seconds, risk_rate=rate, ingest_rate=ingest, seed=seed)
        command = [sys.executable, "-m", "tests.bench.load"]
        done = subprocess.run(command, input=plan_of(plan).encode(), stdout=subprocess.PIPE, check=True)
        said: dict[str, Any] = json.loads(done.stdout)
        return said


def cpu_times(pid: int) -> tuple[float, float]:
    """User and system seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    tick = os.sysconf("SC_CLK_TCK")
    return int(fields[11]) / tick, int(fields[12]) / tick


@contextmanager
def server(data: Path) -> Iterator[Served]:
    """The shipped server command without a graph database."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    started_s = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "graphsvc", "serve", "--port", str(port)], env=environment(data))
    try:
        while not ready(port):
            if process.poll() is not None or time.perf_counter() - started_s > READY_WITHIN_S:
                raise SystemExit("The server did not become ready.")
            time.sleep(0.1)
        yield Served(port, time.perf_counter() - started_s, process)
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def worker(data: Path) -> Iterator[None]:
    """The shipped worker: link tables follow the ledger, and detections run one after the other."""
    process = subprocess.Popen([sys.executable, "-m", "graphsvc", "worker"], env=environment(data))
    try:
        yield
    finally:
        process.kill()
        process.wait()


def environment(data: Path) -> dict[str, str]:
    return {**os.environ, "GRAPHSVC_DATA": str(data), "GRAPHSVC_NEO4J_URI": "off"}


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
    times_us, cpu_us = [], []
    for turn in range(turns):
        started_s, before_s = time.perf_counter(), time.thread_time()
        case(turn)
        cpu_us.append((time.thread_time() - before_s) * 1e6)
        times_us.append((time.perf_counter() - started_s) * 1e6)
    p50, p99 = np.percentile(times_us, [50, 99])
    cpu = round(float(np.percentile(cpu_us, 99)))
    print(
        json.dumps(
            {"case": case.__name__, "accounts": accounts, "p50_us": round(p50), "p99_us": round(p99), "cpu_p99_us": cpu}
        ),
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
