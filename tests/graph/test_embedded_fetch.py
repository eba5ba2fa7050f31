"""The server is fetched by its lock: verified, resumed, once for all processes, with plain words when it cannot be."""

from __future__ import annotations

import hashlib
import os
import random
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import msgspec
import pytest

from graphsvc.config import Settings, load_settings
from graphsvc.errors import GraphUnavailable
from graphsvc.graph.embedded_fetch import fetch, missing, server_folder
from graphsvc.graph.embedded_lock import VERSION, Jar, Lock, read_lock

FETCH = """
import resource, sys
from pathlib import Path
import msgspec
from graphsvc.config import load_settings
from graphsvc.errors import GraphUnavailable
from graphsvc.graph.embedded_fetch import fetch
from graphsvc.graph.embedded_lock import Lock
lock = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Lock)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    fetch(load_settings(), lock=lock)
except GraphUnavailable as error:
    sys.exit(str(error))
"""


class Mirror(ThreadingHTTPServer):
    """A small Maven repository on loopback. `cut` names files whose first answer ends half-way."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), MirrorHandler)
        self.files = files
        self.cut: set[str] = set()
        self.asked: Counter[str] = Counter()
        self.ranges: list[str] = []
        self.logins: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/maven"


class MirrorHandler(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        path = self.path.removeprefix("/maven/")
        self.server.asked[path] += 1
        self.server.logins.append(self.headers.get("Authorization", ""))
        content = self.server.files.get(path)
        if content is None:
            self.send_error(404)
            return
        begin = self._begin()
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        end = len(content) // 2 if path in self.server.cut else len(content)
        self.server.cut.discard(path)
        self.wfile.write(content[begin:end])

    def _begin(self) -> int:
        asked = self.headers.get("Range")
        if asked is None:
            return 0
        self.server.ranges.append(asked)
        return int(asked.removeprefix("bytes=").removesuffix("-"))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class names it so
        pass


@pytest.fixture
def lock() -> Lock:
    source = random.Random(5)
    return Lock("0", tuple(_jar(f"part-{number}", source.randbytes(400_000)) for number in range(6)))


@pytest.fixture
def mirror(lock: Lock) -> Iterator[Mirror]:
    source = random.Random(5)
    with Mirror({jar.path: source.randbytes(jar.size) for jar in lock.jars}) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def settings(tmp_path: Path, mirror: Mirror) -> Settings:
    return load_settings(data=tmp_path / "data", cache=tmp_path / "cache", maven_mirror=mirror.address)


def _jar(name: str, content: bytes) -> Jar:
    digest = hashlib.sha256(content).hexdigest()
    return Jar(f"made.up:{name}:1", f"made/up/{name}/1/{name}-1.jar", "jars", len(content), digest)


def _place(settings: Settings, lock: Lock, jar: Jar) -> Path:
    return server_folder(settings, lock) / jar.folder / jar.name


def test_the_shipped_lock_is_whole() -> None:
    lock = read_lock()
    assert lock.version == VERSION
    assert len(lock.jars) == len({jar.name for jar in lock.jars}) == 216
    assert {jar.folder for jar in lock.jars} == {"jars", "modules"}
    assert all(len(jar.sha256) == 64 and jar.size > 0 for jar in lock.jars)
    assert all("://" not in jar.path and jar.path.endswith(".jar") for jar in lock.jars)


def test_every_jar_comes_once_and_is_kept(settings: Settings, mirror: Mirror, lock: Lock) -> None:
    shares: list[float] = []
    folder = fetch(settings, lambda _, share: shares.append(share), lock)
    assert not missing(folder, lock)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    fetch(settings, lock=lock)
    assert set(mirror.asked.values()) == {1}


def test_a_corrupted_jar_in_the_cache_is_fetched_again(settings: Settings, mirror: Mirror, lock: Lock) -> None:
    fetch(settings, lock=lock)
    bad = lock.jars[3]
    file = _place(settings, lock, bad)
    file.write_bytes(b"\0" + file.read_bytes()[1:])
    assert not missing(fetch(settings, lock=lock), lock)
    assert mirror.asked[bad.path] == 2


def test_a_file_with_another_checksum_is_refused(settings: Settings, mirror: Mirror, lock: Lock) -> None:
    bad = lock.jars[0]
    mirror.files[bad.path] = bytes(bad.size)
    with pytest.raises(GraphUnavailable, match=r"checksum differs"):
        fetch(settings, lock=lock)
    assert not _place(settings, lock, bad).exists()
    assert bad in missing(server_folder(settings, lock), lock)


def test_a_far_longer_file_is_refused_without_being_stored(settings: Settings, mirror: Mirror, lock: Lock) -> None:
    bad = lock.jars[0]
    mirror.files[bad.path] = bytes(50 * bad.size)
    with pytest.raises(GraphUnavailable, match=r"checksum differs"):
        fetch(settings, lock=lock)


def test_a_half_fetched_jar_goes_on_where_it_stopped(settings: Settings, mirror: Mirror, lock: Lock) -> None:
    half, wrong = lock.jars[1:3]
    for jar, content in ((half, mirror.files[half.path]), (wrong, bytes(wrong.size))):
        part = _place(settings, lock, jar).with_name(f"{jar.name}.part")
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content[:100_000])
    assert not missing(fetch(settings, lock=lock), lock)
    assert mirror.ranges == ["bytes=100000-"] * 2
    assert mirror.asked[half.path] == 1
    assert mirror.asked[wrong.path] == 2


def test_a_connection_that_breaks_is_taken_up_again(settings: Settings, mirror: Mirror, lock: Lock) -> None:
    mirror.cut = {lock.jars[0].path, lock.jars[5].path}
    assert not missing(fetch(settings, lock=lock), lock)
    assert mirror.ranges == ["bytes=200000-"] * 2


def test_processes_at_once_fetch_each_jar_once(settings: Settings, mirror: Mirror, lock: Lock, tmp_path: Path) -> None:
    processes = [_fetching(settings, lock, tmp_path, limit_bytes=2**30) for _ in range(2)]
    assert [process.communicate()[1] for process in processes] == ["", ""]
    assert set(mirror.asked.values()) == {1}


def test_a_full_disk_is_said_in_plain_words(settings: Settings, lock: Lock, tmp_path: Path) -> None:
    # The kernel refuses the write in the middle of a file here, as it does on a full disk.
    process = _fetching(settings, lock, tmp_path, limit_bytes=300_000)
    message = process.communicate()[1]
    assert process.returncode == 1
    assert "cannot be stored in" in message
    assert "Free some space" in message


def test_a_cache_that_is_no_folder_is_said(settings: Settings, lock: Lock) -> None:
    settings.cache.write_text("in the way")
    with pytest.raises(GraphUnavailable, match="cannot be stored"):
        fetch(settings, lock=lock)


def test_a_file_that_the_mirror_lacks_is_named(settings: Settings, mirror: Mirror, lock: Lock) -> None:
    del mirror.files[lock.jars[2].path]
    with pytest.raises(GraphUnavailable, match=r"answered 404 for part-2-1\.jar"):
        fetch(settings, lock=lock)


def test_without_a_network_it_says_so_and_what_to_do(settings: Settings, lock: Lock) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://someone:hidden@127.0.0.1:{closed.getsockname()[1]}"
        offline = settings.model_copy(update={"maven_mirror": address})
        with pytest.raises(GraphUnavailable, match=r"could not be fetched from 127\.0\.0\.1:\d+: .*refused") as caught:
            fetch(offline, lock=lock)
    assert "GRAPHSVC_MAVEN_MIRROR" in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_a_mirror_may_ask_for_a_login_or_be_a_folder(
    settings: Settings, mirror: Mirror, lock: Lock, tmp_path: Path
) -> None:
    with_login = mirror.address.replace("//", "//ann:p%40ss@")
    fetch(settings.model_copy(update={"maven_mirror": with_login}), lock=lock)
    assert set(mirror.logins) == {"Basic YW5uOnBAc3M="}
    for path, content in mirror.files.items():
        (tmp_path / "disk" / path).parent.mkdir(parents=True)
        (tmp_path / "disk" / path).write_bytes(content)
    other = settings.model_copy(
        update={"maven_mirror": (tmp_path / "disk").as_uri(), "cache": tmp_path / "other-cache"}
    )
    assert not missing(fetch(other, lock=lock), lock)


def _fetching(settings: Settings, lock: Lock, tmp_path: Path, limit_bytes: int) -> subprocess.Popen[str]:
    file = tmp_path / "lock.json"
    file.write_bytes(msgspec.json.encode(lock))
    environment = {
        **os.environ,
        "GRAPHSVC_DATA": str(settings.data),
        "GRAPHSVC_CACHE": str(settings.cache),
        "GRAPHSVC_MAVEN_MIRROR": str(settings.maven_mirror),
    }
    command = [sys.executable, "-c", FETCH, str(file), str(limit_bytes)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
