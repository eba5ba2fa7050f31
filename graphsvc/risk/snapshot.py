"""A base on disk, once for all processes: plain arrays in a folder, mapped into memory, so that processes share pages.

A folder is written whole, flushed and renamed into place. What is damaged, or of another format, key or detection, is
not used, and made anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import structlog
from msgspec import Struct

from graphsvc.clusters.results import Run
from graphsvc.links.flush import flush
from graphsvc.risk.answer import RiskCluster
from graphsvc.risk.base import Base
from graphsvc.risk.kernels import ACCOUNT, IDENTIFIER, BaseArrays

log = structlog.get_logger("risk")
FORMAT = 2
MANIFEST = "manifest.json"
RECORDS = {"accounts": ACCOUNT, "identifiers": IDENTIFIER}
ALIKE = 1e-3
"""Strangers whose probabilities differ by less are of one model."""


class Manifest(Struct, frozen=True):
    """`run` names the detection, empty where there was none; `moment_ms` is that of the look, and labels up to
    `label_offset` that were decided by then are in it. `seed` is a digest of the keys' seed, `checks` the CRC-32 of
    each file."""

    format: int
    run: str
    seed: str
    moment_ms: int
    offset: int
    label_offset: int
    as_of_ms: int | None
    stranger: float
    unseen: int
    type_names: tuple[str, ...]
    clusters: tuple[RiskCluster, ...]
    checks: dict[str, int]


@dataclass(frozen=True)
class Kept:
    """A base with what was known when it was made."""

    base: Base
    moment_ms: int
    label_offset: int


@dataclass(frozen=True)
class Wanted:
    """What a base must be of: this run, or none; the look at this moment; no further back than `offset`; a model that
    gives a stranger this probability."""

    run: Run | None
    moment_ms: int
    stranger: float
    offset: int


class Snapshots:
    """Lies in one folder. Any number of processes open; one at a time makes."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder, self._seed = folder, seed

    def open(self, wanted: Wanted) -> Kept | None:
        """The nearest base that fits, its files mapped and checked, or None."""
        fitting = [(one.offset, path, one) for path in self._present() if (one := self._manifest(path)) is not None]
        for _, path, manifest in sorted(fitting, key=lambda one: one[:2], reverse=True):
            if _fits(manifest, wanted):
                try:
                    return self._opened(path, manifest)
                except (OSError, ValueError):
                    self._refuse(path, "a file is missing, cut off or changed")
        return None

    def keep(self, base: Base, run: Run | None, moment_ms: int, label_offset: int) -> None:
        """Writes a base, and removes those that it replaces; who still reads them keeps them open."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self._folder / f".unfinished-{secrets.token_hex(8)}"
        draft.mkdir(mode=0o700)
        try:
            checks = {name: _write(draft / f"{name}.npy", array) for name, array in base.arrays._asdict().items()}
            manifest = Manifest(
                FORMAT, _name(run), _digest(self._seed), moment_ms, base.offset, label_offset, base.as_of_ms,
                base.stranger, base.unseen, base.type_names, base.clusters, checks,
            )  # fmt: skip
            body = msgspec.json.encode(manifest)
            _flushed(draft / MANIFEST, body)
            place = self._folder / f"base-{hashlib.blake2b(body, digest_size=8).hexdigest()}"
            if place.exists():
                shutil.rmtree(place)
            draft.rename(place)
            flush(self._folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        for path in self._present():
            if path != place:
                shutil.rmtree(path, ignore_errors=True)

    @contextmanager
    def making(self) -> Iterator[None]:
        """Waits until nobody else makes a base, then clears what those left who were killed."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for path in self._folder.glob(".unfinished-*"):
                shutil.rmtree(path, ignore_errors=True)
            yield

    def _present(self) -> list[Path]:
        return sorted(self._folder.glob("base-*"))

    def _manifest(self, path: Path) -> Manifest | None:
        try:
            known = msgspec.json.decode((path / MANIFEST).read_bytes(), type=dict[str, Any])
            same = known.get("format") == FORMAT
            manifest = msgspec.convert(known, Manifest) if same else None
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError):
            self._refuse(path, "its manifest cannot be read")
            return None
        if manifest is None or manifest.seed != _digest(self._seed):
            self._refuse(path, "it is of another format or key")
            return None
        return manifest

    def _refuse(self, path: Path, why: str) -> None:
        log.warning("risk_base_refused", base=path.name, reason=f"It is made anew: {why}.")

    def _opened(self, path: Path, manifest: Manifest) -> Kept:
        arrays = BaseArrays(*(_mapped(path / f"{name}.npy", manifest.checks[name]) for name in BaseArrays._fields))
        base = Base(
            offset=manifest.offset,
            as_of_ms=manifest.as_of_ms,
            stranger=manifest.stranger,
            unseen=manifest.unseen,
            seed=self._seed,
            arrays=arrays,
            type_names=manifest.type_names,
            clusters=manifest.clusters,
        )
        return Kept(base, manifest.moment_ms, manifest.label_offset)


def _fits(manifest: Manifest, wanted: Wanted) -> bool:
    near = manifest.offset >= wanted.offset and manifest.moment_ms == wanted.moment_ms
    same = not manifest.unseen or abs(manifest.stranger - wanted.stranger) < ALIKE
    return manifest.run == _name(wanted.run) and near and same


def _name(run: Run | None) -> str:
    return f"{run.as_of_ms} {run.ledger_offset} {run.created_ms} {run.model_version}" if run is not None else ""


def _digest(seed: int) -> str:
    return hashlib.blake2b(seed.to_bytes(8, "little"), digest_size=8).hexdigest()


def _write(path: Path, array: np.ndarray[Any, Any]) -> int:
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())
    return _check(path)


def _mapped(path: Path, check: int) -> np.ndarray[Any, Any]:
    if _check(path) != check:
        raise ValueError
    mapped: np.ndarray[Any, Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    # Compiled functions know plain arrays of the very types of these facts, not those that say that they lie in a file.
    plain = mapped.view(np.ndarray)
    return plain.view(RECORDS[path.stem]) if path.stem in RECORDS else plain


def _check(path: Path) -> int:
    """CRC-32 of a file, which also brings it into memory before the first answer needs it."""
    check = 0
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            check = zlib.crc32(block, check)
    return check


def _flushed(path: Path, body: bytes) -> None:
    with path.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
