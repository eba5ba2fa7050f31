"""How fast worlds are made: `python -m tests.bench.simulate --size 5000`. One JSON line a case."""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from graphsvc.simulate import load_world, simulate

CASES = {5_000: 20.0, 20_000: 15.0}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--size", type=int, nargs="*", default=list(CASES), help="Accounts.")
    arguments.add_argument("--world", default="plain")
    given = arguments.parse_args()
    for accounts in given.size:
        spec = msgspec.structs.replace(load_world(given.world), accounts=accounts, requests=CASES.get(accounts, 15.0))
        with TemporaryDirectory() as folder:
            begin_s = time.perf_counter()
            summary = simulate(spec, Path(folder))
            took_s = time.perf_counter() - begin_s
        case = {
            "bench": "simulate",
            "world": given.world,
            "accounts": accounts,
            "events": summary.events,
            "seconds": round(took_s, 2),
            "events_per_second": round(summary.events / took_s),
            "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        }
        print(json.dumps(case))


if __name__ == "__main__":
    main()
