"""How long risk answers take, seen by the client with its default budget of 50 ms, while a part of the service is away.

One JSON line a case: `python -m tests.bench.outages [CASE…]`. The service is the shipped command with two workers over an
empty data folder, its Neo4j a socket that never answers; two threads ask one after the other. `over_budget`: calls that
took longer than the budget and the 10 ms that the client allows itself.
"""

from __future__ import annotations

import json
import signal
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np

from graphsvc.client import Options, RiskClient
from graphsvc.config import load_settings
from tests.api.conftest import Served, served
from tests.chaos.faults import full_disk, locked, model_gone, worker_killed
from tests.client.conftest import Listener, key_of, never, signalled
from tests.known_world import World

THREADS, CALLS = 2, 500
SETTLED_S = 1.5
"""After so long a fault has shown, and the client does not go by what was so before it."""
Fault = Callable[[Served], AbstractContextManager[object]]


def event(number: int) -> dict[str, object]:
    moment = datetime.now(UTC)
    return {"event_id": uuid.uuid4().hex, "type": "login", "account_id": f"bench-{number}", "occurred_at": moment}


def measured(client: RiskClient) -> dict[str, object]:
    times_ms: list[float] = []
    why: Counter[str] = Counter()

    def ask() -> None:
        for number in range(CALLS):
            started_s = time.perf_counter()
            answer = client.assess(event(number))
            times_ms.append((time.perf_counter() - started_s) * 1000)
            why.update(answer.degraded_reasons or ("",))

    threads = [threading.Thread(target=ask) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    p50, p99 = np.percentile(times_ms, [50, 99])
    most_ms = client.options.budget_s * 1000 + 10
    return {
        "calls": len(times_ms),
        "p50_ms": round(float(p50), 2),
        "p99_ms": round(float(p99), 2),
        "max_ms": round(max(times_ms), 2),
        "over_budget": sum(one > most_ms for one in times_ms),
        "reasons": dict(why),
    }


@contextmanager
def stopped(api: Served) -> Iterator[None]:
    signalled(api, signal.SIGSTOP)
    try:
        yield
    finally:
        signalled(api, signal.SIGCONT)


@contextmanager
def worker_killed_later(api: Served) -> Iterator[None]:
    """In the middle of what is measured."""
    timer = threading.Timer(SETTLED_S + 0.5, worker_killed, (api,))
    timer.start()
    try:
        yield
    finally:
        timer.join()


@contextmanager
def dead(api: Served) -> Iterator[None]:
    signalled(api, signal.SIGKILL)
    yield


FAULTS: dict[str, tuple[Options, Fault]] = {
    "neo4j_hangs": (Options(), lambda api: nullcontext()),
    "neo4j_hangs_no_retries": (Options(retries=0), lambda api: nullcontext()),
    "model_missing": (Options(), model_gone),
    "ledger_locked": (Options(), lambda api: locked(api.settings.places.ledger)),
    "cases_locked": (Options(), lambda api: locked(api.settings.places.cases)),
    "disk_full": (Options(), full_disk),
    "worker_killed": (Options(), worker_killed_later),
    "server_stopped": (Options(), stopped),
    "server_stopped_no_breaker": (Options(failures_to_open=10**6), stopped),
    "server_dead": (Options(), dead),
    "server_dead_no_breaker": (Options(failures_to_open=10**6), dead),
}
"""The last two end the service."""


def main() -> None:
    wanted = sys.argv[1:] or list(FAULTS)
    with tempfile.TemporaryDirectory() as folder, Listener([never]).listening() as graph:
        settings = load_settings(data=Path(folder) / "data", neo4j_uri=graph.replace("http", "bolt"))
        with served(settings, World([])) as api:
            key = key_of(api)
            for name in wanted:
                print(json.dumps({"case": name, **run(api, key, *FAULTS[name])}), flush=True)


def run(api: Served, key: str, options: Options, fault: Fault) -> dict[str, object]:
    patient = replace(options, budget_s=20.0)
    with RiskClient(api.url, key, options) as client, RiskClient(api.url, key, patient) as first:
        for number in range(20):
            first.assess(event(number))
        with fault(api):
            settle(partial(client.assess_account, "bench-0"))
            return measured(client)


def settle(ask: Callable[[], object]) -> None:
    end_s = time.monotonic() + SETTLED_S
    while time.monotonic() < end_s:
        ask()
        time.sleep(0.05)


if __name__ == "__main__":
    main()
