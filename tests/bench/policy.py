"""What lists and policy add to an answer, how long a change of long lists takes, and a replay of history.

Example: python -m tests.bench.policy --accounts 100000 --assessments 1000000
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from graphsvc.cases.assessments import AssessmentRow, AssessmentStore
from graphsvc.cases.lists import ListStore, Target
from graphsvc.config import Settings, load_settings
from graphsvc.events.record import Identifier, Record
from graphsvc.jobs.policy_replay import replay
from graphsvc.risk.decide import Decider
from graphsvc.risk.policy import Policy

CALLS = 20_000
HELD = 40


def say(case: str, **figures: float) -> None:
    print(json.dumps({"case": case} | {name: round(value, 3) for name, value in figures.items()}), flush=True)


def timed_us(call: Callable[[int], object]) -> dict[str, float]:
    spent = np.empty(CALLS)
    for place in range(CALLS):
        started_ns = time.perf_counter_ns()
        call(place)
        spent[place] = time.perf_counter_ns() - started_ns
    return {f"p{share}_us": float(np.percentile(spent, share)) / 1000 for share in (50, 99)}


def fill(path: Path, accounts: int, identifiers: int) -> None:
    """Many entries at once, past the store, which makes one at a time."""
    store = ListStore(path)
    store.add("watch", Target(account_id="first"), "x", "k", 1)
    rows = [(f"e{n}", "block", f"listed{n}", None, None, 2) for n in range(accounts)]
    rows += [(f"i{n}", "watch", None, "phone", f"token{n}", 2) for n in range(identifiers)]
    connection = sqlite3.connect(path)
    query = "INSERT INTO list_entries VALUES (?, ?, ?, ?, ?, 'x', 1, 'k', NULL, NULL, NULL, NULL, ?)"
    connection.executemany(query, rows)
    connection.commit()
    connection.close()


def decide(settings: Settings, case: str) -> Decider:
    decider = Decider(settings)
    carried = tuple(
        Identifier(kind, f"t{kind}") for kind in ("email", "phone", "device", "ip", "subnet", "mail_domain")
    )
    record = Record("e", "signup", "a", 1, 1, carried, channel="web")
    keys = list(range(HELD))
    say(case, **timed_us(lambda n: decider.decide(f"a{n}", "signup", 0.4, record, lambda: (1, keys))))
    return decider


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--assessments", type=int, default=1_000_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(data=Path(folder), neo4j_uri="off")
        settings.places.create()
        decide(settings, "decide, nothing listed")
        fill(settings.places.cases, given.accounts, given.accounts // 10)
        started_s = time.perf_counter()
        decider = decide(settings, f"decide, {given.accounts} accounts and {given.accounts // 10} identifiers listed")
        say("read these lists and decide", seconds=time.perf_counter() - started_s)
        decider.lists.store.add("allow", Target(account_id="one more"), "x", "k", 3)
        started_s = time.perf_counter()
        decider.lists.refresh()
        say("one change of them", milliseconds=1000 * (time.perf_counter() - started_s))
        random = np.random.default_rng(1)
        chances = random.random(given.assessments).round(6).tolist()
        store = AssessmentStore(settings.places.cases)
        for start in range(0, given.assessments, 100_000):
            store.keep(
                [
                    AssessmentRow(f"as{n}", f"a{n // 3}", "signup", chances[n], "low", "allow", "m", "p", "", n + 1)
                    for n in range(start, min(start + 100_000, given.assessments))
                ]
            )
        policy = Policy.load()
        started_s, cpu_s = time.perf_counter(), time.process_time()
        replay(settings, policy, policy, 0, 2**62)
        say(
            f"replay of {given.assessments} assessments under two policies",
            seconds=time.perf_counter() - started_s,
            processor_s=time.process_time() - cpu_s,
        )


if __name__ == "__main__":
    main()
