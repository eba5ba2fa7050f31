"""The lifecycle of clusters, slow and plain: the oracle of the fast one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from math import floor

from graphsvc.clusters.lifecycle import (
    ARCHIVE_MAX,
    EVENTS_MAX,
    HANDOVER_MS,
    MEMBERS_MAX,
    OVERLAP_MIN,
    PREDECESSORS_MAX,
    QUIET_MS,
    SUCCESSOR_BITS,
    THINGS_MAX,
)
from graphsvc.links.pairs import REMAINDER
from graphsvc.links.weights import weight_of


@dataclass(frozen=True)
class Cluster:
    """`evidence`: (type, id, counter) by rank; `things`: bits by (type, id)."""

    members: frozenset[str]
    first_ms: int
    last_ms: int
    evidence: tuple[tuple[str, str, bool], ...] = ()
    things: dict[tuple[str, str], float] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    at_ms: int
    everyone: frozenset[str]
    clusters: dict[str, Cluster]


@dataclass
class Closed:
    merged_into: str
    closed_ms: int
    first_ms: int
    last_ms: int
    size: int
    things: frozenset[tuple[str, str]]


Say = Callable[..., None]
Event = tuple[int, str, str, int, int, int, float]
"""at_ms, event, other, accounts, size, since_ms, bits"""


class Book:
    """History and archive, brought on run by run."""

    def __init__(self) -> None:
        self.history: dict[str, dict[tuple[int, str, str], Event]] = defaultdict(dict)
        self.archive: dict[str, Closed] = {}
        self.members: dict[str, str] = {}

    def turn(self, last: Run | None, now: Run) -> None:
        old = last.clusters if last else {}
        before = set(self.archive)
        found: list[tuple[str, Event]] = []

        def say(who: str, event: str, other: str, accounts: int, size: int, since_ms: int, bits: float = 0.0) -> None:
            found.append((who, (now.at_ms, event, other, accounts, size, since_ms, bits)))

        for name, cluster in now.clusters.items():
            size = len(cluster.members)
            if name in old:
                stayed = len(cluster.members & old[name].members)
                if size > stayed:
                    say(name, "grew", "", size - stayed, size, cluster.last_ms)
                if len(old[name].members) > stayed:
                    say(name, "shrank", "", len(old[name].members) - stayed, size, cluster.last_ms)
            elif name not in before:
                origin, brought = most({one: it.members for one, it in old.items()}, cluster.members)
                if origin:
                    say(name, "split_from", origin, brought, size, cluster.first_ms)
                    say(origin, "split_into", name, brought, size, cluster.first_ms)
                else:
                    say(name, "born", "", size, size, cluster.first_ms)
        for name, cluster in now.clusters.items():
            quiet = cluster.last_ms < now.at_ms - QUIET_MS
            if quiet and name not in before:
                say(name, "closed", "", len(cluster.members), len(cluster.members), cluster.last_ms)
                self.archive[name] = closed(cluster, "", now.at_ms)
            if not quiet and name in before:
                say(name, "reopened", "", len(cluster.members), len(cluster.members), self.archive.pop(name).closed_ms)
        for name, cluster in old.items():
            if name not in now.clusters:
                self._end(name, cluster, now, before, say)
        ordered = sorted(self.archive, key=lambda one: (-self.archive[one].closed_ms, -self.archive[one].size, one))
        self.archive = {name: self.archive[name] for name in ordered[:ARCHIVE_MAX]}
        self._succeed(now, say)
        self._keep(now, found)

    def _end(self, name: str, cluster: Cluster, now: Run, before: set[str], say: Say) -> None:
        heir, brought = most({one: it.members for one, it in now.clusters.items()}, cluster.members)
        size = len(cluster.members)
        if heir:
            say(name, "merged_into", heir, brought, size, cluster.last_ms)
            say(heir, "absorbed", name, brought, size, cluster.last_ms)
        elif name not in before:
            say(name, "closed", "", 0, size, cluster.last_ms)
        if not heir:
            self.members |= dict.fromkeys(sorted(cluster.members)[:MEMBERS_MAX], name)
        if name in before:
            known = self.archive[name]
            known.merged_into, known.last_ms = heir or known.merged_into, max(known.last_ms, cluster.last_ms)
        else:
            self.archive[name] = closed(cluster, heir, now.at_ms)

    def _succeed(self, now: Run, say: Say) -> None:
        for new, live in now.clusters.items():
            if live.last_ms < now.at_ms - QUIET_MS:
                continue
            options = []
            for old, gone in self.archive.items():
                in_time = live.first_ms > gone.first_ms and live.first_ms >= gone.last_ms - HANDOVER_MS
                if gone.merged_into or old == new or not in_time:
                    continue
                both = [key for key in gone.things if live.things.get(key, 0) > 0]
                bits = together({key: live.things[key] for key in both})
                if bits >= SUCCESSOR_BITS:
                    options.append((-bits, old, len(both)))
            for bits, old, things in sorted(options)[:PREDECESSORS_MAX]:
                gone = self.archive[old]
                if not any(event[1:3] == ("succeeds", old) for event in self.history[new].values()):
                    say(new, "succeeds", old, things, gone.size, gone.last_ms, -bits)
                if not any(event[1:3] == ("succeeded_by", new) for event in self.history[old].values()):
                    say(old, "succeeded_by", new, things, len(live.members), live.first_ms, -bits)

    def _keep(self, now: Run, found: list[tuple[str, Event]]) -> None:
        for name, event in found:
            self.history[name][event[:3]] = event
        for name in list(self.history):
            order = sorted(self.history[name], key=lambda key: (-key[0], key[1], key[2]))
            kept = {*order[: EVENTS_MAX - 1], *([min(order)] if order else [])}
            if name not in now.clusters and name not in self.archive:
                kept = set()
            self.history[name] = {key: self.history[name][key] for key in kept}
        clustered = {account for cluster in now.clusters.values() for account in cluster.members}
        self.members = {
            account: name
            for account, name in self.members.items()
            if account in now.everyone and account not in clustered and name in self.archive
        }


def closed(cluster: Cluster, merged_into: str, at_ms: int) -> Closed:
    things = [(kind, name) for kind, name, counter in cluster.evidence[:THINGS_MAX] if name and not counter]
    return Closed(merged_into, at_ms, cluster.first_ms, cluster.last_ms, len(cluster.members), frozenset(things))


def most(groups: dict[str, frozenset[str]], members: frozenset[str]) -> tuple[str, int]:
    """The group with most of the members, and how many; ("", 0) where it is fewer than OVERLAP_MIN."""
    counts = [(-len(group & members), name) for name, group in groups.items()]
    count, name = min(counts, default=(0, ""))
    return (name, -count) if -count >= OVERLAP_MIN else ("", 0)


def together(things: dict[tuple[str, str], float]) -> float:
    """Bits of several things: the best of each group, and a quarter of the others, at most as much again; halves round up, as in SQL."""
    parts: dict[str, list[int]] = defaultdict(list)
    for (kind, _), bits in things.items():
        parts[weight_of(kind).group].append(floor(bits * 1000 + 0.5))
    total = 0
    for values in parts.values():
        best = max(values)
        total += floor(best + min(best, REMAINDER * (sum(values) - best)) + 0.5)
    return total / 1000
