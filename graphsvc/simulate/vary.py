"""Worlds that nobody wrote: every archetype's weights, shares and sizes moved at random.

What a model learns must hold for operators and people that its authors did not think of. Training therefore sees each
world as a variation: who shares what, how much and among how many differs more between two varied worlds than within
the ranges of one file (domain randomisation, Tobin et al. 2017).
"""

from __future__ import annotations

import math
from typing import Any, TypeVar

import msgspec

from graphsvc.simulate.dice import Dice
from graphsvc.simulate.spec import Archetype, Mix, Part, Range, WorldSpec

SHARES = frozenset(
    {
        *("shared_use", "same_subnet", "mobile", "vpn", "roaming", "paying", "one_bin", "declined", "aged", "referral"),
        *("phone", "org", "api", "tools", "churn", "adopts", "passed_on", "hop", "systems", "pivot", "paraphrase"),
        *("zero_width", "wrapped", "bespoke", "owner_share", "found", "caught", "replaced", "inherit", "attributed"),
        "alarm",
    }
)
"""Fields that say how often; they move on the scale of log odds."""
SIZES = frozenset(
    {
        *("lease_days", "shared_by", "instrument_by", "phone_by", "hours", "volume", "turns", "verbosity"),
        *("window_limit", "ttl_minutes", "delay_days", "customers", "size", "largest_share"),
    }
)
"""Fields that say how much; they move on the scale of logarithms."""
WEIGHTS = frozenset({"weight"})
SHARE_SPREAD, SIZE_SPREAD, WEIGHT_SPREAD = 0.8, 0.5, 0.8
FEWEST = 1.0

S = TypeVar("S", bound="Part | Archetype")


def varied(spec: WorldSpec, seed: int) -> WorldSpec:
    """Another world of the same making. The same spec and seed give the same variation."""
    archetypes = {name: _moved(one, Dice.of(seed, "vary", name)) for name, one in sorted(spec.archetypes.items())}
    mixes = Dice.of(seed, "vary")
    return msgspec.structs.replace(
        spec,
        archetypes={name: archetypes[name] for name in spec.archetypes},
        operators=_mix(spec.operators, mixes),
        innocents=_mix(spec.innocents, mixes),
    )


def _moved(part: S, dice: Dice) -> S:
    """The part with all that may move moved, and its own parts likewise."""
    changes = {name: _changed(name, getattr(part, name), dice) for name in part.__struct_fields__}
    return msgspec.structs.replace(part, **changes)


def _changed(name: str, value: Any, dice: Dice) -> Any:
    if isinstance(value, Part):
        return _moved(value, dice)
    if isinstance(value, dict):
        return _mix(value, dice)
    if name in WEIGHTS:
        return value * dice.lognormvariate(0.0, WEIGHT_SPREAD)
    if name in SHARES:
        return _shifted(value, dice.gauss(0.0, SHARE_SPREAD))
    if name in SIZES and value is not None:
        return _scaled(value, dice.lognormvariate(0.0, SIZE_SPREAD))
    if isinstance(value, tuple) and value and isinstance(value[0], Part):
        return tuple(_moved(one, dice) for one in value)
    return value


def _mix(mix: Mix, dice: Dice) -> Mix:
    return {name: weight * dice.lognormvariate(0.0, WEIGHT_SPREAD) for name, weight in mix.items()}


def _shifted(bounds: Range, by: float) -> Range:
    """Never stays never and always always."""
    odds = math.exp(by)
    low, high = (share if share in (0.0, 1.0) else odds * share / (1.0 - share + odds * share) for share in bounds)
    return low, high


def _scaled(value: Range | float, factor: float) -> Range | float:
    """What is fixed, such as the two of two accounts, stays; a number of things stays above one where it was."""
    if isinstance(value, float):
        return value * factor
    low, high = value
    if low == high:
        return value
    least = min(low, FEWEST)
    return max(low * factor, least), max(high * factor, least)
