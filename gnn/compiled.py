"""Where machine code of compiled functions is kept, and when it is stale.

Numba keeps what it compiled beside each source and makes it anew where that file changed. Functions and numbers that
come from other files are in that machine code too: here it counts as stale where any file of these packages changed
that the source imports, by however many steps. Numba takes these classes by the names that LOCATORS gives it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from numba.core import caching

PACKAGES = ("gnn", "graphsvc")
_IMPORT = re.compile(r"^(?:from\s+([\w.]+)\s+import\s+(\([^)]*\)|.*)|import\s+(.*))$", re.MULTILINE)
_NAME = re.compile(r"[\w.]+")


def imported(path: Path) -> Iterator[Path]:
    """The files of these packages that a module of theirs imports at its top level."""
    base = _base(path)
    for source, names, modules in _IMPORT.findall(path.read_text("utf-8")):
        wanted = _NAME.findall(modules) if modules else [source, *(f"{source}.{one}" for one in _NAME.findall(names))]
        for name in wanted:
            if name.partition(".")[0] in PACKAGES:
                place = base.joinpath(*name.split("."))
                yield from (one for one in (place.with_suffix(".py"), place / "__init__.py") if one.is_file())


@cache
def stamp(path: Path) -> bytes:
    """SHA-256 of a module of these packages and of all that it rests on, the same in whatever folder they lie."""
    base, seen, waiting = _base(path), {path}, [path]
    while waiting:
        new = {*imported(waiting.pop())} - seen
        seen |= new
        waiting += new
    whole = hashlib.sha256()
    for one in sorted(seen):
        whole.update(f"{one.relative_to(base)}\0".encode() + hashlib.sha256(one.read_bytes()).digest())
    return whole.digest()


def _base(path: Path) -> Path:
    """The folder that the packages lie in."""
    inner = max(place for place, part in enumerate(path.parts) if part in PACKAGES)
    return Path(*path.parts[:inner])


class _WithImports:
    """A locator that calls machine code stale by all that its source rests on."""

    _py_file: str

    def get_source_stamp(self) -> object:
        path = Path(self._py_file).resolve()
        ours = any(part in PACKAGES for part in path.parent.parts)
        return stamp(path) if ours else super().get_source_stamp()  # type: ignore[misc]


class Given(_WithImports, caching.UserProvidedCacheLocator):  # type: ignore[misc]
    """In the folder that NUMBA_CACHE_DIR names, where it does."""


class Beside(_WithImports, caching.InTreeCacheLocator):  # type: ignore[misc]
    """Beside the source."""


class OfUser(_WithImports, caching.UserWideCacheLocator):  # type: ignore[misc]
    """In the user's cache, where the source's folder cannot be written to."""
