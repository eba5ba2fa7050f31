"""Accounts and identifiers as 64-bit keys: compact to keep, quick to find, and of no use to whoever lacks the seed."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from graphsvc.config import Settings
from graphsvc.events.tokens import Tokeniser, load_key

Keys64 = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]
ABSENT = -1
SEED = secrets.randbits(64)
"""Of this process alone; processes that share a base have that of their deployment. Nobody can choose a mail domain
whose key is that of another identifier."""
_ALL = 2**64 - 1


def seed_of(settings: Settings) -> int:
    """The seed of a deployment, from its token key."""
    return int.from_bytes(Tokeniser(load_key(settings)).derived_key("index")[:8], "little")


def _hash(data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64], seeds: Keys64, out: Keys64) -> None:
    """Fill `out` with a key for each stretch of bytes; multiply and shift as in FNV and SplitMix64 (Steele 2014)."""
    for row in range(len(out)):
        key = seeds[row]
        for place in range(offsets[row], offsets[row + 1]):
            key = (key ^ np.uint64(data[place])) * np.uint64(0x9E3779B97F4A7C15)
            key ^= key >> np.uint64(29)
        key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        out[row] = key ^ (key >> np.uint64(31))


# For a handful of texts it costs more to let other threads run, and to wait for one's turn again, than to go on.
_hash_few = njit(cache=True)(_hash)
_hash_many = njit(cache=True, nogil=True)(_hash)


def account_key(account_id: str, seed: int = SEED) -> int:
    return int(_of_texts([account_id], np.array([seed], dtype=np.uint64))[0])


def account_keys(account_ids: Sequence[str], seed: int = SEED) -> Keys64:
    """A key for each account, uint64[n]."""
    return _of_texts(account_ids, np.full(len(account_ids), seed, dtype=np.uint64))


def identifier_keys(types: Sequence[str], ids: Sequence[str], seed: int = SEED) -> Keys64:
    """A key for each identifier, uint64[n]."""
    return _of_texts(ids, np.array([_seed_of(name, seed) for name in types], dtype=np.uint64))


def keys_of(account_id: str, types: Sequence[str], ids: Sequence[str], seed: int = SEED) -> Keys64:
    """The account's key and, after it, one for each identifier, uint64[1 + n]."""
    seeds = np.array([seed, *(_seed_of(name, seed) for name in types)], dtype=np.uint64)
    return _of_texts([account_id, *ids], seeds)


def account_column_keys(account_ids: pa.ChunkedArray | pa.Array, seed: int = SEED) -> Keys64:
    """`account_key` of each row of a string column."""
    return _of_column(account_ids, np.broadcast_to(np.uint64(seed), len(account_ids)))


def identifier_column_keys(
    type_code: npt.NDArray[np.int16], type_names: Sequence[str], ids: pa.ChunkedArray, seed: int = SEED
) -> Keys64:
    """`identifier_keys` of each row of a string column, types given by their place in `type_names`."""
    seeds = np.array([_seed_of(name, seed) for name in type_names], dtype=np.uint64)
    return _of_column(ids, seeds[type_code])


@lru_cache(maxsize=4096)
def _seed_of(identifier_type: str, seed: int) -> int:
    return int(_of_texts([identifier_type], np.array([~seed & _ALL], dtype=np.uint64))[0])


def _of_texts(texts: Sequence[str], seeds: Keys64) -> Keys64:
    if not texts:
        return np.zeros(0, dtype=np.uint64)
    parts = [text.encode("utf-8", "surrogatepass") for text in texts]
    offsets = np.array([0, *accumulate(map(len, parts))], dtype=np.int64)
    out = np.empty(len(parts), dtype=np.uint64)
    _hash_few(np.frombuffer(b"".join(parts), dtype=np.uint8), offsets, seeds, out)
    return out


def _of_column(column: pa.ChunkedArray | pa.Array, seeds: Keys64) -> Keys64:
    out = np.empty(len(column), dtype=np.uint64)
    start = 0
    for chunk in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
        whole = pa.concat_arrays([chunk.cast(pa.large_string())])
        _, offsets, data = whole.buffers()
        if not len(whole):
            continue
        places = np.frombuffer(offsets, dtype=np.int64)[whole.offset : whole.offset + len(whole) + 1]
        text = np.frombuffer(data, dtype=np.uint8) if data is not None else np.zeros(0, dtype=np.uint8)
        rows = slice(start, start + len(whole))
        _hash_many(text, places, np.ascontiguousarray(seeds[rows]), out[rows])
        start += len(whole)
    return out
