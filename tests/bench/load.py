"""A load generator as a process of its own: requests at fixed moments, whether or not earlier ones were answered.

A request's time counts from the moment it was due, so that a stall counts for all that it held up (no coordinated
omission). One thread, one selector, raw sockets: `python -m tests.bench.load` reads a plan from standard input and
prints what came of it as one JSON line.
"""

from __future__ import annotations

import gc
import json
import random
import selectors
import socket
import sys
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

GIVE_UP_S = 10.0


@dataclass
class Plan:
    """`known`: ids of accounts that exist. `risk_rate` requests a second to /v1/risk; `ingest_rate` events a second to
    /v1/events, in batches."""

    port: int
    key: str
    seconds: float
    risk_rate: float
    ingest_rate: float = 0.0
    batch: int = 100
    record: bool = True
    connections: int = 32
    seed: int = 1
    known: list[str] = field(default_factory=list)


@dataclass
class Sent:
    due_s: float
    kind: str


class Connection:
    """One kept connection; at most one request is under way on it."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.sent: Sent | None = None
        self.buffer = b""

    def send(self, sent: Sent, data: bytes) -> None:
        self.sent, self.buffer = sent, b""
        self.socket.setblocking(True)
        self.socket.sendall(data)
        self.socket.setblocking(False)

    def receive(self) -> tuple[int, bytes] | None:
        """Status and body, once all is there. Raises OSError where the server closed."""
        block = self.socket.recv(65536)
        if not block:
            raise ConnectionResetError
        self.buffer += block
        head, end, body = self.buffer.partition(b"\r\n\r\n")
        if not end:
            return None
        place = head.lower().index(b"content-length:") + 15
        size = int(head[place:].split(b"\r\n", 1)[0])
        return (int(head[9:12]), body) if len(body) >= size else None


class Run:
    """Answers of one plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.times_ms: dict[str, list[float]] = {"risk": [], "events": []}
        self.server_ms: list[float] = []
        self.codes: Counter[str] = Counter()
        self.levels: Counter[str] = Counter()
        self.degraded: Counter[str] = Counter()
        self.accepted = 0
        self.rng = random.Random(plan.seed)
        self.selector = selectors.DefaultSelector()
        self.free: deque[Connection] = deque(self._connect() for _ in range(plan.connections))
        self.waiting: deque[tuple[float, str, bytes]] = deque()

    def go(self) -> dict[str, Any]:
        plan = self.plan
        due = [(turn / plan.risk_rate, "risk") for turn in range(int(plan.risk_rate * plan.seconds))]
        batches = plan.ingest_rate / plan.batch
        due += [(turn / batches, "events") for turn in range(int(batches * plan.seconds))]
        due.sort()
        # Made beforehand: what this process does at the moment itself would count as the server's delay.
        requests = deque(self._request(kind) for _, kind in due)
        gc.collect()
        gc.disable()
        start_s, place = time.perf_counter() + 0.1, 0
        under_way = 0
        while place < len(due) or self.waiting or under_way:
            now_s = time.perf_counter() - start_s
            if now_s > plan.seconds + GIVE_UP_S:
                break
            while place < len(due) and due[place][0] <= now_s:
                self.waiting.append((*due[place], requests.popleft()))
                place += 1
            while self.waiting and self.free:
                moment_s, kind, data = self.waiting.popleft()
                under_way += 1
                self.free.popleft().send(Sent(start_s + moment_s, kind), data)
            next_s = due[place][0] - now_s if place < len(due) else 0.1
            for key, _ in self.selector.select(max(min(next_s, 0.1), 0.0)):
                under_way -= self._take(key.data)
        unanswered = under_way + len(self.waiting) + len(due) - place
        return self._summary(unanswered, time.perf_counter() - start_s)

    def _connect(self) -> Connection:
        made = Connection(self.plan.port)
        self.selector.register(made.socket, selectors.EVENT_READ, made)
        return made

    def _take(self, connection: Connection) -> int:
        """Reads what came; 1 where that ended a request."""
        sent = connection.sent
        try:
            answer = connection.receive()
        except OSError as error:
            self.selector.unregister(connection.socket)
            connection.socket.close()
            self.free.append(self._connect())
            if sent is None:
                return 0
            self.codes[f"{sent.kind} {type(error).__name__}"] += 1
            return 1
        if answer is None or sent is None:
            return 0
        connection.sent = None
        self.free.append(connection)
        self._count(sent, *answer)
        return 1

    def _count(self, sent: Sent, status: int, body: bytes) -> None:
        self.codes[f"{sent.kind} {status}"] += 1
        if status not in (200, 202):
            return
        self.times_ms[sent.kind].append((time.perf_counter() - sent.due_s) * 1000)
        answer = json.loads(body)
        if sent.kind == "risk":
            self.server_ms.append(answer["latency_ms"])
            self.levels[answer["risk_level"]] += 1
            self.degraded.update(answer["degraded_reasons"])
        else:
            self.accepted += answer["accepted"]

    def _request(self, kind: str) -> bytes:
        if kind == "risk":
            body = json.dumps({"event": event(self.rng, self.plan.known), "record": self.plan.record})
        else:
            body = json.dumps({"events": [event(self.rng, self.plan.known) for _ in range(self.plan.batch)]})
        data = body.encode()
        head = (
            f"POST /v1/{kind} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.plan.key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        return head.encode() + data

    def _summary(self, unanswered: int, seconds: float) -> dict[str, Any]:
        answers = len(self.times_ms["risk"])
        return {
            "answers": answers,
            "achieved_per_s": round(answers / seconds, 1),
            **quantiles("", self.times_ms["risk"]),
            **quantiles("server_", self.server_ms),
            "codes": dict(self.codes),
            "unanswered": unanswered,
            "levels": dict(self.levels),
            "degraded": dict(self.degraded),
            "events_accepted_per_s": round(self.accepted / seconds, 1),
            **quantiles("events_", self.times_ms["events"]),
        }


def quantiles(prefix: str, times_ms: list[float]) -> dict[str, float]:
    if not times_ms:
        return {}
    values = np.percentile(times_ms, [50, 99, 99.9])
    return {f"{prefix}{name}_ms": round(float(v), 2) for name, v in zip(("p50", "p99", "p999"), values, strict=True)}


def event(rng: random.Random, known: list[str]) -> dict[str, Any]:
    """Half signups, of which some share a device or a card, a quarter logins and a quarter payments of known ones."""
    kind = rng.choice(("signup", "signup", "login", "payment"))
    name = f"{rng.getrandbits(60):015x}"
    account = f"bench-{name}" if kind == "signup" or not known else rng.choice(known)
    base: dict[str, Any] = {"event_id": name, "type": kind, "account_id": account}
    base |= {"occurred_at": datetime.now(UTC).isoformat(), "ip": f"198.18.{rng.randrange(256)}.{rng.randrange(256)}"}
    base["device"] = {"id": f"d{rng.randrange(200) if rng.random() < 0.2 else name}", "tls": f"t{rng.randrange(5)}"}
    if kind == "signup":
        base["signup"] = {"email": f"{name}@mail{rng.randrange(50)}.example"}
    if kind == "payment":
        card = f"c{rng.randrange(200) if rng.random() < 0.2 else name}"
        base["payment"] = {"method": "card", "fingerprint": card, "bin": "411111", "outcome": "authorised"}
    return base


def main() -> None:
    plan = Plan(**json.load(sys.stdin))
    print(json.dumps(Run(plan).go()), flush=True)


def plan_of(plan: Plan) -> str:
    return json.dumps(asdict(plan))


if __name__ == "__main__":
    main()
