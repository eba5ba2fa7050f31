"""What an operator pays for an account: the price of each policy of sharing, from prices.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from functools import cache

import msgspec
from msgspec import Struct

from graphsvc.config import resource
from graphsvc.simulate.dice import Dice
from graphsvc.simulate.spec import Addresses, Archetype, Devices, Mail, Mix, Payments, Range

ADDRESSES = {"hosting": "datacentre_address", "isp": "static_residential", "business": "business_address",
             "education": "education_address", "mobile": "carrier_port"}  # fmt: skip
CLIENTS = {"browser": "browser_profile", "phone": "phone_profile", "rare": "browser_profile", "sdk": "scripted_client"}
SAMPLE = 200
"""How many rings are drawn to find what an archetype pays on average."""


class Prices(Struct, frozen=True):
    """Dollars: `month` is rent, `piece` is paid once and spread over `life_months`."""

    life_months: float
    month: Mapping[str, float]
    piece: Mapping[str, float]

    def monthly(self, name: str) -> float:
        """The price of a thing by the month."""
        return self.month[name] if name in self.month else self.piece[name] / self.life_months


@cache
def shipped_prices() -> Prices:
    return msgspec.convert(
        tomllib.loads(resource("simulate", "prices.toml").read_text(encoding="utf-8")), Prices, strict=False
    )


def policy_cost(policy: Addresses | Devices | Mail | Payments, prices: Prices | None = None) -> float:
    """Dollars an account and month under one policy, at the middle of its ranges."""
    prices = prices or shipped_prices()
    match policy:
        case Addresses():
            return _addresses(policy, prices)
        case Devices():
            return _devices(policy, prices)
        case Mail():
            return _mean(policy.sources, lambda source: prices.monthly(f"{source}_mail"))
        case Payments():
            return _payments(policy, prices)


def cost_parts(archetype: Archetype, prices: Prices | None = None) -> dict[str, float]:
    """Dollars an account and month of an archetype's rings on average, by what they go for.

    Over the policies that rings of its budget and strategy follow: the same number for the same archetype.
    """
    from graphsvc.simulate.budget import Market

    prices = prices or shipped_prices()
    dice = Dice.of(0, "prices", archetype.name)
    total = dict.fromkeys(("network", "device", "mail", "payment"), 0.0)
    market = Market(archetype, prices)
    for _ in range(SAMPLE):
        for kind, cost in market.costs(market.shop(dice)).items():
            total[kind] += cost / SAMPLE
    if archetype.takeover:
        total["mail"] = total["payment"] = 0.0
    return {**total, **fixed_costs(archetype, prices)}


def cost_per_account(archetype: Archetype, prices: Prices | None = None) -> float:
    """Dollars an account and month that an archetype's rings pay on average for all they do not share."""
    return sum(cost_parts(archetype, prices).values())


def fixed_costs(archetype: Archetype, prices: Prices) -> dict[str, float]:
    """What does not depend on the policies: numbers, old accounts, prompts of one's own, conversations that break.

    Stolen accounts come with a mailbox, a card and a number.
    """
    signups, relay = archetype.signups, archetype.relay
    if archetype.takeover:
        return {"accounts": prices.monthly("stolen_account")}
    number = _middle(signups.phone) * prices.monthly("phone_number") / _by(signups.phone_by)
    templates = archetype.prompts.get("template", 0.0) / (sum(archetype.prompts.values()) or 1.0)
    bespoke = templates * _middle(archetype.templates.bespoke)
    return {
        "phone": number,
        "signup_timing": _middle(signups.aged) * prices.monthly("aged_account"),
        "prompt": bespoke * prices.monthly("bespoke_prompts"),
        "conversation": (1.0 - _middle(relay.hop)) * prices.monthly("stranded_customers") if relay else 0.0,
    }


def _addresses(policy: Addresses, prices: Prices) -> float:
    """Each share of the sessions at the price of its kind of address; a shared address is paid once."""
    mobile, vpn, roaming = (_middle(share) for share in (policy.mobile, policy.vpn, policy.roaming))
    rest = max(0.0, 1.0 - mobile - vpn - roaming)
    shared = rest * _middle(policy.shared_use) if policy.shared_by else 0.0
    own_price, shared_price = (
        _mean(kinds, lambda kind: prices.monthly(ADDRESSES[kind])) for kinds in (policy.own_kind, policy.shared_kind)
    )
    return (
        mobile * prices.monthly("carrier_port")
        + vpn * prices.monthly("vpn_seat")
        + roaming * prices.monthly("rotating_residential")
        + shared * shared_price / _by(policy.shared_by)
        + (rest - shared) * own_price
    )


def _devices(policy: Devices, prices: Prices) -> float:
    each = _mean(policy.clients, lambda kind: prices.monthly(CLIENTS[kind]))
    shared = 1.0 / _by(policy.shared_by) if policy.shared_by else 0.0
    return each * (_middle(policy.own) + shared)


def _payments(policy: Payments, prices: Prices) -> float:
    """Cards of one issuer's range come by the hundred; others must be found one by one."""
    one = _middle(policy.one_bin)
    prepaid = policy.funding.get("prepaid", 0.0) / sum(policy.funding.values())
    free = prepaid * prices.monthly("prepaid_card") + (1 - prepaid) * prices.monthly("foreign_card")
    card = one * prices.monthly("virtual_card") + (1 - one) * free
    cards = policy.methods.get("card", 0.0) / sum(policy.methods.values())
    each = cards * card + (1 - cards) * prices.monthly("bank_or_wallet")
    return _middle(policy.paying) * each / _by(policy.instrument_by)


def _mean(mix: Mix, price: Callable[[str], float]) -> float:
    return sum(weight * price(name) for name, weight in mix.items()) / sum(mix.values())


def _middle(bounds: Range) -> float:
    return (bounds[0] + bounds[1]) / 2


def _by(bounds: Range | None) -> float:
    """Accounts to a thing: 1 where it is not shared."""
    return max(1.0, _middle(bounds)) if bounds else 1.0
