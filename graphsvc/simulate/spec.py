"""Worlds and archetypes as data: what the TOML files in worlds/ and archetypes/ may say.

A Range is `[low, high]`: each unit (a ring, an office, a household, one person) draws its own value from it. A Mix is a
table of weights. Where an archetype lists several policies, each unit follows one, drawn by `weight`.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct

from graphsvc.config import resource
from graphsvc.errors import BadUsage
from graphsvc.events.types import AbusiveKind, BenignKind
from graphsvc.simulate.dice import Dice

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
    """`sources`: public, company, university, own_domain, disposable, catch_all, plus, alias."""

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
    `referral`: share of accounts that use the unit's code; `phone_by`: accounts on one phone number."""

    hours: Range = (1.0, 2.0)
    aged: Range = (0.3, 0.3)
    channels: Mix = _mix(web=0.9, api=0.1)
    plans: Mix = _mix(free=0.7, pro=0.3)
    referral: Range = (0.0, 0.1)
    phone: Range = (0.3, 0.6)
    phone_by: Range | None = None
    org: bool = False


class Activity(Part, frozen=True):
    """`volume`: requests of an account against the world's mean; `wave_hours`: all activity within that time from the
    unit's start; `interval_minutes`: one request at each tick; `verbosity`: typical output tokens."""

    volume: Range = (0.5, 1.5)
    spread: float = 0.8
    rhythms: Mix = _mix(day=0.5, evening=0.35, office=0.15)
    turns: Range = (1.2, 3.5)
    api: Range = (0.1, 0.3)
    tools: Range = (0.0, 0.3)
    verbosity: Range = (120.0, 800.0)
    window_limit: Range = (12.0, 60.0)
    churn: Range = (0.1, 0.4)
    wave_hours: Range | None = None
    interval_minutes: Range | None = None


class Relay(Part, frozen=True):
    """A pool under a scheduler. `schedulers`: sticky, lru, round_robin, weighted, fill_first; `pacing`: steady, batch,
    customers. `customers`: how many people's traffic it carries (none: the operator's own jobs);
    `hop`: chance that a conversation goes on elsewhere after a limit, an error or the session's end (`ttl_minutes`);
    each account is used in its own shift of `shift_hours` a day, and not on `rest_days` of the week."""

    schedulers: Mix
    pacing: Mix = _mix(steady=1.0)
    ttl_minutes: Range = (20.0, 90.0)
    shift_hours: Range = (6.0, 24.0)
    rest_days: Range = (0.0, 4.0)
    hop: Range = (0.2, 0.9)
    customers: Range | None = None
    pivot: Range = (0.3, 0.7)


class Templates(Part, frozen=True):
    """Distillation templates: how many an operator has, how often a saying changes, zero-width signs and wrappers."""

    count: Range = (3.0, 10.0)
    paraphrase: Range = (0.0, 0.3)
    zero_width: Range = (0.0, 0.5)
    wrapped: Range = (0.0, 0.6)


class Takeover(Part, frozen=True):
    """Accounts that were ordinary people's (`victim`: their archetype) until they were stolen. `owner_share`: how much
    of the account's traffic is its owner's."""

    victim: str
    owner_share: Range = (0.2, 0.7)


class Provider(Part, frozen=True):
    """What the provider does. Of rings: `found` chance, after `delay_days`, in `waves` that ban `caught` of the pool;
    `inherit`: chance that a successor keeps each piece of infrastructure. Of innocents: `alarm` chance that a unit was
    looked at and cleared in part; `false_ban` chance for an account."""

    found: Range = NEVER
    delay_days: Range = (2.0, 15.0)
    waves: Range = (1.0, 3.0)
    caught: Range = (0.2, 0.7)
    replaced: Range = (0.5, 1.0)
    inherit: Range = (0.2, 0.8)
    attributed: Range = (0.0, 0.7)
    alarm: Range = NEVER
    false_ban: Range = (0.001, 0.004)


class Review(Part, frozen=True):
    """A review after the world's end, begun `days` after it: chance that a ring (`rings`) or a unit of innocents
    (`innocents`) is gone through, share of its `members` that get a label, of which `error` are wrong."""

    days: Range = (2.0, 40.0)
    rings: Range = (0.9, 0.9)
    innocents: Range = (0.3, 0.3)
    members: Range = (0.7, 1.0)
    attributed: float = 0.9
    kind_given: float = 0.9
    error: float = 0.02


class Archetype(Struct, frozen=True, forbid_unknown_fields=True):
    """An operator's or an innocent group's way of life. `size`: accounts of one unit."""

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


class WorldFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A file of worlds/: who lives in the world. `override` changes archetypes by name, key by key."""

    name: str
    abusive_share: Range
    innocents: Mix
    operators: Mix = {}
    requests: float = 20.0
    override: dict[str, dict[str, Any]] = {}


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


P = TypeVar("P", Addresses, Devices, Mail, Payments)


def choose(policies: tuple[P, ...], dice: Dice) -> P:
    """The policy that one unit follows."""
    return policies[int(dice.pick({str(i): policy.weight for i, policy in enumerate(policies)}))]


def load_world(name_or_file: str | Path) -> WorldSpec:
    """A shipped world by name, or one from a TOML file; archetype files beside it win over the shipped ones.

    Raises BadUsage where there is none of that name or the file is not as it must be.
    """
    path = _world_path(name_or_file)
    world = _convert(_toml(path), WorldFile, path)
    raw = _archetype_tables([resource("simulate", "archetypes"), path.parent / "archetypes"])
    for name, change in world.override.items():
        raw[name] = _merged(_known(raw, name, path), change)
    used = [*world.operators, *world.innocents]
    used += [victim for name in used if (victim := _known(raw, name, path).get("takeover", {}).get("victim"))]
    archetypes = {name: _convert(_known(raw, name, path), Archetype, path) for name in dict.fromkeys(used)}
    return WorldSpec(world.name, world.abusive_share, world.operators, world.innocents, archetypes, world.requests)


def _world_path(name_or_file: str | Path) -> Path:
    path = Path(name_or_file)
    if path.suffix == ".toml" and path.is_file():
        return path
    shipped = resource("simulate", "worlds")
    if (shipped / f"{name_or_file}.toml").is_file():
        return shipped / f"{name_or_file}.toml"
    names = ", ".join(sorted(file.stem for file in shipped.glob("*.toml")))
    raise BadUsage("There is no such world.", hint=f"Name one of {names}, or give a .toml file.")


def _archetype_tables(folders: list[Path]) -> dict[str, dict[str, Any]]:
    files = [file for folder in folders if folder.is_dir() for file in sorted(folder.glob("*.toml"))]
    return {file.stem: {"name": file.stem, **_toml(file)} for file in files}


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise BadUsage(f"{path.name} is not valid TOML: {error}.") from None


C = TypeVar("C", WorldFile, Archetype)


def _convert(table: dict[str, Any], kind: type[C], path: Path) -> C:
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        where = table.get("name", path.name)
        raise BadUsage(f"The description of {where} is wrong: {error}.") from None


def _known(raw: dict[str, dict[str, Any]], name: str, path: Path) -> dict[str, Any]:
    if name not in raw:
        raise BadUsage(f"{path.name} names the archetype {name}, of which there is no file.")
    return raw[name]


def _merged(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in change.items():
        inner = out.get(key)
        out[key] = _merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return out
