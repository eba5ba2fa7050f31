"""Variations of a world: everything that may move does, what must stay stays, and each makes a world."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from graphsvc.simulate import load_world, simulate
from graphsvc.simulate.spec import Archetype, Part
from graphsvc.simulate.vary import SHARES, SIZES, varied

WORLDS = ("plain", "evasive", "poisoned", "drift", "flash", "quiet")


def leaves(part: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """All values that are no parts, by the way to them."""
    if isinstance(part, Part | Archetype):
        pairs = [(name, getattr(part, name)) for name in part.__struct_fields__]
    elif isinstance(part, tuple) and part and isinstance(part[0], Part):
        pairs = [(str(number), one) for number, one in enumerate(part)]
    else:
        return {path: part}
    return {where: leaf for name, value in pairs for where, leaf in leaves(value, (*path, name)).items()}


@pytest.mark.parametrize("name", WORLDS)
def test_shares_stay_shares_and_what_is_fixed_stays(name: str) -> None:
    spec = load_world(name)
    for seed in range(4):
        for key, archetype in varied(spec, seed).archetypes.items():
            before, after = leaves(spec.archetypes[key]), leaves(archetype)
            assert before.keys() == after.keys()
            for path, value in before.items():
                moved = after[path]
                if path[-1] in SHARES:
                    assert 0.0 <= moved[0] <= moved[1] <= 1.0
                    assert [share in (0.0, 1.0) for share in moved] == [share in (0.0, 1.0) for share in value]
                elif path[-1] in SIZES and isinstance(value, tuple):
                    assert moved == value if value[0] == value[1] else min(value[0], 1.0) <= moved[0] <= moved[1]
                elif not isinstance(value, dict | float):
                    assert moved == value


def test_all_that_says_how_often_or_how_much_moves() -> None:
    spec = load_world("plain")
    before, after = leaves(spec.archetypes["distillation"]), leaves(varied(spec, 3).archetypes["distillation"])
    free = [
        path
        for path, value in before.items()
        if isinstance(value, tuple) and path[-1] in SHARES | SIZES and value[0] != value[1] and set(value) != {0.0, 1.0}
    ]
    assert len(free) > 20
    assert all(before[path] != after[path] for path in free)


def test_the_same_seed_gives_the_same_variation_and_another_another() -> None:
    spec = load_world("plain")
    encoded = [msgspec.json.encode(varied(spec, seed)) for seed in (1, 1, 2)]
    assert encoded[0] == encoded[1] != encoded[2]


@pytest.mark.parametrize("name", ["poisoned", "flash"])
def test_a_variation_makes_a_world(name: str, tmp_path: Path) -> None:
    spec = msgspec.structs.replace(varied(load_world(name), 5), accounts=150, days=5, requests=3, seed=5)
    made = simulate(spec, tmp_path)
    assert made.accounts == 150
    assert (made.abusive > 0) == (made.rings > 0) == (name == "poisoned")
