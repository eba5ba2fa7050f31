"""Families and frames as their definitions say, slowly; and random sketches that are alike in part."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from math import isqrt

import numpy as np

MIN_HASHES = 32
SAMPLED = 64


def alike_sketches(seed: int, count: int = 40) -> list[bytes]:
    """Sketches of sets that are mixed from a few common ones, with samples of every length up to the full one."""
    rng = random.Random(seed)
    pools = [[rng.getrandbits(64) for _ in range(rng.randrange(5, 400))] for _ in range(4)]
    return [sketch_of(_mixture(rng, pools)) for _ in range(count)]


def sketch_of(shingles: set[int]) -> bytes:
    """A sketch of version 1's form of a set of 64-bit shingle hashes."""
    values = np.array(sorted(shingles), np.uint64)
    odd = np.random.default_rng(5).integers(2**63, size=(MIN_HASHES, 1), dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    signature = ((values[None, :] * odd) >> np.uint64(32)).min(axis=1).astype("<u4")
    low = np.unique((values[values < np.uint64(2**62)] & np.uint64(2**32 - 1)).astype("<u4"))
    return signature.tobytes() + low[:SAMPLED].tobytes()


def plain_similarity(one: bytes, other: bytes) -> float:
    """Jaccard similarity of shingles, as the two parts of both sketches together estimate it; 0 below 6 equal MinHashes."""
    a, b = (np.frombuffer(sketch, "<u4").tolist() for sketch in (one, other))
    equal = sum(x == y for x, y in zip(a[:MIN_HASHES], b[:MIN_HASHES], strict=True))
    if equal < 6:
        return 0.0
    reach = min([2**32, *(sample[-1] for sample in (a, b) if len(sample) == MIN_HASHES + SAMPLED)])
    ones, others = ({value for value in of[MIN_HASHES:] if value <= reach} for of in (a, b))
    return (equal + len(ones & others)) / (MIN_HASHES + len(ones | others))


def sample(sketch: bytes) -> list[int]:
    found: list[int] = np.frombuffer(sketch, "<u4")[MIN_HASHES:].tolist()
    return found


def plain_repeated(accounts: Sequence[Sequence[bytes]]) -> Counter[int]:
    """How many accounts repeat each shingle: in three prompts and in the root of their number."""
    out: Counter[int] = Counter()
    for prompts in accounts:
        times = Counter(value for sketch in prompts for value in sample(sketch))
        out.update(value for value, count in times.items() if count >= max(3, isqrt(len(prompts))))
    return out


def plain_askers(accounts: Sequence[Sequence[bytes]]) -> Counter[int]:
    """How many accounts of three prompts and more have each shingle."""
    sets = [{value for sketch in prompts for value in sample(sketch)} for prompts in accounts if len(prompts) >= 3]
    return Counter(value for values in sets for value in values)


def _mixture(rng: random.Random, pools: list[list[int]]) -> set[int]:
    pool = rng.choice(pools)
    own = {rng.getrandbits(64) for _ in range(rng.randrange(0, 60))}
    return set(rng.sample(pool, max(3, int(len(pool) * rng.random())))) | own
