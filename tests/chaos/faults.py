"""What may happen to a part of the service, done to a running one from outside, and undone."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.api.conftest import Served
from tests.client.conftest import processes

CLOCK = Path(__file__).with_name("clock.c")
COMPILER = shutil.which("cc") or ""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process, this one, holds a database for itself."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as other:
        other.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")


@contextmanager
def full_disk(api: Served) -> Iterator[None]:
    """The kernel refuses each write to a file, as on a full disk."""
    before = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in processes(api)}
    for pid, (_, hard) in before.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        for pid, limits in before.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


@contextmanager
def model_gone(api: Served) -> Iterator[None]:
    """The model in use is one that is not there."""
    current = api.settings.places.current_model
    current.parent.mkdir(exist_ok=True)
    current.write_text("gone")
    try:
        yield
    finally:
        current.unlink()


def worker_killed(api: Served) -> None:
    os.kill(processes(api)[1], signal.SIGKILL)


class Clock:
    """The clock of a service that is started with this environment; it jumps where it is told to."""

    def __init__(self, folder: Path) -> None:
        library, self._seconds = folder / "clock.so", folder / "clock"
        self.jump(0)
        subprocess.run([COMPILER, "-shared", "-fPIC", "-O2", "-o", library, CLOCK], check=True)
        self.environment = {"LD_PRELOAD": str(library), "CLOCK_OFFSET": str(self._seconds)}

    def jump(self, seconds: int) -> None:
        """To so far from the true time."""
        with self._seconds.open("r+b" if self._seconds.exists() else "w+b") as file:
            file.write(seconds.to_bytes(8, sys.byteorder, signed=True))
