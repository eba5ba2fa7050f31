"""Prompts: speed of fingerprints, and precision and recall of families and frames: `python -m tests.bench.prompts`.

The families are built by tests.bench.prompt_families from a folder of public prompts, --prompts or the environment's
GRAPHSVC_BENCH_PROMPTS. One JSON line a case. Recall is of pairs of one family or ring, precision of pairs found.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from graphsvc.events.fingerprint import Fingerprinter
from graphsvc.links.families import families_of, sketches_of
from graphsvc.links.frames import Frames, Prompts, frames_of
from graphsvc.links.pairs import BITS_MIN
from graphsvc.links.weights import bits_of
from tests.bench.prompt_families import CASES, INNOCENTS, RINGS, Account, Sent, Texts, accounts, sent_prompts, texts_of

FINGERPRINTS = Fingerprinter(b"b" * 32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=Path, default=os.environ.get("GRAPHSVC_BENCH_PROMPTS"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scale", type=int, default=0, help="accounts of five prompts each: time and memory at size")
    options = parser.parse_args()
    if options.scale:
        at_size(options.scale)
    if options.prompts is None:
        print("No folder of prompts is given (--prompts), so no families are measured.", file=sys.stderr)
        return
    texts = texts_of(Path(options.prompts))
    speed(texts)
    families(sent_prompts(texts, families=25, size=8, strangers=4_000, seed=options.seed))
    for prompts in (5, 20):
        frames(accounts(texts, prompts, rings=15, innocents=600, seed=options.seed), prompts)


def speed(texts: Texts) -> None:
    """Prompts of 1 kB a second on one core: plain, and with characters outside ASCII in each."""
    whole = " ".join(texts.contents).encode("ascii", "ignore").decode()
    plain = [whole[start : start + 1000] for start in range(0, 2_000_000, 1000)]
    for name, prompts in (("plain", plain), ("not ascii", [f"{one[:997]}é’😀" for one in plain])):
        FINGERPRINTS.sketch(prompts[0])
        started = time.perf_counter()
        for prompt in prompts:
            FINGERPRINTS.sketch(prompt)
        rate = len(prompts) / (time.perf_counter() - started)
        _line(case="fingerprint", text=name, characters=1000, prompts_per_s=round(rate))


def families(sent: Sequence[Sent]) -> None:
    """Pairs of prompts that are in one family, by case; a pair over two cases or families is wrong."""
    found = families_of(_sketches(one.text for one in sent)).tolist()
    members: dict[int, list[Sent]] = {}
    for family, one in zip(found, sent, strict=True):
        members.setdefault(family, []).append(one)
    truth = Counter((one.case, one.family) for one in sent if one.family >= 0)
    said = quoted = 0
    hit: Counter[str] = Counter()
    for group in members.values():
        apart = [one for one in group if one.case != "quoted"]
        said += _pairs(len(apart))
        quoted += (len(group) - len(apart)) * bool(apart)
        for (case, _), count in Counter((one.case, one.family) for one in group if one.family >= 0).items():
            hit[case] += _pairs(count)
    right = hit.total()
    meant = {case: sum(_pairs(count) for (of, _), count in truth.items() if of == case) for case in CASES}
    for case in CASES:
        _line(case="family", change=case, recall=round(hit[case] / meant[case], 3), pairs=meant[case])
    recall = right / sum(meant.values())
    _line(case="family", change="all", precision=round(right / max(said, 1), 4), recall=round(recall, 3))
    _line(case="family", quoted_texts=sum(one.case == "quoted" for one in sent), taken_into_families=quoted)


def frames(people: Sequence[Account], prompts: int) -> None:
    """Pairs of accounts that share a frame of BITS_MIN bits or more, by the ring's case; the innocents that are in one."""
    found, start = _frames(people)
    account = np.searchsorted(start, found.prompt, side="right") - 1
    held = sorted(set(zip(found.frame.tolist(), account.tolist(), strict=True)))
    degree = np.bincount([frame for frame, _ in held], minlength=len(found.ids)).astype(np.int32)
    bits = bits_of(pa.chunked_array([["prompt_frame"] * len(found.ids)], pa.string()), degree, len(people))
    holders: dict[int, list[int]] = {}
    for frame, row in held:
        if bits[frame] >= BITS_MIN:
            holders.setdefault(frame, []).append(row)
    linked = {pair for rows in holders.values() for pair in combinations(rows, 2)}
    right = Counter(people[a].case for a, b in linked if _one_ring(people[a], people[b]))
    wrong = [(a, b) for a, b in linked if not _one_ring(people[a], people[b])]
    blamed = Counter(people[row].case for row in {row for pair in wrong for row in pair if people[row].ring < 0})
    sizes = Counter((one.case, one.ring) for one in people if one.ring >= 0)
    for case in RINGS:
        meant = sum(_pairs(count) for (of, _), count in sizes.items() if of == case)
        _line(case="frame", ring=case, prompts=prompts, recall=round(right[case] / meant, 3), pairs=meant)
    for case in INNOCENTS:
        count = sum(one.case == case for one in people)
        _line(case="frame", innocent=case, prompts=prompts, accounts=count, linked=blamed[case])
    precision = round(right.total() / max(len(linked), 1), 4)
    _line(case="frame", prompts=prompts, precision=precision, frames=len(found.ids))


def at_size(count: int) -> None:
    """Accounts of five distinct prompts, of 1 kB as sketches go: one in fifty is in a ring of 20 with one frame, a fifth
    of all prompts stand under one of 100 vendors' prompts, and each has a dozen phrases from a long-tailed language."""
    rng = np.random.default_rng(3)
    prompts, sampled = 5 * count, 40
    words = rng.integers(2**32, size=(prompts, 32 + sampled), dtype=np.uint32)
    ring = np.arange(prompts) // 5 // 20
    member = np.arange(prompts) // 5 < count // 50
    common = (rng.integers(2**32, size=(count // 20 + 1, 8), dtype=np.uint32))[ring]
    words[member, 32:40] = common[member]
    under = np.flatnonzero(rng.random(prompts) < 0.2)
    vendor = rng.integers(100, size=len(under))
    theirs = rng.integers(2**32, size=(100, 48), dtype=np.uint32)[vendor]
    kept = rng.random((len(under), 32)) < 0.5
    words[under, :32] = np.where(kept, theirs[:, :32], words[under, :32])
    words[under, 44:60] = theirs[:, 32:]
    phrases = np.minimum(rng.zipf(1.3, size=(prompts, 12)), 2**31).astype(np.uint32) * np.uint32(2654435761)
    words[:, 60:] = phrases
    words[:, 32:].sort(axis=1)
    start = np.arange(prompts + 1, dtype=np.int64) * (32 + sampled)
    buffers = [None, pa.py_buffer(start * 4), pa.py_buffer(words)]
    sketches = sketches_of(pa.chunked_array([pa.Array.from_buffers(pa.large_binary(), prompts, buffers)]))
    small = sketches_of(pa.chunked_array([[b"\0" * 256] * 9], pa.binary()))
    families_of(small)
    frames_of(small, Prompts(np.arange(0, 10, 3), np.arange(9, dtype=np.int32)))
    started = time.perf_counter()
    families_of(sketches)
    _sized("families", count, time.perf_counter() - started)
    started = time.perf_counter()
    found = frames_of(sketches, Prompts(np.arange(count + 1) * 5, np.arange(prompts, dtype=np.int32)))
    _sized("frames", count, time.perf_counter() - started, frames=len(found.ids))


def _frames(people: Sequence[Account]) -> tuple[Frames, np.ndarray]:
    start = np.cumsum([0, *(len(one.prompts) for one in people)])
    sketches = _sketches(text for one in people for text in one.prompts)
    return frames_of(sketches, Prompts(start, np.arange(start[-1], dtype=np.int32))), start


def _sketches(texts: Iterable[str]):
    return sketches_of(pa.chunked_array([[FINGERPRINTS.sketch(text) for text in texts]], pa.binary()))


def _one_ring(one: Account, other: Account) -> bool:
    return one.ring >= 0 and (one.case, one.ring) == (other.case, other.ring)


def _pairs(count: int) -> int:
    return count * (count - 1) // 2


def _sized(step: str, count: int, seconds: float, **more: int) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    _line(case=f"size/{step}", accounts=count, seconds=round(seconds, 2), peak_gib=round(peak, 2), **more)


def lines(printed: str) -> list[dict[str, Any]]:
    """The figures of what was printed, a line each."""
    return [json.loads(line) for line in printed.splitlines()]


def _line(**figures: object) -> None:
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
