"""Worlds and archetypes as data: what the TOML files in worlds/ and archetypes/ may say.

A Range is `[low, high]`: each unit (a ring, an office, a household, one person) draws its own value from it. A Mix is a
table of weights. Where an archetype lists several policies, each unit follows one, drawn by `weight`.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Struct

from graphsvc.events.types import AbusiveKind, BenignKind

Range = tuple[float, float]
Mix = dict[str, float]

NEVER: Range = (0.0, 0.0)
ALWAYS: Range = (1.0, 1.0)


def _mix(**weights: float) -> Any:
    """A Mix as a field's default."""
    return msgspec.field(default_factory=lambda: dict(weights))


class Part(Struct, frozen=True, forbid_unknown_fields=True):
    """Base of the parts of an archetype: a misspelt key is an error."""


class Addresses(Part, frozen=True):
    """Where sessions come from. A session is by chance on the carrier (`mobile`), a public VPN (`vpn`), somebody else's
    home (`roaming`), the unit's shared address (`shared_use`), else on the account's own address."""

    weight: float = 1.0
    own_kind: Mix = _mix(isp=1.0)
    lease_days: Range = (6.0, 60.0)
    shared_by: Range | None = None
    shared_kind: Mix = _mix(isp=1.0)
    shared_use: Range = NEVER
    same_subnet: Range = NEVER
    mobile: Range = NEVER
    vpn: Range = NEVER
    roaming: Range = NEVER


class Devices(Part, frozen=True):
    """`own` devices of each account, and one device over `shared_by` accounts in `shared_use` of the sessions."""

    weight: float = 1.0
    own: Range = (1.0, 2.0)
    shared_by: Range | None = None
    shared_use: Range = NEVER
    clients: Mix = _mix(browser=0.7, phone=0.3)


class Mail(Part, frozen=True):
    """`sources`: public, alias, disposable; company, university, own_domain and catch_all, of the unit's domain; firm,
    of a domain for each account; plus, of the unit's mailbox."""

    weight: float = 1.0
    sources: Mix = _mix(public=1.0)


class Payments(Part, frozen=True):
    """`paying`: share of accounts that pay; `instrument_by`: accounts on one instrument; `one_bin`: chance that the
    unit's cards are of one issuer's range."""

    weight: float = 1.0
    paying: Range = (0.2, 0.4)
    methods: Mix = _mix(card=0.85, wallet=0.1, bank=0.05)
    funding: Mix = _mix(credit=0.5, debit=0.42, prepaid=0.08)
    instrument_by: Range | None = None
    one_bin: Range = NEVER
    declined: Range = (0.01, 0.08)
    charged_back: Range = (0.0, 0.004)


class Signups(Part, frozen=True):
    """`hours`: over how long the unit's accounts sign up; `aged`: chance that the unit is older than the world;
    `referral`: share of accounts that use the unit's code; `phone_by`: accounts on one phone number;
    `org`: share of accounts in the unit's organisation."""

    hours: Range = (1.0, 2.0)
    aged: Range = (0.3, 0.3)
    channels: Mix = _mix(web=0.9, api=0.1)
    plans: Mix = _mix(free=0.7, pro=0.3)
    referral: Range = (0.0, 0.1)
    phone: Range = (0.3, 0.6)
    phone_by: Range | None = None
    org: Range = NEVER


class Activity(Part, frozen=True):
    """`volume`: requests of an account against the world's mean; `wave_hours`: all activity within that time from the
    unit's start; `interval_minutes`: one request at each tick; `verbosity`: typical output tokens; `window_limit`:
    requests in a five-hour window; `churn`: chance to leave before the end; `adopts`: share of the requests that go to
    a new model once it is out (a pool's is its relay's `pivot`); `passed_on`: chance that a conversation goes on with
    one that somebody else of the unit left, as colleagues do in a shared workspace."""

    volume: Range = (0.5, 1.5)
    spread: float = 0.8
    rhythms: Mix = _mix(day=0.5, evening=0.35, office=0.15)
    turns: Range = (1.2, 3.5)
    api: Range = (0.1, 0.3)
    tools: Range = (0.0, 0.3)
    verbosity: Range = (120.0, 800.0)
    window_limit: Range = (12.0, 60.0)
    churn: Range = (0.1, 0.4)
    adopts: Range = (0.0, 0.5)
    wave_hours: Range | None = None
    interval_minutes: Range | None = None
    passed_on: Range = NEVER


class Relay(Part, frozen=True):
    """A pool under a scheduler. `schedulers`: sticky, lru, round_robin, weighted, fill_first; `pacing`: steady, batch,
    customers. `customers`: how many people's traffic it carries (none: the operator's own jobs);
    `hop`: chance that a conversation goes on elsewhere after a limit, an error or the session's end (`ttl_minutes`);
    `systems`: chance that a customer's client sends a system prompt of its own; each account is used in its own shift
    of `shift_hours` a day, and not on `rest_days` of the week; `pivot`: share of the traffic that moves to a new model
    within a day of its release."""

    schedulers: Mix
    pacing: Mix = _mix(steady=1.0)
    ttl_minutes: Range = (20.0, 90.0)
    shift_hours: Range = (6.0, 24.0)
    rest_days: Range = (0.0, 4.0)
    hop: Range = (0.2, 0.9)
    customers: Range | None = None
    systems: Range = (0.3, 0.3)
    pivot: Range = (0.3, 0.7)


class Templates(Part, frozen=True):
    """Distillation templates: how many an operator has, how often a saying changes, zero-width signs and wrappers;
    `bespoke`: share of the jobs that are written anew each time, with no frame that others share."""

    count: Range = (3.0, 10.0)
    paraphrase: Range = (0.0, 0.3)
    zero_width: Range = (0.0, 0.5)
    wrapped: Range = (0.0, 0.6)
    bespoke: Range = NEVER


class Takeover(Part, frozen=True):
    """Accounts that were ordinary people's (`victim`: their archetype) until they were stolen. `owner_share`: how much
    of the account's traffic is its owner's."""

    victim: str
    owner_share: Range = (0.2, 0.7)


class Provider(Part, frozen=True):
    """What the provider does. Of rings: `found` chance, after `delay_days`, in `waves` that ban `caught` of the pool;
    `inherit`: chance that a successor keeps each piece of infrastructure among `keeps`. Of innocents: `alarm` chance
    that a unit was looked at and cleared in part; `false_ban` chance for an account."""

    found: Range = NEVER
    delay_days: Range = (2.0, 15.0)
    waves: Range = (1.0, 3.0)
    caught: Range = (0.2, 0.7)
    replaced: Range = (0.5, 1.0)
    inherit: Range = (0.2, 0.8)
    keeps: tuple[Literal["network", "device", "payment"], ...] = ("network", "device", "payment")
    attributed: Range = (0.0, 0.7)
    alarm: Range = NEVER
    false_ban: Range = (0.001, 0.004)


class Review(Part, frozen=True):
    """A review after the world's end, begun `days` after it: chance that a ring (`rings`) or a unit of innocents
    (`innocents`) is gone through, share of its `members` that get a label, of which `error` are wrong. Both sides are
    gone through alike: where rings were labelled three times as often, innocents that share a template or a network
    with one were taken for its members by what learnt from it. No probability falls below the share of innocents that
    are wrongly accused here, so that share is small."""

    days: Range = (2.0, 40.0)
    rings: Range = (0.9, 0.9)
    innocents: Range = (0.9, 0.9)
    members: Range = (0.7, 1.0)
    attributed: float = 0.9
    kind_given: float = 0.9
    error: float = 0.005


class Poison(Part, frozen=True):
    """How a ring leans on innocents. It hides in one unit of a group of `hides` (a campus, an office, users of a
    vendor's app): `addresses` is the share of its sessions from that unit's shared addresses, `prompts` that of its
    prompts under the unit's vendor prompt, `referral` that of its accounts signed up with the unit's code. It frames
    one person of a group of `frames`: a share of its accounts shows that person's `device`, signs up with plus tags
    on that person's `mail` address or pays with that person's `card`, and that person's account takes a share of the
    `hops` of running conversations. A group that the world does not have is passed over."""

    hides: Mix = {}
    addresses: Range = NEVER
    prompts: Range = NEVER
    referral: Range = NEVER
    frames: Mix = {}
    device: Range = NEVER
    mail: Range = NEVER
    card: Range = NEVER
    hops: Range = NEVER


class Archetype(Struct, frozen=True, forbid_unknown_fields=True):
    """An operator's or an innocent group's way of life. `size`: accounts of one unit; `largest_share`: a unit's part of
    the world at most; `people`: whether one person holds all of a unit's accounts or each account has its own.

    An operator with a `budget` (dollars an account and month, prices.toml) follows the policies that it can afford.
    `strategy` weighs what it spends on first (network, device, mail, payment): there it takes the dearest policy, which
    is the one that shares least, and for the rest what is left has to do. Without a budget the weights alone decide."""

    name: str
    side: Literal["operator", "innocent"]
    kind: AbusiveKind | BenignKind
    size: Range = (1.0, 1.0)
    largest_share: float = 0.05
    addresses: tuple[Addresses, ...] = (Addresses(),)
    devices: tuple[Devices, ...] = (Devices(),)
    mail: tuple[Mail, ...] = (Mail(),)
    payments: tuple[Payments, ...] = (Payments(),)
    signups: Signups = Signups()
    activity: Activity = Activity()
    prompts: Mix = _mix(ordinary=0.97, popular=0.03)
    relay: Relay | None = None
    templates: Templates = Templates()
    takeover: Takeover | None = None
    provider: Provider = Provider()
    people: Literal["one", "each"] = "each"
    budget: Range | None = None
    strategy: Mix = _mix(network=1.0, device=1.0, mail=1.0, payment=1.0)
    poison: Poison | None = None


class LaterFile(Part, frozen=True):
    """From `after` of the world's time on, archetypes are as `override` says: for units that begin then, and for the
    rest of the life of operators' rings that go on."""

    after: float = 0.5
    override: dict[str, dict[str, Any]] = {}


class Wave(Part, frozen=True):
    """A wave of signups: units of `group` that make up `share` of the world's accounts begin within `hours` from the
    moment `at` (a share of the world's time), or from the new model's `release` where `at` is absent."""

    group: str
    share: float
    at: Range | None = None
    hours: Range = (1.0, 24.0)


class Release(Part, frozen=True):
    """The day of the new model, as a share of the world's time. `adopts`: how much of everybody's traffic moves to it
    at least; absent, each archetype's own."""

    at: Range = (0.3, 0.8)
    adopts: Range | None = None


class WorldFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A file of worlds/: who lives in the world, by weight. `base` names a world that this one changes, key by key;
    `override` changes archetypes by name, key by key; a group of weight 0 is absent."""

    name: str
    abusive_share: Range
    innocents: Mix
    operators: Mix = {}
    requests: float = 20.0
    override: dict[str, dict[str, Any]] = {}
    later: LaterFile | None = None
    release: Release = Release()
    wave: tuple[Wave, ...] = ()


class Later(Struct, frozen=True):
    """What changes in the course of a world: archetypes by name from the share `after` of its time on."""

    after: float
    archetypes: dict[str, Archetype]


class WorldSpec(Struct, frozen=True):
    """All that decides a world's bytes. Times of the world: [start, start + days), UTC."""

    name: str
    abusive_share: Range
    operators: Mix
    innocents: Mix
    archetypes: dict[str, Archetype]
    requests: float = 20.0
    accounts: int = 5000
    days: int = 30
    seed: int = 1
    start: str = "2026-01-05"
    prompts: str | None = None
    networks: str | None = None
    review: Review | None = None
    later: Later | None = None
    release: Release = Release()
    waves: tuple[Wave, ...] = ()
