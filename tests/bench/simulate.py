"""How fast worlds are made: `python -m tests.bench.simulate --case 20000x15`. One JSON line a case."""

from __future__ import annotations

import argparse
import json
import os
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from graphsvc.simulate import load_world, simulate

CASES = ("5000x20", "20000x15", "100000x15")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class PeakMemory(threading.Thread):
    """Watches how much memory this process and its children hold together (Linux: /proc), five times a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak_bytes = 0
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(0.2):
            self.peak_bytes = max(self.peak_bytes, sum(map(_resident_bytes, _family())))

    def stop(self) -> int:
        self._over.set()
        self.join()
        return self.peak_bytes


def _family() -> list[int]:
    own = Path("/proc/self/task")
    children = " ".join((task / "children").read_text() for task in own.iterdir())
    return [os.getpid(), *map(int, children.split())]


def _resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES
    except FileNotFoundError:  # it has just ended
        return 0


def measured(world: str, case: str, processes: int, packed: bool) -> dict[str, object]:
    accounts, requests = (int(number) for number in case.split("x"))
    spec = msgspec.structs.replace(load_world(world), accounts=accounts, requests=float(requests))
    with TemporaryDirectory() as folder:
        memory = PeakMemory()
        memory.start()
        begin_s, worked_s = time.perf_counter(), sum(os.times()[:4])
        summary = simulate(spec, Path(folder), compressed=packed, processes=processes)
        took_s, worked_s = time.perf_counter() - begin_s, sum(os.times()[:4]) - worked_s
        size_bytes = sum(file.stat().st_size for file in Path(folder).iterdir())
    return {
        "bench": "simulate",
        "world": world,
        "accounts": accounts,
        "requests": summary.requests,
        "events": summary.events,
        "processes": processes,
        "seconds": round(took_s, 2),
        "cpu_seconds": round(worked_s, 2),
        "events_per_second": round(summary.events / took_s),
        "peak_mib": round(memory.stop() / 2**20),
        "bytes": size_bytes,
        "packed": packed,
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--case", nargs="*", default=CASES, help="Accounts x requests each.")
    arguments.add_argument("--world", default="plain")
    arguments.add_argument("--processes", type=int, default=os.cpu_count())
    arguments.add_argument("--zst", action="store_true")
    given = arguments.parse_args()
    for case in given.case:
        print(json.dumps(measured(given.world, case, given.processes, given.zst)), flush=True)


if __name__ == "__main__":
    main()
