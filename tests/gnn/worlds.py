"""Small seeded account networks with rings, campuses, offices and households, made without the rest of graphsvc."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import pyarrow as pa
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from gnn.groups import group_index
from gnn.network import FACTS, LABEL_SCHEMA, PAIR_SCHEMA, PEER_SCHEMA, Network
from gnn.targets import Example

DAY_MS = 86_400_000
NOW_MS = 1_780_000_000_000
PAIR_BITS = 8.0
HUB_DEGREE = 100
POPULATION_MIN = 10_000
PRIOR = {"ip": 0.6, "mail_domain": 0.5, "bin": 0.4, "org": 0.5}


@dataclass
class World:
    """Accounts in order of creation; `ring` and `kind` are the truth, for labels and for evaluation only."""

    created_ms: list[int] = field(default_factory=list)
    ring: list[int] = field(default_factory=list)
    group: list[int] = field(default_factory=list)
    kind: list[str] = field(default_factory=list)
    facts: list[dict[str, float]] = field(default_factory=list)
    links: list[tuple[int, str, str, int]] = field(default_factory=list)
    groups: int = 0

    @property
    def abusive(self) -> np.ndarray:
        return np.array(self.ring) >= 0


def make_world(seed: int, *, singles: int = 500, rings: int = 12, campuses: int = 2, offices: int = 6) -> World:
    """Rings of 8 to 20 accounts made within two days that share devices, cards and a mail domain in part; campuses
    behind one address, offices with an organisation and an address, households with an address and a device."""
    random = np.random.default_rng(seed)
    world = World()
    for _ in range(singles):
        _add(world, random, random.integers(0, 90), "", -1)
    for index in range(rings):
        _ring(world, random, index)
    for _ in range(campuses):
        _crowd(world, random, int(random.integers(110, 140)), "shared_network", ("ip",))
    for _ in range(offices):
        _crowd(world, random, int(random.integers(6, 25)), "shared_organisation", ("ip", "org", "mail_domain"))
    for _ in range(singles // 12):
        _crowd(world, random, int(random.integers(2, 5)), "household", ("ip", "device"))
    return world


def _ring(world: World, random: np.random.Generator, index: int) -> None:
    start, size = float(random.uniform(5, 85)), int(random.integers(8, 20))
    name = f"r{index}"
    kind = ("distillation", "resale_relay", "trial_farm")[index % 3]
    for _ in range(size):
        account = _add(world, random, start + float(random.uniform(0, 2)), kind, index)
        for identifier, share, many in (
            ("device", 0.7, 3),
            ("instrument", 0.5, 3),
            ("ip", 0.5, 2),
            ("mail_domain", 0.6, 1),
        ):
            if random.random() < share:
                world.links.append((account, identifier, f"{name}-{random.integers(many)}", world.created_ms[account]))
        world.group[account] = world.groups
    world.groups += 1


def _crowd(world: World, random: np.random.Generator, size: int, kind: str, shared: tuple[str, ...]) -> None:
    for _ in range(size):
        account = _add(world, random, float(random.uniform(0, 90)), kind, -1)
        for identifier in shared:
            world.links.append((account, identifier, f"g{world.groups}", world.created_ms[account]))
        world.group[account] = world.groups
    world.groups += 1


def _add(world: World, random: np.random.Generator, day: float, kind: str, ring: int) -> int:
    account, bad = len(world.created_ms), ring >= 0
    world.created_ms.append(NOW_MS - int((91 - day) * DAY_MS))
    world.ring.append(ring)
    world.group.append(-1)
    world.kind.append(kind)
    requests = float(random.lognormal(3.5 if bad else 3.0, 0.8))
    facts = {
        "events": requests + 3,
        "logins": float(random.integers(1, 20)),
        "requests": requests,
        "active_days": float(random.integers(1, 30)),
        "declined_share": float(random.beta(1, 8)),
        "prepaid_share": float(random.random() < (0.5 if bad else 0.15)),
        "status_429_share": float(random.beta(2, 20) if bad else random.beta(1, 20)),
        "hour_entropy": float(random.normal(2.6 if bad else 2.3, 0.4)),
    }
    world.facts.append(facts)
    for identifier in ("email", "device", "ip", "instrument"):
        if random.random() < 0.8:
            world.links.append((account, identifier, f"a{account}-{identifier}", world.created_ms[account]))
    return account


def example_of(world: World, *, known_share: float = 0.0, seed: int = 0, order: np.ndarray | None = None) -> Example:
    """The world as an example: every account's truth is an outcome, `known_share` of the rings' accounts is known."""
    random = np.random.default_rng(seed)
    known = world.abusive & (random.random(len(world.ring)) < known_share)
    network = network_of(world, known=known, order=order)
    return Example(network, labels_of(world, np.ones(len(world.ring), dtype=bool), NOW_MS + 30 * DAY_MS, order))


def labels_of(world: World, chosen: np.ndarray, decided_ms: int, order: np.ndarray | None = None) -> pa.Table:
    """Labels by the truth for `chosen` bool[N] accounts."""
    rows = [row for row in (range(len(world.ring)) if order is None else order) if chosen[row]]
    place = _places(len(world.ring), order)
    return pa.table(
        {
            "account": [int(place[row]) for row in rows],
            "verdict": ["abusive" if world.ring[row] >= 0 else "benign" for row in rows],
            "kind": [world.kind[row] or None for row in rows],
            "operator_id": [f"op{world.ring[row]}" if world.ring[row] >= 0 else None for row in rows],
            "decided_ms": [decided_ms] * len(rows),
            "source": ["review"] * len(rows),
            "confidence": [1.0] * len(rows),
        },
        schema=LABEL_SCHEMA,
    )


def network_of(world: World, *, known: np.ndarray | None = None, order: np.ndarray | None = None) -> Network:
    """The network; `order` int[N] lists the accounts in the order their rows shall have, under new ids."""
    count = len(world.ring)
    rows = np.arange(count) if order is None else order
    place = _places(count, order)
    degree: dict[tuple[str, str], set[int]] = defaultdict(set)
    for account, kind, name, _ in world.links:
        degree[kind, name].add(int(place[account]))
    keys = sorted(degree)
    number = {key: index for index, key in enumerate(keys)}
    bits = {key: _bits(key[0], len(degree[key]), count) for key in keys}
    links = sorted((int(place[account]), number[kind, name], at) for account, kind, name, at in world.links)
    pairs = _pairs(degree, bits)
    return Network(
        as_of_ms=NOW_MS,
        accounts=_accounts(world, rows),
        identifiers=pa.table(
            {
                "type": pa.array([key[0] for key in keys], pa.string()),
                "id": pa.array([key[1] for key in keys], pa.string()),
                "degree": pa.array([len(degree[key]) for key in keys], pa.int32()),
                "bits": pa.array([bits[key] for key in keys], pa.float32()),
                "first_ms": pa.array([NOW_MS] * len(keys), pa.int64()),
            }
        ),
        links=pa.table(
            {
                "account": pa.array([link[0] for link in links], pa.int32()),
                "identifier": pa.array([link[1] for link in links], pa.int32()),
                "first_ms": pa.array([link[2] for link in links], pa.int64()),
                "last_ms": pa.array([link[2] + DAY_MS for link in links], pa.int64()),
                "count": pa.array([1] * len(links), pa.int32()),
            }
        ),
        peers=PEER_SCHEMA.empty_table(),
        pairs=pairs,
        clusters=_clusters(pairs, count),
        labels=labels_of(world, np.zeros(count, dtype=bool) if known is None else known, NOW_MS - DAY_MS, order),
    )


def _places(count: int, order: np.ndarray | None) -> np.ndarray:
    place = np.arange(count)
    if order is not None:
        place[order] = np.arange(count)
    return place


def _accounts(world: World, rows: np.ndarray) -> pa.Table:
    created = [world.created_ms[row] for row in rows]
    columns: dict[str, pa.Array] = {
        "account_id": pa.array([f"acc-{index:06d}" for index in range(len(rows))], pa.string()),
        "created_ms": pa.array(created, pa.int64()),
        "first_ms": pa.array(created, pa.int64()),
        "last_ms": pa.array([at + DAY_MS for at in created], pa.int64()),
    }
    for name in FACTS:
        columns[name] = pa.array([world.facts[row].get(name, 0.0) for row in rows], pa.float32())
    return pa.table(columns)


def _bits(kind: str, degree: int, count: int) -> float:
    return (
        0.0
        if degree > HUB_DEGREE
        else max(PRIOR.get(kind, 1.0) * float(np.log2(max(count, POPULATION_MIN) / degree)), 0.0)
    )


def _pairs(degree: dict[tuple[str, str], set[int]], bits: dict[tuple[str, str], float]) -> pa.Table:
    total: dict[tuple[int, int], float] = defaultdict(float)
    groups: dict[tuple[int, int], int] = defaultdict(int)
    for key, accounts in degree.items():
        if bits[key] > 0:
            for pair in combinations(sorted(accounts), 2):
                total[pair] += bits[key]
                groups[pair] |= 1 << group_index(key[0])
    kept = sorted(pair for pair, value in total.items() if value >= PAIR_BITS)
    return pa.table(
        {
            "a": [pair[0] for pair in kept],
            "b": [pair[1] for pair in kept],
            "bits": [total[pair] for pair in kept],
            "groups": [groups[pair] for pair in kept],
        },
        schema=PAIR_SCHEMA,
    )


def _clusters(pairs: pa.Table, count: int) -> np.ndarray:
    a, b = pairs["a"].to_numpy(), pairs["b"].to_numpy()
    _, component = connected_components(coo_matrix((np.ones(len(a)), (a, b)), shape=(count, count)), directed=False)
    size = np.bincount(component, minlength=count)
    kept = np.flatnonzero(size >= 2)
    number = np.full(len(size), -1, dtype=np.int32)
    number[kept] = np.arange(len(kept))
    return number[component]
