"""Timing and conversations against the truth of simulated worlds: `python -m tests.bench.timing --worlds plain evasive`
prints one JSON line a case; `--scale 1000000` measures seconds and memory on moments drawn at random.

A world's null has each account's requests moved by a few minutes of its own. Conversations are linked as they were sent,
and with histories trimmed and system prompts exchanged; beside them the links of the first prefix of a history.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import resource
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from itertools import combinations
from pathlib import Path

import msgspec
import numpy as np

from graphsvc.config import load_settings
from graphsvc.events.arrive import Arrival
from graphsvc.events.chain import MODEL_ROLES, windows
from graphsvc.events.types import Event, Message, epoch_ms
from graphsvc.ledger.base import Stored
from graphsvc.links.conversations import NONE, Chains, conversations_of
from graphsvc.links.moments import moments_of
from graphsvc.links.tables import LinkTables
from graphsvc.links.timing import Shared, timings_of
from graphsvc.links.view import LinkView
from graphsvc.simulate import load_world, simulate

FOREVER_MS = 2**60
KEY = b"k" * 32
NULLS = 5
MOVED_MINUTES = 14
Truth = dict[str, dict[str, str]]
Pairs = set[tuple[str, str]]
Edit = Callable[[list[Message]], list[Message]]


class Kept:
    """Records in memory: the part of a ledger that link tables read."""

    def __init__(self, stored: list[Stored]) -> None:
        self._stored = stored

    def offset(self) -> int:
        return len(self._stored)

    def scan(self, after: int = 0, batch: int = 50_000) -> Iterable[list[Stored]]:
        for start in range(after, len(self._stored), batch):
            yield self._stored[start : start + batch]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", nargs="*", default=["plain", "evasive"])
    parser.add_argument("--accounts", type=int, default=3000)
    parser.add_argument("--seeds", type=int, nargs="*", default=[5])
    parser.add_argument("--scale", type=int, default=0)
    options = parser.parse_args()
    if options.scale:
        measure_scale(2000)
        print(json.dumps(measure_scale(options.scale)), flush=True)
        return
    for name in options.worlds:
        for seed in options.seeds:
            with tempfile.TemporaryDirectory() as folder:
                measure_world(Path(folder), name, options.accounts, seed)


def measure_world(folder: Path, name: str, accounts: int, seed: int) -> None:
    """All figures of one world."""
    simulate(msgspec.structs.replace(load_world(name), accounts=accounts, seed=seed), folder)
    with (folder / "truth.csv").open(encoding="utf-8", newline="") as rows:
        truth = {row["account_id"]: row for row in csv.DictReader(rows)}
    decode = msgspec.json.Decoder(Event).decode
    events = [decode(line) for line in (folder / "events.ndjson").read_bytes().splitlines()]
    case = {"world": name, "accounts": accounts, "seed": seed}
    arrival = Arrival(load_settings(data=folder / "data"))
    stored = [Stored(place, arrival.draft(event, 0).record) for place, event in enumerate(events, 1)]
    print(json.dumps(case | timing_figures(view_of(folder / "links", stored), truth)), flush=True)
    false = [len(view_of(folder / f"null{turn}", moved(stored, turn)).timings) for turn in range(NULLS)]
    print(json.dumps(case | {"case": "timing, null", "pairs": false}), flush=True)
    for label, edit in (("as sent", _as_sent), ("trimmed", _trimmed), ("another system prompt", _other_system)):
        for method, link in (("windows", by_windows), ("first prefix", by_prefix)):
            figures = pair_figures(link(events, edit), truth)
            print(json.dumps(case | {"case": f"conversations, {label}", "by": method} | figures), flush=True)


def view_of(folder: Path, stored: list[Stored]) -> LinkView:
    tables = LinkTables(folder)
    tables.sync(Kept(stored))  # type: ignore[arg-type]
    return tables.view(FOREVER_MS)


def moved(stored: Sequence[Stored], turn: int) -> list[Stored]:
    """Each account's events by a few minutes of its own earlier or later."""
    rng = random.Random(turn)
    names = sorted({one.record.account_id for one in stored})
    by_ms = {name: rng.randrange(-MOVED_MINUTES, MOVED_MINUTES + 1) * 60_000 for name in names}
    return [
        Stored(
            one.offset,
            msgspec.structs.replace(one.record, occurred_ms=one.record.occurred_ms + by_ms[one.record.account_id]),
        )
        for one in stored
    ]


def timing_figures(view: LinkView, truth: Truth) -> dict[str, object]:
    names = view.accounts["account_id"].to_pylist()
    rows = view.timings.to_pylist()
    pairs = {(names[row["a"]], names[row["b"]]) for row in rows}
    reasons = Counter(row["reason"] for row in rows)
    return {"case": "timing", "reasons": dict(reasons)} | pair_figures(pairs, truth)


def pair_figures(pairs: Pairs, truth: Truth) -> dict[str, object]:
    """How many pairs, what share lies within one unit and within one ring, rings with a pair, and whom else they hit."""
    rings = {row["ring"] for row in truth.values() if row["ring"]}
    within = [truth[a]["ring"] for a, b in pairs if truth[a]["ring"] and truth[a]["ring"] == truth[b]["ring"]]
    unit = sum(truth[a]["unit"] == truth[b]["unit"] for a, b in pairs)
    others = Counter(truth[one]["group"] for pair in pairs for one in pair if truth[one]["abusive"] == "0")
    return {
        "pairs": len(pairs),
        "within_unit": round(unit / max(len(pairs), 1), 3),
        "within_ring": round(len(within) / max(len(pairs), 1), 3),
        "rings_touched": f"{len(set(within))}/{len(rings)}",
        "innocent_ends": dict(others.most_common()),
    }


def by_windows(events: Sequence[Event], edit: Edit) -> Pairs:
    """Pairs of accounts that hold one conversation, as the link tables join them; orgs left aside."""
    asked = sorted(_requests(events, edit), key=lambda one: (one[0], one[1]))
    names = sorted({one[0] for one in asked})
    row = {name: place for place, name in enumerate(names)}
    chained = [(name, at_ms, windows(told, KEY), told) for name, at_ms, told in asked]
    chained = [one for one in chained if one[2]]
    chains = Chains(
        start=np.concatenate([[0], np.cumsum([len(one[2]) for one in chained])]).astype(np.int64),
        window=np.array([_key(link) for one in chained for link in one[2]], np.int64),
        account=np.array([row[one[0]] for one in chained], np.int32),
        occurred_ms=np.array([one[1] for one in chained], np.int64),
        asked=np.array([_key(one[3][-1].content) for one in chained], np.int64),
    )
    holders: dict[int, set[str]] = defaultdict(set)
    for number, one in zip(conversations_of(chains)[0].tolist(), chained, strict=True):
        if number != NONE:
            holders[number].add(one[0])
    return _pairs(holders.values())


def by_prefix(events: Sequence[Event], edit: Edit) -> Pairs:
    """Pairs of accounts whose histories begin alike up to the model's first words."""
    holders: dict[str, set[str]] = defaultdict(set)
    for name, _, told in _requests(events, edit):
        answered = [place for place, one in enumerate(told) if one.role in MODEL_ROLES]
        if answered:
            holders[repr([(one.role, one.content) for one in told[: answered[0] + 1]])].add(name)
    return _pairs(holders.values())


def _requests(events: Sequence[Event], edit: Edit) -> Iterable[tuple[str, int, list[Message]]]:
    for event in events:
        if isinstance(event.request, msgspec.UnsetType) or isinstance(event.request.messages, msgspec.UnsetType):
            continue
        if event.request.messages:
            yield event.account_id, epoch_ms(event.occurred_at), edit(list(event.request.messages))


def _as_sent(told: list[Message]) -> list[Message]:
    return told


def _trimmed(told: list[Message]) -> list[Message]:
    """What a client with a short memory sends: the last two turns and the question."""
    return [*[one for one in told if one.role == "system"], *[one for one in told if one.role != "system"][-5:]]


def _other_system(told: list[Message]) -> list[Message]:
    """A system prompt that is another one in each request."""
    rest = [one for one in told if one.role != "system"]
    return [Message("system", f"Session {_key(rest[-1].content)}."), *rest]


def _pairs(groups: Iterable[set[str]]) -> Pairs:
    return {pair for group in groups if len(group) <= 128 for pair in combinations(sorted(group), 2)}


def _key(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little", signed=True)


def measure_scale(accounts: int) -> dict[str, object]:
    """Seconds and memory of timing on 7.5 requests an account, each account with some 3.6 shared things."""
    rng = np.random.default_rng(1)
    requests = accounts * 15 // 2
    account = np.sort(rng.integers(0, accounts, requests)).astype(np.int32)
    hour_ms = ((rng.normal(14, 4, requests) % 24) * 3_600_000).astype(np.int64)
    at_ms = rng.integers(0, 30, requests) * 86_400_000 + hour_ms
    at_ms = at_ms[np.lexsort((at_ms, account))]
    status = np.where(rng.random(requests) < 0.03, 429, 200).astype(np.int16)
    shared = _shared(accounts, rng)
    before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    started, used = time.perf_counter(), time.process_time()
    found = timings_of(*moments_of(account, at_ms, status, accounts), shared)
    seconds, cpu = time.perf_counter() - started, time.process_time() - used
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {
        "case": "timing, scale",
        "accounts": accounts,
        "requests": requests,
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu, 2),
        "peak_mb": peak_mb,
        "peak_mb_before": before_mb,
        "pairs": len(found),
    }


def _shared(accounts: int, rng: np.random.Generator) -> Shared:
    """Things of 2, 5, 20, 100 and 450 accounts."""
    holders, things, following = [], [], 0
    for size, share in ((2, 0.6), (5, 0.5), (20, 0.5), (100, 1.0), (450, 1.0)):
        chosen = rng.choice(accounts, int(accounts * share), replace=False)
        holders.append(chosen)
        things.append(following + np.arange(len(chosen)) // size)
        following = int(things[-1][-1]) + 1
    holder, thing = np.concatenate(holders), np.concatenate(things)
    order = np.lexsort((thing, holder))
    start = np.searchsorted(holder[order], np.arange(accounts + 1)).astype(np.int64)
    return Shared(start, thing[order].astype(np.int32), np.bincount(thing).astype(np.int32))


if __name__ == "__main__":
    main()
