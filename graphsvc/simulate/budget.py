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


def choose(policies: Sequence[P], dice: Dice) -> P:
    """One of the policies, by its weight."""
    return policies[int(dice.pick({str(i): policy.weight for i, policy in enumerate(policies)}))]


def policies_of(archetype: Archetype, dice: Dice) -> Policies:
    """The policies of one unit. An operator spends first on the kind of sharing that it gives up first."""
    if archetype.budget is not None:
        return policies_at(archetype, Market(archetype, shipped_prices()).shop(dice))
    return Policies(
        choose(archetype.addresses, dice),
        choose(archetype.devices, dice),
        choose(archetype.mail, dice),
        choose(archetype.payments, dice),
    )


def policies_at(archetype: Archetype, places: Mapping[str, int]) -> Policies:
    """The policies at these places of an archetype's lists."""
    return Policies(
        archetype.addresses[places["network"]],
        archetype.devices[places["device"]],
        archetype.mail[places["mail"]],
        archetype.payments[places["payment"]],
    )


class Market:
    """What the policies of one archetype cost, and which a ring of its budget takes."""

    def __init__(self, archetype: Archetype, prices: Prices) -> None:
        self._archetype = archetype
        offers: dict[str, Sequence[Policy]] = {
            "network": archetype.addresses,
            "device": archetype.devices,
            "mail": archetype.mail,
            "payment": archetype.payments,
        }
        self._costs = {kind: [policy_cost(policy, prices) for policy in listed] for kind, listed in offers.items()}
        self._more = {kind: [cost - min(listed) for cost in listed] for kind, listed in self._costs.items()}
        self._weights = {kind: [policy.weight for policy in listed] for kind, listed in offers.items()}
        self._least = sum(min(listed) for listed in self._costs.values()) + sum(fixed_costs(archetype, prices).values())

    def costs(self, places: Mapping[str, int]) -> dict[str, float]:
        """Dollars an account and month of the policies at these places, by kind."""
        return {kind: self._costs[kind][place] for kind, place in places.items()}

    def shop(self, dice: Dice) -> dict[str, int]:
        """The places of the policies that one ring takes, by kind. What it has beyond the cheapest of all kinds goes
        first to the kind that it gives up first; where even the cheapest are too dear, it takes those."""
        archetype = self._archetype
        left = dice.between_log(archetype.budget) - self._least if archetype.budget else float("inf")
        taken = {}
        for place, kind in enumerate(_order(archetype.strategy, dice)):
            taken[kind] = self._take(kind, left, dice, dearest=place == 0 and archetype.budget is not None)
            left -= self._more[kind][taken[kind]]
        return taken

    def _take(self, kind: str, left: float, dice: Dice, *, dearest: bool) -> int:
        """The place of the policy taken: the dearest that can be paid, or one of those by weight."""
        more, weights = self._more[kind], self._weights[kind]
        within = [place for place, cost in enumerate(more) if cost <= max(0.0, left)]
        if dearest:
            within = [place for place in within if more[place] == max(more[place] for place in within)]
        return int(dice.pick({str(place): weights[place] for place in within}))


def _order(strategy: Mapping[str, float], dice: Dice) -> list[str]:
    """The kinds of sharing in the order in which one ring gives them up; a kind of no weight comes last."""
    left = {kind: strategy.get(kind, 0.0) + 1e-9 for kind in ("network", "device", "mail", "payment")}
    order = []
    while left:
        order.append(dice.pick(left))
        del left[order[-1]]
    return order
