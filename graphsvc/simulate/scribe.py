"""Writes events and labels in the contract's form, and nothing of the truth."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import UNSET

from graphsvc.events.types import Device, Enforcement, Event, EventType, Label, Message, Payment, Request, Signup
from graphsvc.simulate.dice import Dice
from graphsvc.simulate.member import Member
from graphsvc.simulate.people import Card
from graphsvc.simulate.spool import Spool

CHARACTERS_PER_TOKEN = 4.1
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
AMOUNTS = (500, 1000, 2000, 2000, 2000, 2500, 5000, 10000, 20000)


def moment(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)


class Scribe:
    """Takes down what happens to the accounts of one world."""

    def __init__(self, events: Spool, labels: Spool) -> None:
        self._events, self._labels = events, labels
        self._encode = msgspec.json.Encoder().encode
        self.events = self.requests = self.labels = 0

    def signup(self, member: Member, ip: str, device: Device, dice: Dice) -> None:
        facts = Signup(
            email=member.mail,
            phone=member.phone or UNSET,
            referral_code=member.referral or UNSET,
            channel=member.channel,
            plan=member.plan,
            country=member.country,
        )
        self._event(
            member.signup_ms, _event("signup", member, member.signup_ms, dice, ip=ip, device=device, signup=facts)
        )

    def login(self, member: Member, ms: int, ip: str, device: Device, dice: Dice) -> None:
        self._event(ms, _event("login", member, ms, dice, ip=ip, device=device))

    def payment(self, member: Member, card: Card, ms: int, outcome: str, dice: Dice) -> None:
        facts = Payment(
            method=card.method,  # type: ignore[arg-type]
            outcome=outcome,  # type: ignore[arg-type]
            fingerprint=card.fingerprint,
            bin=card.bin or UNSET,
            funding=card.funding,  # type: ignore[arg-type]
            amount_minor=dice.one(AMOUNTS),
            currency=card.currency,
        )
        self._event(ms, _event("payment", member, ms, dice, payment=facts))

    def request(self, member: Member, ms: int, ip: str, device: Device, asked: Asked, dice: Dice) -> None:
        facts = Request(
            model=asked.model,
            status=asked.status,
            api_key_id=member.key or UNSET,
            input_tokens=8 + int(sum(len(m.content) for m in asked.messages) / CHARACTERS_PER_TOKEN),
            output_tokens=asked.output_tokens,
            messages=asked.messages,
            tools=list(member.habits.tools) or UNSET,
        )
        self.requests += 1
        self._event(ms, _event("request", member, ms, dice, ip=ip, device=device, request=facts))

    def enforcement(self, member: Member, ms: int, action: str, reason: str, dice: Dice) -> None:
        facts = Enforcement(action=action, reason=reason)  # type: ignore[arg-type]
        self._event(ms, _event("enforcement", member, ms, dice, enforcement=facts))

    def label(self, label: Label, ms: int) -> None:
        self._labels.add(ms, self._encode(label) + b"\n")
        self.labels += 1

    def _event(self, ms: int, event: Event) -> None:
        self._events.add(ms, self._encode(event) + b"\n")
        self.events += 1


class Asked(msgspec.Struct, frozen=True):
    """One request as it went: what was asked, of which model, and what came back."""

    messages: list[Message]
    model: str
    status: int
    output_tokens: int


def _event(kind: EventType, member: Member, ms: int, dice: Dice, **facts: Any) -> Event:
    org = UNSET if member.org is None or kind == "enforcement" else member.org
    return Event(dice.hex(24), kind, member.account_id, moment(ms), org, **facts)
