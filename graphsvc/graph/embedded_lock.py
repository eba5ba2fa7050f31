"""The lock of the embedded server: which jars it is made of, each with its coordinates, size and checksum.

`python -m graphsvc.graph.embedded_lock` resolves them anew and writes the lock that ships with the package.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from functools import cache
from pathlib import Path

import msgspec

VERSION = "5.26.30"
ROOTS = ("org.neo4j.app:neo4j-server", "org.neo4j:neo4j")
LOCK = Path(__file__).with_name("neo4j.lock.json")


class Jar(msgspec.Struct, frozen=True):
    """One file of the server. `path` is its place below the base address of a Maven repository."""

    coordinates: str
    path: str
    folder: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


class Lock(msgspec.Struct, frozen=True):
    version: str
    jars: tuple[Jar, ...]

    @property
    def size_bytes(self) -> int:
        return sum(jar.size for jar in self.jars)


@cache
def read_lock() -> Lock:
    """The lock that ships with this package."""
    return msgspec.json.decode(LOCK.read_bytes(), type=Lock)


def resolve() -> Lock:
    """Resolves the server's jars with jgo, downloads them to a temporary folder and measures them. Needs a network."""
    from jgo.env import EnvironmentBuilder, LinkStrategy
    from jgo.maven import MavenContext

    with tempfile.TemporaryDirectory() as temporary:
        repository = Path(temporary, "repository")
        context = MavenContext(repo_cache=repository)
        builder = EnvironmentBuilder(context, cache_dir=Path(temporary), link_strategy=LinkStrategy.COPY)
        environment = builder.from_endpoint("+".join(f"{root}:{VERSION}" for root in ROOTS))
        folders = {path.name: path.parent.name for path in environment.path.glob("*/*.jar")}
        found = {path.name: path for path in repository.rglob("*.jar")}
        jars = (_measure(found[name], repository, folder) for name, folder in folders.items())
        return Lock(VERSION, tuple(sorted(jars, key=lambda jar: jar.coordinates)))


def _measure(file: Path, repository: Path, folder: str) -> Jar:
    path = file.relative_to(repository)
    *group, artifact, version, name = path.parts
    classifier = name.removeprefix(f"{artifact}-{version}").removesuffix(".jar").removeprefix("-")
    coordinates = ":".join(filter(None, [".".join(group), artifact, version, classifier]))
    content = file.read_bytes()
    return Jar(coordinates, path.as_posix(), folder, len(content), hashlib.sha256(content).hexdigest())


def write_lock(lock: Lock, file: Path = LOCK) -> None:
    """Writes one jar a line, so that a change of one jar is a change of one line."""
    rows = ",\n".join(msgspec.json.encode(jar).decode() for jar in lock.jars)
    file.write_text(f'{{"version": "{lock.version}", "jars": [\n{rows}\n]}}\n')


if __name__ == "__main__":
    new = resolve()
    write_lock(new)
    sys.stdout.write(f"{len(new.jars)} jars, {new.size_bytes / 2**20:.0f} MiB\n")
