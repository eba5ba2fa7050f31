"""Temporary folders that nobody need clear away by hand, however the process that made them ended.

A process that is killed cannot remove its folder. So each folder holds a lock for as long as somebody works in it, and
who makes the next one removes those that nobody holds. A process id would not tell: it is given again, and in a
container it is the same each time.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

LOCK = "lock"


class Scratch:
    """A new temporary folder at `path`, after those with the same prefix whose makers are gone were removed. Processes
    that are given `handle`, the open file of its lock, hold it too."""

    def __init__(self, prefix: str) -> None:
        sweep(Path(tempfile.gettempdir()), prefix)
        self._folder = tempfile.TemporaryDirectory(prefix=prefix)
        self.path = Path(self._folder.name)
        unlocked = self.path / f"{LOCK}.unfinished"
        self._lock = unlocked.open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        # There under its name only when it is held: else another process could take the folder for a left one.
        unlocked.rename(self.path / LOCK)

    @property
    def handle(self) -> int:
        return self._lock.fileno()

    def cleanup(self) -> None:
        """Removes the folder. Once more changes nothing."""
        self._folder.cleanup()
        self._lock.close()


def sweep(parent: Path, prefix: str) -> None:
    """Removes this user's folders of `parent` whose names begin with the prefix and whose lock nobody holds."""
    for folder in parent.glob(f"{prefix}*"):
        # Another process may remove it at the same time; another user's is not ours to look into.
        with suppress(OSError):
            if folder.stat(follow_symlinks=False).st_uid == os.geteuid():
                _remove_unheld(folder)


def _remove_unheld(folder: Path) -> None:
    """Raises OSError where somebody holds it, or there is no lock."""
    with (folder / LOCK).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
