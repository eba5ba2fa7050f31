"""An evidence pack in plain words; what speaks against it is said as loudly as what speaks for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

import numpy as np

from graphsvc.clusters.words import TIES
from graphsvc.links.pairs import BITS_MIN

THINGS = {
    "ip": "network address",
    "asn": "network operator",
    "api_key": "API key",
    "tls": "client program",
    "org": "organisation",
    "prompt_family": "prompt template",
    "prompt_frame": "prompt frame",
    "email": "mailbox",
    "bin": "card issuer range",
}


class Why(Protocol):
    @property
    def type(self) -> str: ...


class Link(Protocol):
    @property
    def bits(self) -> float: ...
    @property
    def reasons(self) -> Sequence[Why]: ...
    @property
    def first_ms(self) -> int: ...
    @property
    def last_ms(self) -> int: ...
    @property
    def part(self) -> int: ...
    @property
    def rest(self) -> int: ...
    @property
    def weak(self) -> bool: ...


class Worth(Protocol):
    @property
    def type(self) -> str: ...
    @property
    def held_without(self) -> int: ...


class Tried(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def outcome(self) -> str: ...


def thing(identifier_type: str) -> str:
    """A type of identifier as a person says it."""
    return THINGS.get(identifier_type) or identifier_type.replace("_", " ")


def bond_text(bits: float, kinds: Sequence[str], ties: Sequence[str], shared: int, together: bool) -> str:
    """One line on what a link of the tree rests on: things of these kinds, of `shared` in all; `ties`; and, where
    `together`, weak things that few have together."""
    named = list(dict.fromkeys(thing(kind) for kind in kinds))
    parts = [f"both have the same {_listed(named)}"] if named else []
    if named and shared > len(kinds):
        parts[0] += f", of {_count(shared, 'shared thing')} in all"
    parts += [f"they {TIES[tie]}" for tie in ties]
    if together:
        parts.append("several weak things that few have together count too")
    little = ", too little for two accounts alone" if bits < BITS_MIN else ""
    return f"{bits:.1f} bits{little}: {'; '.join(parts) or 'many small things that both have'}."


def fate_text(part: int, rest: int, others: int) -> str:
    """One line on what becomes of the cluster without a link."""
    if others:
        still = f"{_count(others, 'further pair')} would still join its two sides, of {part:,} and {rest:,} accounts"
        return f"Without this link {still}."
    return f"Without this link {_count(part, 'account')} would be apart from the other {rest:,}."


def discount_text(
    members: int, size: int, degree: int, rarity: float, prior: float, hub: float, recency: float, bits: float
) -> str:
    """One line on what a thing is worth."""
    who = f"{members:,} of {size:,} members and {_count(degree - members, 'other account')} have it"
    if hub <= 0:
        return f"{who}: so many that it counts for nothing."
    product = f"{rarity:.1f} bits of rarity × {prior:.2f} for its type × {hub:.2f} for its holders"
    return f"{who}: {product} × {recency:.2f} for its age = {bits:.1f} bits."


def pack_text(
    members: int,
    parts: Sequence[int],
    bonds: Sequence[Link],
    weakest: Sequence[Link],
    things: Sequence[Worth],
    tried: Sequence[Tried],
    hubs: Sequence[object],
) -> str:
    """What holds the cluster together, how firmly, and what else would explain it."""
    said = (_held(members, parts, bonds), _fragile(weakest, bonds), _single(parts, things), _against(tried, hubs))
    return " ".join(text for text in said if text)


def _held(members: int, parts: Sequence[int], bonds: Sequence[Link]) -> str:
    if not bonds:
        return f"No pair of these {members:,} accounts carries enough bits by itself."
    bits = [bond.bits for bond in bonds]
    counts: dict[str, int] = {}
    for bond in bonds:
        for kind in {thing(reason.type) for reason in bond.reasons[:1]}:
            counts[kind] = counts.get(kind, 0) + 1
    kinds = sorted(counts, key=lambda kind: (-counts[kind], kind))[:3]
    span = f"{_day(min(bond.first_ms for bond in bonds))} to {_day(max(bond.last_ms for bond in bonds))}"
    reach = f"{min(bits):.1f} to {max(bits):.1f} bits (median {float(np.median(bits)):.1f})"
    text = f"{members:,} accounts are held together by {_count(len(bonds), 'link')} of {reach}, seen from {span}"
    text += f", mostly by a shared {_listed(kinds, 'or')}." if kinds else "."
    weak = sum(bond.weak for bond in bonds)
    if weak:
        text += f" {_count(weak, 'link')} of them would be too little for two accounts alone."
    if len(parts) > 1:
        text += f" No pair joins its {len(parts):,} parts, the largest of {parts[0]:,} accounts."
    return text


def _fragile(weakest: Sequence[Link], bonds: Sequence[Link]) -> str:
    if not weakest:
        return "No single pair holds it together: each link can be dropped and others remain." if bonds else ""
    worst = max(weakest, key=lambda bond: (bond.part, -bond.bits))
    return (
        f"It hangs by single pairs in places: without one of {worst.bits:.1f} bits {_count(worst.part, 'account')} "
        f"would be apart from the other {worst.rest:,}."
    )


def _single(parts: Sequence[int], things: Sequence[Worth]) -> str:
    """Whether it rests on one thing."""
    worst = min(things, key=lambda one: one.held_without, default=None)
    if worst is None or 2 * worst.held_without > parts[0]:
        return ""
    fate = f"{worst.held_without:,} of {parts[0]:,} accounts hold together" if worst.held_without > 1 else "no two do"
    return f"It rests on one {thing(worst.type)}: without that {fate}."


def _against(tried: Sequence[Tried], hubs: Sequence[object]) -> str:
    whole = [_named(one.name) for one in tried if one.outcome == "explains"]
    partly = [_named(one.name) for one in tried if one.outcome == "in_part"]
    crowd = f" Of what they share {_count(len(hubs), 'thing')} counted for nothing: too many have it." if hubs else ""
    if whole:
        return f"An innocent explanation fits: {_listed(whole, 'or')} would account for it.{crowd}"
    if partly:
        return f"An innocent explanation fits in part: {_listed(partly, 'or')}.{crowd}"
    return (
        f"None of the {len(tried)} innocent explanations tried accounts for it, which is no proof: the service sees "
        f"identifiers, not people.{crowd}"
    )


def _named(name: str) -> str:
    return name[0].lower() + name[1:] if name[1:2].islower() or name[1:2] == " " else name


def _listed(words: Sequence[str], last: str = "and") -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d")
