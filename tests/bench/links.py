"""Detection step by step, by size: `python -m tests.bench.links --accounts 10000 100000 1000000` prints one JSON line a
step. Kernels are compiled, and the model's parts loaded, in a small run before.

The records are drawn so that 2 % of the accounts are in rings that share devices, cards, addresses and prompts, a tenth
are in households and offices, and the rest share campus and carrier addresses. Ten links an account.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from gnn.network import LABEL_SCHEMA
from gnn.predict import predict
from graphsvc.clusters.campaigns import campaigns
from graphsvc.clusters.evidence import cluster_evidence
from graphsvc.clusters.find import find_clusters
from graphsvc.clusters.ids import stable_ids
from graphsvc.clusters.material import material_of
from graphsvc.clusters.results import Campaigns, Run, Verdicts, results_of, write_results
from graphsvc.clusters.strength import strengths
from graphsvc.config import load_settings
from graphsvc.events.record import Fingerprint, Identifier, Record
from graphsvc.jobs.models import load_model
from graphsvc.jobs.observe import Observed
from graphsvc.ledger.base import Stored
from graphsvc.links.pairs import evidence_of, pairs_of
from graphsvc.links.tables import LinkTables

START_MS = 1_750_000_000_000
DAY_MS = 86_400_000
T = TypeVar("T")


class Drawn:
    """Records drawn on the fly: the part of a ledger that link tables read, without its disk."""

    def __init__(self, accounts: int, requests: int) -> None:
        self._accounts, self._requests = accounts, requests

    def offset(self) -> int:
        return self._accounts * (2 + self._requests)

    def scan(self, after: int = 0, batch: int = 50_000) -> Iterator[list[Stored]]:
        rng = random.Random(7)
        rows: list[Stored] = []
        for offset in range(after + 1, self.offset() + 1):
            rows.append(Stored(offset, _record(rng, offset, self._accounts)))
            if len(rows) == batch:
                yield rows
                rows = []
        if rows:
            yield rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, nargs="+", default=[10_000], help="sizes, one after the other")
    parser.add_argument("--requests", type=int, default=4, help="requests an account")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _steps(Path(folder) / "warm", 2000, options.requests, lambda *_: None)
        for accounts in sorted(options.accounts):
            _steps(Path(folder) / str(accounts), accounts, options.requests, _print)


def _steps(
    folder: Path, accounts: int, requests: int, report: Callable[[str, int, int, float, float, int], None]
) -> None:
    ledger, tables = Drawn(accounts, requests), LinkTables(folder / "links")
    model, moment_ms = load_model(load_settings(data=folder).places.active_model), START_MS + 60 * DAY_MS
    links, whole, worked = 0, 0.0, 0.0

    def step(name: str, work: Callable[[], T], rows: Callable[[T], int]) -> T:
        nonlocal whole, worked
        started, busy = time.perf_counter(), time.process_time()
        result = work()
        seconds, busy = time.perf_counter() - started, time.process_time() - busy
        whole, worked = whole + seconds, worked + busy
        report(name, accounts, links, seconds, busy, rows(result))
        return result

    step("draw", lambda: sum(len(rows) for rows in ledger.scan()), int)
    step("draw and sync", lambda: tables.sync(ledger), int)
    whole = worked = 0.0
    # As a first detection makes it, which keeps what later ones go on from.
    view = step("view", lambda: tables.view(moment_ms, going_on=True), lambda seen: len(seen.links))
    links = len(view.links)
    nothing = LABEL_SCHEMA.empty_table()
    evidence = step("evidence of pairs", lambda: evidence_of(view), lambda of: len(of.bits))
    found = step("pairs", lambda: pairs_of(evidence), len)
    clusters = step("clusters", lambda: find_clusters(view, found, evidence=evidence), lambda of: int(of.max()) + 1)
    observed = Observed(view, found, clusters, nothing, 0, {})
    judged = step("scores", lambda: predict(model, observed.network), lambda it: len(it.account_probability))
    clusters, share = judged.clusters, judged.cluster_probability
    joined = step("campaigns", lambda: campaigns(view, clusters, share), lambda it: len(it.links))
    pieces = step("evidence", lambda: cluster_evidence(view, clusters, found), len)
    material = step("material", lambda: material_of(view, clusters, found), lambda it: len(it.holds))
    taken = step("taken", lambda: tables.taken(moment_ms, view.accounts["account_id"], clusters), len)
    ids = step("ids", lambda: stable_ids(None, view.accounts["account_id"].to_pylist(), clusters, moment_ms), len)
    results = results_of(
        run=Run(moment_ms, 0, model.version, 0),
        view=view,
        clusters=clusters,
        ids=ids,
        verdicts=Verdicts(
            judged.account_probability, share, judged.cluster_low, judged.cluster_high, judged.cluster_kind
        ),
        evidence=pieces,
        confirmed=np.zeros(len(clusters), bool),
        strengths=strengths(found, clusters),
        campaigns=Campaigns([None] * len(ids), joined.links),
    )
    results = replace(results, material=replace(material, taken=taken))
    step("results", lambda: write_results(folder / "results.sqlite", results), lambda _: len(ids))
    report("view to results", accounts, links, whole, worked, len(ids))


def _print(step: str, accounts: int, links: int, seconds: float, busy: float, rows: int) -> None:
    """`processor_seconds` are those of all threads, `peak_gib` is the process's so far, that of the largest size yet."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    line = {
        "step": step,
        "accounts": accounts,
        "links": links,
        "rows": rows,
        "seconds": round(seconds, 2),
        "processor_seconds": round(busy, 2),
        "peak_gib": round(peak, 2),
    }
    print(json.dumps(line), flush=True)


def _record(rng: random.Random, offset: int, accounts: int) -> Record:
    """One of an account's events, in the order of rounds: all sign up, all pay, then the requests."""
    round_, account = divmod(offset - 1, accounts)
    at_ms = START_MS + rng.randrange(50) * DAY_MS + rng.randrange(DAY_MS)
    name, group = f"acct-{account:08d}", _group(account, accounts)
    if round_ == 0:
        domain = "example.org" if account % 3 else f"firm{group}.example"
        ids = _ids(email=_token("mail", account), mail_domain=domain, device=_token("device", group))
        return Record(f"s{offset}", "signup", name, at_ms, at_ms, ids)
    if round_ == 1:
        holder = account if account % 4 else group
        ids = _ids(instrument=_token("card", holder), bin=f"4{holder % 400:05d}")
        return Record(f"p{offset}", "payment", name, at_ms, at_ms, ids, payment_outcome="authorised", funding="debit")
    site = group if account % 5 else rng.randrange(accounts // 500 + 1)
    ids = _ids(
        ip=_token("ip", site * 4 + round_ % 3),
        subnet=f"10.{site >> 8 & 255}.{site & 255}.0/24",
        asn=f"AS{site % 500}",
        api_key=_token("key", account),
    )
    sketch = random.Random(group if account < accounts // 50 else offset).randbytes(4 * 43)
    fingerprint = Fingerprint(sketch, (), 900)
    return Record(f"r{offset}", "request", name, at_ms, at_ms, ids, fingerprint=fingerprint, model="m1", status=200)


def _ids(**named: str) -> tuple[Identifier, ...]:
    return tuple(Identifier(kind, value) for kind, value in named.items())


def _group(account: int, accounts: int) -> int:
    """Rings of 25 among the first 2 %, households and offices of 4 in the next 10 %, the rest alone."""
    if account < accounts // 50:
        return account // 25
    return accounts + account // 4 if account < accounts * 12 // 100 else 2 * accounts + account


def _token(kind: str, number: int) -> str:
    return f"{kind:_<6}{number:016x}"[:22]


if __name__ == "__main__":
    main()
