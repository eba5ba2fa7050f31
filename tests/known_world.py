"""A small world written by hand: who belongs together is known, and none of it comes from the simulator."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.examples import JsonObject

START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 21
RING = 30
WORDS = [
    "river",
    "stone",
    "market",
    "garden",
    "engine",
    "letter",
    "winter",
    "bridge",
    "paper",
    "number",
    "window",
    "forest",
    "music",
    "doctor",
    "kitchen",
    "island",
    "harbour",
    "village",
    "planet",
    "history",
    "science",
    "animal",
    "colour",
    "summer",
    "weather",
    "journey",
    "teacher",
    "machine",
    "story",
    "mountain",
]


@dataclass
class World:
    """Events in order of time, and the true groups by name: rings, campus, carrier, household, alone."""

    events: list[JsonObject] = field(default_factory=list)
    groups: dict[str, list[str]] = field(default_factory=dict)

    def write(self, path: Path) -> str:
        path.write_text("".join(json.dumps(event) + "\n" for event in self.events))
        return str(path)

    def before(self, moment: datetime) -> World:
        return World([e for e in self.events if datetime.fromisoformat(e["occurred_at"]) <= moment], self.groups)


@dataclass(frozen=True)
class Person:
    """How one account lives: where from, on what, with what mail, card and questions."""

    account: str
    addresses: list[str]
    device: str
    mail: str
    card: str | None = None
    template: str | None = None
    requests: int = 12
    joined: timedelta = timedelta()


def known_world(seed: int = 5) -> World:
    """About 500 accounts: three rings of 30, a campus of 220, a carrier's 150, ten households, sixty alone."""
    rng = random.Random(seed)
    people: list[Person] = []
    groups: dict[str, list[str]] = {}

    def join(group: str, person: Person) -> None:
        people.append(person)
        groups.setdefault(group, []).append(person.account)

    names = [f"acct-{rng.randrange(16**10):010x}" for _ in range(1_000)]
    take = names.pop

    def day() -> timedelta:
        return timedelta(minutes=rng.randrange(8 * 24 * 60))

    def home() -> str:
        return f"{rng.randrange(60, 200)}.{rng.randrange(250)}.{rng.randrange(250)}.{rng.randrange(1, 250)}"

    def mail() -> str:
        return f"{rng.choice(WORDS)}{rng.randrange(10**6)}@{rng.choice(['gmail.com', 'outlook.com', 'web.example'])}"

    for i in range(RING):
        address = [f"203.0.113.{rng.randrange(9)}", f"203.0.113.{rng.randrange(9)}"]
        join("ring_devices", Person(take(), address, f"farm-{i % 2}", mail(), requests=25))
    for i in range(RING):
        address = [f"198.51.100.{rng.randrange(12)}"]
        tagged = f"stock+{i}@gmail.com"
        join("ring_cards", Person(take(), address, f"v{i % 3}", tagged, f"card-{i % 2}", requests=4))
    for i in range(RING):
        frame = "You are grading an answer. Think step by step and give the full chain of reasoning about"
        address = [f"192.0.2.{rng.randrange(20)}", f"192.0.2.{rng.randrange(20)}"]
        join("ring_prompts", Person(take(), address, f"p{i % 4}", mail(), template=frame, requests=30))
    for i in range(220):
        join("campus", Person(take(), ["131.107.9.9", home()], f"c{i}", f"s{i}@uni.example", joined=day()))
    for i in range(150):
        addresses = [f"100.64.7.{rng.randrange(2)}", f"100.64.7.{rng.randrange(2)}"]
        join("carrier", Person(take(), addresses, f"m{i}", mail(), f"own-{i}", joined=day()))
    for i in range(10):
        address = home()
        for j in range(2):
            join("household", Person(take(), [address], f"h{i}-{j}", mail(), f"family-{i}", joined=day()))
    for i in range(60):
        join("alone", Person(take(), [home(), home()], f"a{i}", mail(), f"solo-{i}", joined=day()))
    events = [event for person in people for event in _life(person, rng)]
    events.sort(key=lambda event: (event["occurred_at"], event["event_id"]))
    return World(events, groups)


def _life(person: Person, rng: random.Random) -> list[JsonObject]:
    moment = START + person.joined + timedelta(minutes=rng.randrange(600))

    def event(kind: str, at: datetime, **facts: object) -> JsonObject:
        base = {"event_id": f"{rng.randrange(16**16):016x}", "type": kind, "account_id": person.account}
        device = {"id": f"dev-{person.device}", "tls": rng.choice(["t1", "t2", "t3"])}
        return base | {"occurred_at": at.isoformat(), "ip": rng.choice(person.addresses), "device": device} | facts

    out = [event("signup", moment, signup={"email": person.mail, "channel": "web"})]
    if person.card:
        paid = {"method": "card", "fingerprint": person.card, "funding": "credit", "outcome": "authorised"}
        out.append(event("payment", moment + timedelta(minutes=5), payment=paid))
    left = (START + timedelta(days=DAYS) - moment).total_seconds()
    for at in sorted(rng.uniform(600, left) for _ in range(person.requests)):
        words = " ".join(rng.choices(WORDS, k=14))
        text = f"{person.template} {words[:40]}" if person.template else words
        request = {"model": "m-1", "status": 200, "input_tokens": 60, "output_tokens": 300}
        request["messages"] = [{"role": "user", "content": text}]
        out.append(event("request", moment + timedelta(seconds=at), request=request))
    return out
