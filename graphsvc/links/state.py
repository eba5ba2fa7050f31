"""What the last look made of events, kept beside the link tables so that the next look need not make it again.

It may be thrown away at any time: a look without it takes longer and gives the same. It lies in one folder a look,
named by the offset and moment it was made of, written under another name and renamed into place whole. Texts do not
change, so that those of earlier looks are hard links to the same files, a chunk a look, joined when there are many.
"""

from __future__ import annotations

import os
import shutil
import zlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphsvc.links import queries

FORMAT = "state-v2"
UNFINISHED = ".unfinished-"
MANIFEST = "manifest.json"
CHUNKS_MAX = 16
THREADS = 2
BANDS = 16
COMPANY = 16
LONG = ("_ms", "_tokens", "_thousandths")
"""How sums are called that may be larger than a count of events."""

SUMS = pa.schema(
    [
        ("account_key", pa.int64()),
        ("account_id", pa.string()),
        *((name, pa.int64() if name.endswith(LONG) else pa.int32()) for name in queries.SUMMED),
    ]
)
IDENTIFIERS = pa.schema(
    [
        ("key", pa.int64()),
        ("type", pa.string()),
        ("id", pa.string()),
        ("degree", pa.int32()),
        ("first_ms", pa.int64()),
    ]
)
LINKS = pa.schema(
    [
        ("account", pa.int32()),
        ("identifier", pa.int32()),
        ("first_ms", pa.int64()),
        ("last_ms", pa.int64()),
        ("count", pa.int32()),
    ]
)
ACTS = pa.schema([("account", pa.int32()), ("occurred_ms", pa.int64()), ("own", pa.bool_()), ("status", pa.int16())])
CHAINED = pa.schema(
    [
        ("account", pa.int32()),
        ("occurred_ms", pa.int64()),
        ("status", pa.int16()),
        ("offset", pa.int64()),
        ("asked", pa.int64()),
        ("chain", pa.list_(pa.int64())),
    ]
)

Array = npt.NDArray[Any]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
UInt32s = npt.NDArray[np.uint32]
UInt64s = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Kept:
    """What was made of events up to `offset` that occurred by `as_of_ms`: what accounts did and share (see
    state_network), and prompts and what was found among them.

    - sums, by account id; tried, what stands for each model of an account; identifiers, links, acts, chained.

    `witness` stands for those events, and `grown_of` names the state that this one is an extension of.

    - account: key of each account that asked. Rows of this and of sketches and asks are never moved, only added to.
    - sketch_key, sketch_first_ms, length (words), and words of all sketches one after the other.
    - leader: [sketches, BANDS], the sketch that each was found like in its bucket of each band (see state_families).
    - ask: account row << 32 | sketch row; ask_first_ms, ask_last_ms, ask_count.
    - content: what stands for the content of each sketch (see families).
    - repeated, repeating: shingles, ascending, and how many accounts repeat each; asked, asking: those that several do,
      and how many have each at all; usual, company: those that most who have them repeat, and MinHash of their prompts.
    - frame_shingle, frame_size: shingles, frame by frame; held_ask, held_frame: rows of asks that have a frame.
    """

    offset: int = 0
    as_of_ms: int = -1
    witness: str = ""
    grown_of: str = ""
    sums: pa.Table = field(default_factory=SUMS.empty_table)
    tried: Int64s = field(default_factory=lambda: np.empty(0, np.int64))
    identifiers: pa.Table = field(default_factory=IDENTIFIERS.empty_table)
    links: pa.Table = field(default_factory=LINKS.empty_table)
    acts: pa.Table = field(default_factory=ACTS.empty_table)
    chained: pa.Table = field(default_factory=CHAINED.empty_table)
    account: Int64s = field(default_factory=lambda: np.empty(0, np.int64))
    sketch_key: Int64s = field(default_factory=lambda: np.empty(0, np.int64))
    sketch_first_ms: Int64s = field(default_factory=lambda: np.empty(0, np.int64))
    length: Int32s = field(default_factory=lambda: np.empty(0, np.int32))
    words: UInt32s = field(default_factory=lambda: np.empty(0, np.uint32))
    leader: Int32s = field(default_factory=lambda: np.empty((0, BANDS), np.int32))
    ask: Int64s = field(default_factory=lambda: np.empty(0, np.int64))
    ask_first_ms: Int64s = field(default_factory=lambda: np.empty(0, np.int64))
    ask_last_ms: Int64s = field(default_factory=lambda: np.empty(0, np.int64))
    ask_count: Int64s = field(default_factory=lambda: np.empty(0, np.int64))
    content: UInt64s = field(default_factory=lambda: np.empty(0, np.uint64))
    repeated: UInt32s = field(default_factory=lambda: np.empty(0, np.uint32))
    repeating: Int64s = field(default_factory=lambda: np.empty(0, np.int64))
    asked: UInt32s = field(default_factory=lambda: np.empty(0, np.uint32))
    asking: Int64s = field(default_factory=lambda: np.empty(0, np.int64))
    usual: UInt32s = field(default_factory=lambda: np.empty(0, np.uint32))
    company: UInt32s = field(default_factory=lambda: np.empty((0, COMPANY), np.uint32))
    frame_shingle: UInt32s = field(default_factory=lambda: np.empty(0, np.uint32))
    frame_size: Int64s = field(default_factory=lambda: np.empty(0, np.int64))
    held_ask: Int64s = field(default_factory=lambda: np.empty(0, np.int64))
    held_frame: Int32s = field(default_factory=lambda: np.empty(0, np.int32))

    def part(self, names: Iterable[str]) -> Kept:
        """A state that has these of this one's, and nothing else."""
        return Kept(**{name: getattr(self, name) for name in names})

    @property
    def start(self) -> Int64s:
        """Where the words of each sketch begin, and where those of the last one end."""
        return np.concatenate([[0], np.cumsum(self.length, dtype=np.int64)])


NETWORK = ("sums", "tried", "identifiers", "links", "acts", "chained")
"""What accounts did and share."""
TEXTS = ("sketch_key", "sketch_first_ms", "length", "words", "content", "leader")
FACTS = ("offset", "as_of_ms", "witness", "grown_of")
PROMPTS = tuple(one.name for one in fields(Kept) if one.name not in (*NETWORK, *FACTS))
COUNTED = tuple(name for name in PROMPTS if name not in TEXTS)
"""What was counted of prompts, without the prompts, which are large."""


class Manifest(msgspec.Struct):
    """What a folder holds: the checksum (CRC-32) of each file by name; texts in chunks, in their order."""

    offset: int
    as_of_ms: int
    witness: str
    files: dict[str, int]
    words: list[str]


class _Damaged(Exception):
    """A file is not what the manifest says."""


def load(folder: Path) -> Kept | None:
    """The state of the last look, or None where there is none that is whole."""
    places = _present(folder / FORMAT)
    if not places:
        return None
    try:
        return _read(places[-1])
    except (OSError, ValueError, msgspec.DecodeError, pa.ArrowException, _Damaged):
        return None


def save(folder: Path, kept: Kept) -> None:
    """Puts a state in place of the one before. One that cannot be written is left out: the next look takes longer."""
    name = _name(kept)
    unfinished = folder / FORMAT / f"{UNFINISHED}{os.getpid()}"
    try:
        before = _present(folder / FORMAT)
        for path in (folder / FORMAT).glob(f"{UNFINISHED}*"):
            shutil.rmtree(path)
        unfinished.mkdir(parents=True, mode=0o700)
        _write(unfinished, kept, folder / FORMAT / kept.grown_of if kept.grown_of else None)
        for path in before:
            shutil.rmtree(path)
        unfinished.rename(folder / FORMAT / name)
        for path in folder.glob("state-*"):
            if path.name != FORMAT:
                shutil.rmtree(path)
    except OSError:
        shutil.rmtree(unfinished, ignore_errors=True)


def _name(kept: Kept) -> str:
    return f"{kept.offset:015d}-{kept.as_of_ms:015d}"


def _present(folder: Path) -> list[Path]:
    whole = (path for path in folder.iterdir() if not path.name.startswith(UNFINISHED)) if folder.is_dir() else ()
    return sorted(whole)


def _names() -> list[str]:
    return [name for name in (*NETWORK, *PROMPTS) if name != "words"]


def _read(place: Path) -> Kept:
    manifest = _manifest(place)
    empty = Kept()
    with ThreadPoolExecutor(THREADS) as threads:
        values = dict(
            zip(
                _names(),
                threads.map(lambda name: _value(place, name, manifest, getattr(empty, name)), _names()),
                strict=True,
            )
        )
    chunks = [_value(place, name, manifest, empty.words) for name in manifest.words]
    words = chunks[0] if len(chunks) == 1 else np.concatenate(chunks)
    kept = Kept(manifest.offset, manifest.as_of_ms, manifest.witness, place.name, words=words, **values)
    if int(kept.length.sum()) != len(words):
        raise _Damaged
    return kept


def _manifest(place: Path) -> Manifest:
    return msgspec.json.decode((place / MANIFEST).read_bytes(), type=Manifest)


def _value(place: Path, name: str, manifest: Manifest, like: Array | pa.Table) -> Any:
    """An array or table of the type of `like`. A table lies where its file does, and is read when it is used."""
    data = pa.memory_map(str(place / name)).read_buffer() if (place / name).stat().st_size else pa.py_buffer(b"")
    if zlib.crc32(data) != manifest.files.get(name):
        raise _Damaged
    if isinstance(like, pa.Table):
        return pa.ipc.open_file(data).read_all()
    return np.frombuffer(data, like.dtype).reshape(-1, *like.shape[1:])


def _write(place: Path, kept: Kept, before: Path | None) -> None:
    files = {name: _put(place / name, getattr(kept, name)) for name in _names()}
    words = _linked(place, before) if before is not None else {}
    done = sum((place / name).stat().st_size for name in words) // kept.words.itemsize
    if done < len(kept.words) or not words:
        name = f"words-{len(words)}"
        words[name] = _put(place / name, kept.words[done:])
    manifest = Manifest(kept.offset, kept.as_of_ms, kept.witness, files | words, list(words))
    (place / MANIFEST).write_bytes(msgspec.json.encode(manifest))


def _linked(place: Path, before: Path) -> dict[str, int]:
    """Links the chunks of words that a state extends, unless there are too many; checksums by name."""
    manifest = _manifest(before)
    if len(manifest.words) >= CHUNKS_MAX:
        return {}
    for name in manifest.words:
        os.link(before / name, place / name)
    return {name: manifest.files[name] for name in manifest.words}


def _put(path: Path, values: Array | pa.Table) -> int:
    if isinstance(values, pa.Table):
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, values.schema) as writer:
            writer.write_table(values.combine_chunks())
        return zlib.crc32(pa.memory_map(str(path)).read_buffer())
    data = np.ascontiguousarray(values).data.cast("B") if values.size else b""
    path.write_bytes(data)
    return zlib.crc32(data)
