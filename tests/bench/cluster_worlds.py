"""Worlds for the comparison of clusterings: two makers of logs that were written apart, and a crowd drawn as links alone.

A world is a view as of its end and, for each account, its ring (-1 for innocents), its operator and whether it is
abusive.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphsvc.config import load_settings
from graphsvc.evaluation.truth import read_truth
from graphsvc.jobs.ingest import ingest_events
from graphsvc.jobs.observe import latest_ms, quiet, sync_tables
from graphsvc.jobs.train import of_world
from graphsvc.ledger import open_ledger
from graphsvc.links.queries import FACTS, TIMES
from graphsvc.links.tables import LinkTables
from graphsvc.links.view import LinkView
from graphsvc.links.weights import bits_of
from graphsvc.simulate import load_world, simulate
from tests.bench.other_people import SCENARIOS

SIMULATED = ("plain", "evasive", "poisoned", "flash")
OTHER = ("mixed", "sparse", "weak", "huge_ring")


@dataclass(frozen=True)
class World:
    """`ring` int64[N], -1 for innocents and for abusive accounts of no ring; `unit` int64[N]: the operator of abusive
    accounts, the household or campus of innocents; `abusive` bool[N]."""

    name: str
    view: LinkView
    ring: npt.NDArray[np.int64]
    unit: npt.NDArray[np.int64]
    abusive: npt.NDArray[np.bool_]


def made(name: str, folder: Path, accounts: int, days: int, seed: int) -> World:
    """One world of either maker, its files and tables under `folder`."""
    files = folder / "world"
    if name not in SCENARIOS:
        spec = msgspec.structs.replace(load_world(name), accounts=accounts, days=days, seed=seed)
        simulate(spec, files)
    else:
        sizes = ["--accounts", str(accounts), "--days", str(days), "--seed", str(seed)]
        command = [sys.executable, "-m", "tests.bench.other_log", str(files), *sizes, "--scenario", name]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    settings = of_world(load_settings(), folder / "data")
    ingest_events(settings, str(files / "events.ndjson"))
    with closing(open_ledger(settings)) as ledger:
        tables = LinkTables(settings.places.links)
        sync_tables(tables, ledger, quiet)
        view = tables.view(latest_ms(tables, ledger))
    truth = read_truth(files / "truth.csv", view.accounts["account_id"].to_pylist())
    return World(name, view, truth.ring, truth.unit, truth.abusive)


START_MS, DAY_MS = 1_750_000_000_000, 86_400_000
POOLS = {
    "device": (3.0, 0.7),
    "ip": (4.0, 1.0),
    "instrument": (5.0, 0.6),
    "prompt_family": (30.0, 0.8),
    "subnet": (60.0, 1.0),
    "mail_domain": (100.0, 0.5),
}
"""Things of an account by type: how many accounts of its unit there are to one, and the chance to use the unit's."""


def drawn(accounts: int, seed: int) -> World:
    """A crowd drawn as links alone, for speed at any size: a twentieth of the accounts in rings of 10 to 2,000, a third
    in households and offices of 2 to 60, the others alone."""
    rng = np.random.default_rng(seed)
    abusive = np.arange(accounts) < accounts // 20
    grouped = np.arange(accounts) < accounts // 20 + accounts // 3
    sizes = np.where(rng.random(accounts) < 0.5, rng.geometric(0.3, accounts) + 1, rng.integers(2, 60, accounts))
    rings = np.exp(rng.uniform(np.log(10), np.log(2000), accounts)).astype(np.int64)
    unit = np.arange(accounts, dtype=np.int64) + accounts
    unit[grouped] = np.repeat(np.arange(accounts), sizes)[: grouped.sum()] + 3 * accounts
    unit[abusive] = np.repeat(np.arange(accounts), rings)[: abusive.sum()]
    _, unit = np.unique(unit, return_inverse=True)
    order = rng.permutation(accounts)
    unit, abusive, grouped = unit.reshape(-1)[order], abusive[order], grouped[order]
    ring = np.where(abusive, unit, -1)
    return World("drawn", _links(rng, unit, grouped), ring, unit, abusive)


def _links(rng: np.random.Generator, unit: npt.NDArray[np.int64], grouped: npt.NDArray[np.bool_]) -> LinkView:
    count, size = len(unit), np.bincount(unit)
    rows, names, of = [], [], []
    for code, (few, chance) in enumerate(POOLS.values()):
        pool = np.maximum(size[unit] / few, 1).astype(np.int64)
        shared = grouped & (rng.random(count) < chance)
        # Own things have numbers past all pools; a tenth of them are of a crowd, as a carrier's address is.
        crowd = rng.integers(0, max(count // 2000, 1), count)
        own = np.where(rng.random(count) < 0.1, crowd, count + np.arange(count))
        rows.append(np.arange(count))
        names.append(np.where(shared, unit * 1000 + (rng.random(count) * pool).astype(np.int64), -1 - own))
        of.append(np.full(count, code))
    account, name, code = (np.concatenate(part) for part in (rows, names, of))
    keys, identifier, degree = np.unique(np.stack([code, name]), axis=1, return_inverse=True, return_counts=True)
    types = pa.array(list(POOLS)).take(pa.array(keys[0]))
    seen_ms = START_MS + rng.integers(0, 50 * DAY_MS, len(account))
    identifiers = pa.table({"type": types, "id": pa.array(np.arange(len(degree))).cast(pa.string())})
    bits = bits_of(pa.chunked_array([types]), degree.astype(np.int32), count)
    for column, values in (
        ("degree", degree.astype(np.int32)),
        ("bits", bits),
        ("first_ms", np.zeros(len(degree), int)),
    ):
        identifiers = identifiers.append_column(column, pa.array(values))
    order = np.lexsort((identifier.reshape(-1), account))
    links = {
        "account": account[order].astype(np.int32),
        "identifier": identifier.reshape(-1)[order].astype(np.int32),
        "first_ms": seen_ms[order],
        "last_ms": seen_ms[order],
        "count": np.ones(len(order), np.int32),
    }
    accounts = {"account_id": pa.array(np.arange(count)).cast(pa.string())}
    accounts |= {one: pa.array(np.full(count, START_MS)) for one in TIMES}
    accounts |= {one: pa.array(rng.random(count).astype(np.float32)) for one in FACTS}
    peers = pa.table(
        {"source": pa.array([], pa.int32()), "target": pa.array([], pa.int32()), "weight": pa.array([], pa.float32())}
    )
    return LinkView(START_MS + 60 * DAY_MS, pa.table(accounts), identifiers, pa.table(links), peers)
