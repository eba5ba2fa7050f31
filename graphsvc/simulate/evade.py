"""Worlds whose operators give up one kind of sharing after another: what is left to find, and what it costs them."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from graphsvc.errors import BadUsage
from graphsvc.simulate.prices import cost_per_account
from graphsvc.simulate.spec import ALWAYS, NEVER, Addresses, Archetype, Devices, Later, Mail, Payments, WorldSpec

KINDS = ("device", "payment", "network", "mail", "phone", "referral", "signup_timing", "prompt", "conversation")
"""What accounts of one ring may share."""
NO_RINGS_OWN = ("public", "firm", "alias", "disposable")
UNHURRIED_HOURS = (600.0, 2500.0)
PERSONAS = (40.0, 120.0)


def giving_up(spec: WorldSpec, kinds: Sequence[str]) -> WorldSpec:
    """The world in which operators no longer share the named kinds; innocents live as before.

    A ring pays the difference, so its other policies stay what its budget gave it. Raises BadUsage for a kind that is
    none of KINDS.
    """
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise BadUsage(f"There is no kind of sharing called {unknown[0]}.", hint=f"Name some of {', '.join(KINDS)}.")
    later = spec.later and Later(spec.later.after, _without(spec.later.archetypes, kinds))
    return replace(spec, archetypes=_without(spec.archetypes, kinds), later=later)


def _without(archetypes: dict[str, Archetype], kinds: Sequence[str]) -> dict[str, Archetype]:
    return {name: _alone(it, kinds) if it.side == "operator" else it for name, it in archetypes.items()}


def _alone(archetype: Archetype, kinds: Sequence[str]) -> Archetype:
    changed = archetype
    for kind in kinds:
        changed = _giving_up_one(changed, kind)
    if changed.budget is None:
        return changed
    more = max(0.0, cost_per_account(changed) - cost_per_account(archetype))
    return replace(changed, budget=(changed.budget[0] + more, changed.budget[1] + more))


def _giving_up_one(archetype: Archetype, kind: str) -> Archetype:
    provider = replace(archetype.provider, keeps=tuple(kept for kept in archetype.provider.keeps if kept != kind))
    archetype = replace(archetype, provider=provider)
    match kind:
        case "device":
            return replace(archetype, devices=tuple(_own_devices(policy) for policy in archetype.devices))
        case "payment":
            return _own_bills(archetype)
        case "network":
            return replace(archetype, addresses=tuple(_own_addresses(policy) for policy in archetype.addresses))
        case "mail":
            return replace(archetype, mail=tuple(_own_mail(policy) for policy in archetype.mail))
        case "phone":
            return replace(archetype, signups=replace(archetype.signups, phone_by=None))
        case "referral":
            return replace(archetype, signups=replace(archetype.signups, referral=NEVER))
        case "signup_timing":
            return replace(archetype, signups=replace(archetype.signups, hours=UNHURRIED_HOURS, aged=(0.5, 0.5)))
        case "prompt":
            return _own_prompts(archetype)
        case _:
            relay = archetype.relay and replace(archetype.relay, hop=NEVER)
            return replace(archetype, relay=relay)


def _own_devices(policy: Devices) -> Devices:
    """Clean devices of common programs, at least one for each account."""
    clients = {kind: weight for kind, weight in policy.clients.items() if kind != "rare"} or {"browser": 1.0}
    own = (max(1.0, policy.own[0]), max(1.0, policy.own[1]))
    return Devices(weight=policy.weight, own=own, clients=clients)


def _own_cards(policy: Payments) -> Payments:
    return replace(policy, instrument_by=None, one_bin=NEVER)


def _own_mail(policy: Mail) -> Mail:
    """No domain and no mailbox of the ring's own: a public one for each account instead."""
    sources = {source: weight for source, weight in policy.sources.items() if source in NO_RINGS_OWN}
    shared = sum(policy.sources.values()) - sum(sources.values())
    return replace(policy, sources={**sources, "public": sources.get("public", 0.0) + shared})


def _own_bills(archetype: Archetype) -> Archetype:
    """A card for each account, and no team plan for many."""
    signups = replace(archetype.signups, org=NEVER)
    return replace(archetype, payments=tuple(_own_cards(policy) for policy in archetype.payments), signups=signups)


def _own_addresses(policy: Addresses) -> Addresses:
    """A home's address for each account; what went over a data centre goes there too."""
    return Addresses(weight=policy.weight, roaming=policy.roaming, mobile=policy.mobile)


def _own_prompts(archetype: Archetype) -> Archetype:
    """Jobs written anew each time, spread over personas that send no common system prompt."""
    relay = archetype.relay and replace(archetype.relay, customers=archetype.relay.customers or PERSONAS, systems=NEVER)
    prompts = {source: weight for source, weight in archetype.prompts.items() if source in ("template", "ordinary")}
    return replace(
        archetype,
        relay=relay,
        prompts=prompts or {"ordinary": 1.0},
        templates=replace(archetype.templates, bespoke=ALWAYS),
    )
