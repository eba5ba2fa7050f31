"""An event log with its labels, and what may be done to it that must change no score."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from graphsvc.events.tokens import normal_email

JsonObject = dict[str, Any]
Rename = Callable[[str], str]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PUBLIC_MAIL = frozenset({"gmail.com", "outlook.com", "hotmail.com", "icloud.com", "proton.me", "yahoo.com"})


def at_ms(line: JsonObject) -> int:
    """When an event occurred or a label was decided."""
    text = line.get("occurred_at") or line["decided_at"]
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(milliseconds=1)


def rfc3339(ms: int) -> str:
    return (EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class Log:
    """Events and labels in the order of their lines. No method changes the log that it is called on."""

    events: tuple[JsonObject, ...]
    labels: tuple[JsonObject, ...] = ()

    @staticmethod
    def read(folder: Path) -> Log:
        """The files that `graphsvc simulate` leaves, its truth aside."""
        texts = ((folder / f"{name}.ndjson").read_text(encoding="utf-8") for name in ("events", "labels"))
        return Log(*(tuple(map(json.loads, text.splitlines())) for text in texts))

    def write(self, folder: Path) -> tuple[str, str]:
        """Paths of the two files."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, lines in (("events", self.events), ("labels", self.labels)):
            (folder / f"{name}.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))
        return str(folder / "events.ndjson"), str(folder / "labels.ndjson")

    @property
    def accounts(self) -> list[str]:
        return sorted({event["account_id"] for event in self.events})

    @property
    def end_ms(self) -> int:
        return max(map(at_ms, self.events))

    def until(self, moment_ms: int) -> Log:
        """What had occurred and was decided by the moment, itself included."""
        return Log(*(tuple(line for line in part if at_ms(line) <= moment_ms) for part in (self.events, self.labels)))

    def moment(self, share: float) -> int:
        """When this share of the events had occurred."""
        times = sorted(map(at_ms, self.events))
        return times[min(int(share * len(times)), len(times) - 1)]

    def shuffled(self, seed: int) -> Log:
        chance = random.Random(seed)
        return Log(*(tuple(chance.sample(part, len(part))) for part in (self.events, self.labels)))

    def plus(self, other: Log) -> Log:
        return Log(self.events + other.events, self.labels + other.labels)

    def each_event(self, change: Callable[[JsonObject], JsonObject]) -> Log:
        return replace(self, events=tuple(map(change, self.events)))

    def accounts_renamed(self, rename: Rename) -> Log:
        """Other names for the same accounts, in events, labels and peers."""

        def renamed(line: JsonObject) -> JsonObject:
            out = line | {"account_id": rename(line["account_id"])}
            if "peers" in out:
                out["peers"] = [peer | {"account_id": rename(peer["account_id"])} for peer in out["peers"]]
            return out

        return Log(tuple(map(renamed, self.events)), tuple(map(renamed, self.labels)))


def bijection(names: Iterable[str], seed: int, prefix: str = "") -> Rename:
    """Gives each name another one, made by chance. With an empty prefix the names are dealt anew among themselves."""
    known = sorted(set(names))
    chance = random.Random(seed)
    new = [f"{prefix}{number:012x}" for number in chance.sample(range(16**12), len(known))] if prefix else known[:]
    chance.shuffle(new)
    return dict(zip(known, new, strict=True)).__getitem__


def other_strings(seed: int) -> Callable[[JsonObject], JsonObject]:
    """Renames whatever names a thing and not what it is: mailboxes, own mail domains, phones, devices, instruments,
    organisations, referral codes, keys, identifiers of the caller's own, event ids. One name, one new name."""
    known: dict[tuple[str, str], str] = {}
    chance = random.Random(seed)

    def new(kind: str, name: str) -> str:
        return known.setdefault((kind, name), f"{kind}{chance.randrange(16**14):014x}")

    def mail(raw: str) -> str:
        box, domain = normal_email(raw)
        return f"{new('m', box)}@{domain if domain in PUBLIC_MAIL else new('d', domain) + '.example'}"

    def phone(raw: str) -> str:
        return "+" + str(int(new("p", raw)[1:], 16)).zfill(17)[:15]

    def renamed(event: JsonObject) -> JsonObject:
        out = event | {"event_id": new("e", event["event_id"])}
        if "org_id" in out:
            out["org_id"] = new("o", out["org_id"])
        if "id" in out.get("device", ()):
            out["device"] = out["device"] | {"id": new("v", out["device"]["id"])}
        for part, changes in (
            ("signup", {"email": mail, "phone": phone, "referral_code": lambda raw: new("r", raw)}),
            ("payment", {"fingerprint": lambda raw: new("f", raw)}),
            ("request", {"api_key_id": lambda raw: new("k", raw)}),
        ):
            if part in out:
                given = {name: change(out[part][name]) for name, change in changes.items() if name in out[part]}
                out[part] = out[part] | given
        return out

    return renamed


def without_texts(event: JsonObject) -> JsonObject:
    """The event without the words of a prompt."""
    if "messages" not in event.get("request", ()):
        return event
    return event | {"request": {name: value for name, value in event["request"].items() if name != "messages"}}
