"""Who lives in a world: its rings, offices, households and persons, before any of them has done anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from graphsvc.simulate.dice import Dice
from graphsvc.simulate.spec import Archetype, Wave, WorldSpec

SECOND_RING = 0.2
"""Chance that a ring belongs to the operator of the ring before it."""
SMALLEST_LOW, SMALL_WORLD_SHARE = 8, 0.012
"""In a small world, units of large kinds are smaller too, so that it has them."""


@dataclass(frozen=True)
class Call:
    """When a wave begins (a share of the world's time, None: at the release) and over how many hours it comes."""

    at: float | None
    hours: float


@dataclass(frozen=True)
class Unit:
    """`ordinal` names the unit's dice; innocents have no `operator` and `ring`; `call`: the wave that it comes with."""

    ordinal: int
    archetype: Archetype
    size: int
    operator: str = ""
    ring: str = ""
    call: Call | None = None

    @property
    def name(self) -> str:
        """The ring's name, or the group's with a number."""
        return self.ring or f"{self.archetype.name}-{self.ordinal + 1}"


Planned = tuple[Archetype, int, Call | None]


def plan(spec: WorldSpec) -> list[Unit]:
    """The units of a world: their sizes add up to its accounts. What is left over goes to the commonest group."""
    dice = Dice.of(spec.seed, "plan")
    called: list[Planned] = [
        (*unit, call) for wave in spec.waves for call in (_call(wave, dice),) for unit in _wave(spec, wave, dice)
    ]
    held = {side: sum(size for it, size, _ in called if it.side == side) for side in ("operator", "innocent")}
    abusive = round(spec.accounts * dice.between(spec.abusive_share)) if spec.operators else 0
    planned = called + [
        (*unit, None) for unit in _sizes(spec, spec.operators, max(0, abusive - held["operator"]), dice)
    ]
    left = spec.accounts - sum(size for _, size, _ in planned)
    planned += [(*unit, None) for unit in _sizes(spec, spec.innocents, left, dice)]
    missing = spec.accounts - sum(size for _, size, _ in planned)
    commonest = spec.archetypes[max(spec.innocents, key=lambda name: spec.innocents[name])]
    planned += [(commonest, 1, None)] * missing
    return _named(planned, dice)


def _named(planned: list[Planned], dice: Dice) -> list[Unit]:
    """The units with their operators: a ring may be of the operator of the ring before it."""
    units: list[Unit] = []
    operator = 0
    for ordinal, (archetype, size, call) in enumerate(planned):
        if archetype.side == "innocent":
            units.append(Unit(ordinal, archetype, size, call=call))
            continue
        again = units and units[-1].archetype is archetype and dice.chance(SECOND_RING)
        operator += not again
        units.append(Unit(ordinal, archetype, size, f"operator-{operator}", f"ring-{ordinal + 1}", call))
    return units


def _call(wave: Wave, dice: Dice) -> Call:
    return Call(dice.between(wave.at) if wave.at else None, dice.between_log(wave.hours))


def _wave(spec: WorldSpec, wave: Wave, dice: Dice) -> list[tuple[Archetype, int]]:
    """The units that come with one wave, one at least."""
    units = list(_sizes(spec, {wave.group: 1.0}, round(wave.share * spec.accounts), dice))
    if units:
        return units
    archetype = spec.archetypes[wave.group]
    return [(archetype, max(1, min(round(archetype.size[0]), spec.accounts // 20)))]


def _sizes(spec: WorldSpec, mix: Mapping[str, float], accounts: int, dice: Dice) -> Iterator[tuple[Archetype, int]]:
    """Sizes of units, the large kinds first; what is too little for one unit goes to the next kind."""
    whole = sum(mix.values())
    left, rest = 0, accounts
    for name in sorted(mix, key=lambda name: (-spec.archetypes[name].size[0], name)):
        archetype = spec.archetypes[name]
        share = min(rest, round(accounts * mix[name] / whole))
        left, rest = left + share, rest - share
        low, high = archetype.size
        low = min(low, max(SMALLEST_LOW, SMALL_WORLD_SHARE * spec.accounts))
        largest = max(low, min(high, archetype.largest_share * spec.accounts))
        while left >= low:
            size = min(left, round(dice.between_log((low, largest))))
            size = left if left - size < low and left <= 2 * largest else size
            yield archetype, size
            left -= size
