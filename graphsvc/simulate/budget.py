"""Which policies a unit follows: by their weights, and for an operator with a budget by what it can afford."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from graphsvc.simulate.dice import Dice
from graphsvc.simulate.prices import Prices, fixed_costs, policy_cost, shipped_prices
from graphsvc.simulate.spec import Addresses, Archetype, Devices, Mail, Payments

P = TypeVar("P", Addresses, Devices, Mail, Payments)
Policy = Addresses | Devices | Mail | Payments


@dataclass(frozen=True)
class Policies:
    """The policies of one unit."""

    addresses: Addresses
    devices: Devices
    mail: Mail
    payments: Payments

    def by_kind(self) -> dict[str, Policy]:
        return {"network": self.addresses, "device": self.devices, "mail": self.mail, "payment": self.payments}


def choose(policies: Sequence[P], dice: Dice) -> P:
    """One of the policies, by its weight."""
    return policies[int(dice.pick({str(i): policy.weight for i, policy in enumerate(policies)}))]


def policies_of(archetype: Archetype, dice: Dice, prices: Prices | None = None) -> Policies:
    """The policies of one unit. An operator spends first on the kind of sharing that it gives up first."""
    if archetype.budget is None:
        return Policies(
            choose(archetype.addresses, dice),
            choose(archetype.devices, dice),
            choose(archetype.mail, dice),
            choose(archetype.payments, dice),
        )
    prices = prices or shipped_prices()
    purse = _Purse(archetype, dice, prices)
    taken = {kind: purse.buy(kind, dearest=place == 0) for place, kind in enumerate(_order(archetype.strategy, dice))}
    return Policies(
        archetype.addresses[taken["network"]],
        archetype.devices[taken["device"]],
        archetype.mail[taken["mail"]],
        archetype.payments[taken["payment"]],
    )


class _Purse:
    """A ring's money for an account and month, less what the cheapest policies cost anyway."""

    def __init__(self, archetype: Archetype, dice: Dice, prices: Prices) -> None:
        assert archetype.budget is not None
        offers: dict[str, Sequence[Policy]] = {
            "network": archetype.addresses,
            "device": archetype.devices,
            "mail": archetype.mail,
            "payment": archetype.payments,
        }
        costs = {kind: [policy_cost(policy, prices) for policy in listed] for kind, listed in offers.items()}
        self._more = {kind: [cost - min(listed) for cost in listed] for kind, listed in costs.items()}
        self._weights = {kind: [policy.weight for policy in listed] for kind, listed in offers.items()}
        self._dice = dice
        self._left = dice.between_log(archetype.budget) - sum(min(listed) for listed in costs.values())
        self._left -= sum(fixed_costs(archetype, prices).values())

    def buy(self, kind: str, *, dearest: bool) -> int:
        """The policy taken, as its place in the list: the dearest that can be paid, or one of those by weight."""
        more, weights = self._more[kind], self._weights[kind]
        within = [place for place, cost in enumerate(more) if cost <= max(0.0, self._left)]
        if dearest:
            within = [place for place in within if more[place] == max(more[place] for place in within)]
        place = int(self._dice.pick({str(place): weights[place] for place in within}))
        self._left -= more[place]
        return place


def _order(strategy: Mapping[str, float], dice: Dice) -> list[str]:
    """The kinds of sharing in the order in which one ring gives them up; a kind of no weight comes last."""
    left = {kind: strategy.get(kind, 0.0) + 1e-9 for kind in ("network", "device", "mail", "payment")}
    order = []
    while left:
        order.append(dice.pick(left))
        del left[order[-1]]
    return order
