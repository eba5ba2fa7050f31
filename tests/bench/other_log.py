"""A second maker of event logs, written apart from `graphsvc simulate`, to see what a detector learnt beyond its own simulator.

`python -m tests.bench.other_log OUT --accounts 4000 --days 30 --seed 1 --scenario mixed` writes events.ndjson,
labels.ndjson and truth.csv into OUT. Requests are a sample of each account's traffic; part of the accounts is older
than the log, so that their sign-up is not in it. One seed gives `mixed`, `sparse` and `hashed` the same population, seen
through other fields.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from tests.bench.other_people import DAY_S, HOUR_S, SCENARIOS, Account, Json, Phase, World

START = datetime(2026, 3, 2, tzinfo=UTC)
MAX_TURNS = 8


class Log:
    """What the owner of the log gets to see of a world. Draws go on with the world's generator."""

    def __init__(self, world: World) -> None:
        self.world, self.rng, self.end_s, self.shows = world, world.rng, world.end_s, world.scenario.shows
        self.talks: dict[str, list[Json]] = {}
        self.pools: dict[str, list[str]] = {}

    def verdicts(self) -> list[Json]:
        """Late, partial, sometimes wrong. Half of the rings are never noticed. Bans end an account's life."""
        found = {a.ring: self.world.chance(0.5) for a in self.world.accounts}
        labels: list[Json] = []
        for account in self.world.accounts:
            asked = found[account.ring] and self.world.chance(0.5) if account.abusive else self.world.chance(0.04)
            since_s = max(0.0, account.phases[-1].start_s)
            decided_s = since_s + self.world.heavy(8, 0.7, 0.5, 60) * DAY_S
            if not asked or decided_s >= self.end_s:
                continue
            wrong = self.world.chance(0.05)
            label: Json = {"account_id": account.account_id, "decided_at": self.stamp(decided_s)}
            label["verdict"] = "abusive" if account.abusive != wrong else "benign"
            harsh = label["verdict"] == "abusive"
            label["source"] = self.world.pick(("enforcement", "review", "partner") if harsh else ("review", "appeal"))
            if not wrong and self.world.chance(0.6):
                label["kind"] = account.kind
            if account.abusive and not wrong and self.world.chance(0.3):
                label["operator_id"] = account.ring
            if label["source"] == "review":
                label["confidence"] = round(float(self.rng.uniform(0.6, 1.0)), 2)
            if harsh and self.world.chance(0.6):
                account.banned_s = decided_s
            labels.append(label)
        return sorted(labels, key=lambda label: str(label["decided_at"]))

    def stamp(self, second: float) -> str:
        return (START + timedelta(seconds=second)).isoformat(timespec="milliseconds")

    def times(self, phase: Phase) -> list[float]:
        """Request times: machines work around the clock, people in sessions around their own hour of the day."""
        start_s = max(0.0, phase.start_s)
        span_s = max(60.0, phase.end_s - start_s)
        if phase.automatic:
            return sorted((start_s + self.rng.random(phase.requests) * span_s).tolist())
        sittings = 1 + phase.requests // 4
        days = np.floor(self.rng.random(sittings) * span_s / DAY_S)
        hours = self.rng.normal(self.rng.normal(15, 4), 3, sittings) % 24
        first_s = start_s + ((days * DAY_S + hours * HOUR_S) % span_s)
        gaps_s = np.cumsum(self.rng.lognormal(4.5, 1.0, phase.requests))
        which = np.arange(phase.requests) % sittings
        return sorted((first_s[which] + gaps_s / sittings).tolist())

    def events(self) -> list[Json]:
        """All events in order of time. Conversations are told in that order, so that a hop continues what was said."""
        plain: list[tuple[float, Account, Phase, str]] = []
        for account in self.world.accounts:
            first = account.phases[0]
            plain.append((first.start_s, account, first, "signup"))
            if account.card:
                count = 1 + int(self.rng.poisson(0.6))
                paid = (
                    first.start_s + HOUR_S * self.rng.random(count) + 30 * DAY_S * np.arange(count) * self.rng.random()
                )
                plain += [(float(t), account, first, "payment") for t in paid]
            for phase in account.phases:
                asked = self.times(phase)
                plain += [(t, account, phase, "request") for t in asked]
                entries = [t for before, t in zip([-np.inf, *asked], asked, strict=False) if t - before > 2 * HOUR_S]
                often = 0.1 if phase.automatic else 0.6
                plain += [(t - 20.0, account, phase, "login") for t in entries if self.world.chance(often)]
            if account.banned_s < np.inf:
                plain.append((account.banned_s, account, account.phases[-1], "enforcement"))
        hidden = "" if self.shows & {"card", "bin"} else "payment"
        kept = [row for row in plain if 0 <= row[0] < self.end_s and row[0] <= row[1].banned_s and row[3] != hidden]
        kept.sort(key=lambda row: row[0])
        return [self.event(number, *row) for number, row in enumerate(kept)]

    def event(self, number: int, second: float, account: Account, phase: Phase, kind: str) -> Json:
        event: Json = {"event_id": f"ev-{number:010x}", "type": kind, "account_id": account.account_id}
        event["occurred_at"] = self.stamp(second)
        placed = kind in ("signup", "login", "payment") or (kind == "request" and "request_ip" in self.shows)
        if placed and phase.addresses and self.world.chance(0.97):
            event["ip"] = self.world.pick(phase.addresses, phase.stick)
        if account.org and self.world.chance(0.9):
            event["org_id"] = account.org
        if kind in ("signup", "login") and self.shows & {"device", "tls"}:
            event["device"] = {"user_agent": phase.agent}
            event["device"] |= (
                {"id": self.world.pick(phase.devices, 2.0)}
                if "device" in self.shows and self.world.chance(0.92)
                else {}
            )
            event["device"] |= {"tls": f"t13d{sum(map(ord, phase.agent)) % 9000:04d}h2"} if "tls" in self.shows else {}
        if kind == "signup":
            event["signup"] = self.signup(account)
            if account.own and "own" in self.shows:
                event["identifiers"] = [{"type": t, "value": v} for t, v in account.own]
            if account.inviter and "peers" in self.shows:
                event["peers"] = [{"account_id": account.inviter, "type": "invited_by"}]
        elif kind == "payment":
            event["payment"] = self.payment(account)
        elif kind == "request":
            event["request"] = self.request(second, account, phase)
        elif kind == "enforcement":
            event["enforcement"] = {"action": "banned"}
        return event

    def signup(self, account: Account) -> Json:
        facts: Json = {"email": account.mail}
        if account.phone and "phone" in self.shows:
            facts["phone"] = account.phone
        if "channel" in self.shows:
            facts |= {"channel": account.channel} | ({"referral_code": account.code} if account.code else {})
        return facts

    def payment(self, account: Account) -> Json:
        shown = {"method"} | ({"fingerprint"} if "card" in self.shows else set())
        shown |= {"bin", "funding"} if "bin" in self.shows else set()
        bad = self.world.chance(account.declines)
        outcome = self.world.pick(("declined", "declined", "charged_back")) if bad else "authorised"
        facts = {key: value for key, value in (account.card or {}).items() if key in shown}
        amount = self.world.pick((500, 1000, 2000, 2000, 10_000))
        return {**facts, "amount_minor": amount, "currency": "USD", "outcome": outcome}

    def request(self, second: float, account: Account, phase: Phase) -> Json:
        fresh = second > 0.6 * self.end_s and self.world.chance(0.5 if phase.automatic else 0.25)
        status = int(self.world.pick((429, 429, 529, 500))) if self.world.chance(phase.refused) else 200
        facts: Json = {"model": "deep-4" if fresh else self.world.pick(("swift-2", "deep-3")), "status": status}
        if "key" in self.shows and phase.automatic:
            facts["api_key_id"] = "key_" + account.account_id[2:12]
        told = self.told(account, phase)
        words = sum(message["content"].count(" ") + 1 for message in told)
        facts["input_tokens"] = words * 4 // 3
        facts["output_tokens"] = int(self.world.heavy(250, 1.0, 1, 8_000)) if status == 200 else 0
        if "prompt" in self.shows and self.world.chance(0.75):
            facts["messages"] = told[:-1]
        elif "chain" in self.shows:
            answered = [n for n, message in enumerate(told[:-1]) if message["role"] == "assistant"]
            chain = [hashlib.sha256(repr(told[: n + 1]).encode()).hexdigest()[:24] for n in answered]
            facts["fingerprint"] = {"version": 1, "sketch": "", "prefix_chain": chain, "length": words * 6}
        return facts

    def told(self, account: Account, phase: Phase) -> list[Json]:
        """The conversation with its newest answer last; it goes on from the account's own, or from the ring's."""
        key = account.account_id
        pool = self.pools.setdefault(phase.talk, [])
        if phase.talk and phase.hop and pool and self.world.chance(phase.hop):
            key = self.world.pick(pool[-30:])
        before = self.talks.get(key, [])
        if not before or len(before) >= 2 * MAX_TURNS or self.world.chance(1 / phase.writer.turns):
            before = [{"role": "system", "content": phase.writer.system}] if phase.writer.system else []
        answer = {"role": "assistant", "content": self.world.text(int(self.world.heavy(12, 0.5, 3, 40)))}
        now = [*before, {"role": "user", "content": self.world.ask(phase.writer)}, answer]
        self.talks[key] = now
        if phase.talk and key == account.account_id:
            pool.append(key)
        return now


def write(out: Path, log: Log) -> tuple[int, int]:
    """Writes the three files and returns the numbers of events and labels."""
    out.mkdir(parents=True, exist_ok=True)
    labels = log.verdicts()
    events = log.events()
    for name, rows in (("events.ndjson", events), ("labels.ndjson", labels)):
        with (out / name).open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
    seen = {event["account_id"] for event in events}
    with (out / "truth.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["account_id", "abusive", "kind", "ring", "operator", "group", "unit", "person"])
        for a in (a for a in log.world.accounts if a.account_id in seen):
            table.writerow((a.account_id, int(a.abusive), a.kind, a.ring, a.operator, a.group, a.unit, a.person))
    return len(events), len(labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--accounts", type=int, default=4_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scenario", choices=SCENARIOS, default="mixed")
    asked = parser.parse_args()
    scenario = SCENARIOS[asked.scenario]
    world = World(scenario, asked.accounts, asked.days, asked.seed)
    abusive = int(asked.accounts * world.rng.uniform(*scenario.abusive))
    world.innocents(asked.accounts - abusive)
    world.rings(abusive)
    events, labels = write(asked.out, Log(world))
    counts = {"accounts": len(world.accounts), "abusive": abusive, "events": events, "labels": labels}
    print(json.dumps({"case": f"other_log/{asked.scenario}", **counts}))


if __name__ == "__main__":
    main()
