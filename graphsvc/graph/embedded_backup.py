"""Backup and restore of the embedded server's database as one file, in Neo4j's own dump format."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from graphsvc.config import Settings
from graphsvc.errors import BadUsage
from graphsvc.graph.connection import Progress, silent
from graphsvc.graph.embedded import Admin, ensure_running, offline, start, status

DATABASE = "neo4j"


def backup(settings: Settings, file: Path, progress: Progress = silent) -> int:
    """Stops the server, dumps its database to `file`, starts it again if it ran; gives the size in bytes.

    An earlier file of that name is replaced only by a whole new one. Raises GraphUnavailable when Neo4j cannot do it,
    BadUsage when `file` cannot be written.
    """
    ran = status(settings).running
    with _folder_beside(file) as folder:
        # A database that was killed takes no dump before it has recovered, which is what a start does.
        ensure_running(settings, progress)
        with _stopped(settings, progress, again=ran) as admin:
            progress("writing the backup", 0.5)
            admin(["database", "dump", DATABASE, f"--to-path={folder}"])
        return Path(folder, f"{DATABASE}.dump").replace(file).stat().st_size


def restore(settings: Settings, file: Path, progress: Progress = silent) -> None:
    """Stops the server, puts the database of `file` in place of the one that is there, starts it again if it ran."""
    if not file.is_file():
        raise BadUsage(f"There is no file {file}.", hint="Give a file that `graphsvc db backup` wrote.")
    ran = status(settings).running
    with TemporaryDirectory(prefix="graphsvc-") as folder:
        Path(folder, f"{DATABASE}.dump").symlink_to(file.absolute())
        with _stopped(settings, progress, again=ran) as admin:
            progress("reading the backup", 0.5)
            admin(["database", "load", DATABASE, f"--from-path={folder}", "--overwrite-destination=true"])


@contextmanager
def _stopped(settings: Settings, progress: Progress, *, again: bool) -> Iterator[Admin]:
    try:
        with offline(settings, progress) as admin:
            yield admin
    finally:
        if again:
            start(settings, progress)


def _folder_beside(file: Path) -> TemporaryDirectory[str]:
    """A folder on the same file system, so that the whole backup takes its place in one step."""
    try:
        return TemporaryDirectory(dir=file.absolute().parent, prefix=".dump-")
    except OSError as error:
        raise BadUsage(
            f"The backup cannot be written to {file}: {error.strerror or error}.", hint="Choose another place."
        ) from error
