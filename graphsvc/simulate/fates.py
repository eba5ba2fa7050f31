"""When the accounts of a unit come into being, and what the provider does to them: joins, bans, successors."""

from __future__ import annotations

from dataclasses import dataclass

from graphsvc.simulate.dice import Dice
from graphsvc.simulate.plan import Unit
from graphsvc.simulate.scene import DAY_MS, HOUR_MS, Scene
from graphsvc.simulate.spec import Archetype

AGED_DAYS = (1.0, 150.0)


@dataclass(slots=True)
class Fate:
    """`heir_of`: index of the banned account that this one replaces."""

    joined_ms: int
    banned_ms: int | None = None
    heir_of: int | None = None


def unit_begin_ms(unit: Unit, scene: Scene, dice: Dice) -> int:
    """When the unit's first account signs up: with its wave, or before the world's start for an aged unit."""
    archetype = unit.archetype
    if unit.call is not None:
        at = unit.call.at
        called_ms = scene.release_ms if at is None else scene.start_ms + int(at * (scene.end_ms - scene.start_ms))
        return min(called_ms + int(dice.random() * unit.call.hours * HOUR_MS), scene.end_ms - DAY_MS)
    if dice.chance(dice.between(archetype.signups.aged)):
        return scene.start_ms - int(dice.between(AGED_DAYS) * DAY_MS)
    return scene.start_ms + int(dice.between((0.0, 0.85)) * (scene.end_ms - scene.start_ms))


def innocent_fates(archetype: Archetype, size: int, begin_ms: int, scene: Scene, dice: Dice) -> list[Fate]:
    spread_ms = _spread_ms(archetype, begin_ms, scene, dice)
    return [Fate(_inside(begin_ms + int(dice.random() * spread_ms), scene, dice)) for _ in range(size)]


def _spread_ms(archetype: Archetype, begin_ms: int, scene: Scene, dice: Dice) -> float:
    """Over how long the unit's first accounts sign up, at most until shortly before the world's end."""
    return min(dice.between_log(archetype.signups.hours) * HOUR_MS, scene.end_ms - DAY_MS - begin_ms)


def ring_fates(archetype: Archetype, size: int, begin_ms: int, scene: Scene, dice: Dice) -> list[Fate]:
    """Fates of a ring: a first pool, waves of partial bans where the ring is found, successors within hours or days.

    Accounts of the reserve that no ban called for join as growth.
    """
    spread_ms = _spread_ms(archetype, begin_ms, scene, dice)
    reserve = int(size * dice.between((0.1, 0.4)))
    fates = [
        Fate(_inside(begin_ms + int(dice.random() * spread_ms), scene, dice)) for _ in range(max(1, size - reserve))
    ]
    for wave_ms in _waves(archetype, begin_ms, scene, dice):
        _strike(fates, size, wave_ms, archetype, scene, dice)
    from_ms = max(begin_ms, scene.start_ms)
    while len(fates) < size:
        fates.append(Fate(from_ms + int(dice.random() * (scene.end_ms - HOUR_MS - from_ms))))
    return fates


def _waves(archetype: Archetype, begin_ms: int, scene: Scene, dice: Dice) -> list[int]:
    provider = archetype.provider
    if not dice.chance(dice.between(provider.found)):
        return []
    moment = max(begin_ms, scene.start_ms) + dice.between_log(provider.delay_days) * DAY_MS
    waves = []
    for _ in range(dice.whole(provider.waves)):
        waves.append(int(moment))
        moment += dice.between((0.5, 7.0)) * DAY_MS
    return [wave_ms for wave_ms in waves if wave_ms < scene.end_ms - DAY_MS]


def _strike(fates: list[Fate], size: int, wave_ms: int, archetype: Archetype, scene: Scene, dice: Dice) -> None:
    """Bans a part of those alive at the wave, and lets successors come as long as the reserve lasts."""
    provider = archetype.provider
    caught, replaced = dice.between(provider.caught), dice.between(provider.replaced)
    for index in range(len(fates)):
        fate = fates[index]
        if fate.banned_ms is not None or fate.joined_ms >= wave_ms or not dice.chance(caught):
            continue
        fate.banned_ms = wave_ms + int(dice.random() * 5 * HOUR_MS)
        if len(fates) < size and dice.chance(replaced):
            wait_ms = int(min(72.0, dice.lognormvariate(2.0, 1.0)) * HOUR_MS)
            fates.append(Fate(_inside(fate.banned_ms + wait_ms, scene, dice), heir_of=index))


def _inside(ms: int, scene: Scene, dice: Dice) -> int:
    """The moment, or one near the end where it lies past it."""
    last_ms = scene.end_ms - 2 * HOUR_MS
    return ms if ms < last_ms else last_ms - int(dice.random() * min(2 * DAY_MS, (last_ms - scene.start_ms) // 2))
