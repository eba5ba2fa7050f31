"""Worlds and archetypes read from their TOML files."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from graphsvc.config import resource
from graphsvc.errors import BadUsage
from graphsvc.simulate.spec import Archetype, Later, LaterFile, Mix, WorldFile, WorldSpec


def load_world(name_or_file: str | Path) -> WorldSpec:
    """A shipped world by name, or one from a TOML file; archetype files beside it win over the shipped ones.

    Raises BadUsage where there is none of that name or the file is not as it must be.
    """
    path = _world_path(name_or_file)
    world = _convert(_world_table(path), WorldFile, path)
    raw = _archetype_tables([resource("simulate", "archetypes"), path.parent / "archetypes"])
    raw = _changed(raw, world.override, path)
    operators, innocents = ({n: w for n, w in mix.items() if w > 0} for mix in (world.operators, world.innocents))
    used = dict.fromkeys([*operators, *innocents, *(wave.group for wave in world.wave)])
    used |= {victim: None for name in used if (victim := _known(raw, name, path).get("takeover", {}).get("victim"))}
    archetypes = {name: _convert(_known(raw, name, path), Archetype, path) for name in used}
    _check_sides(operators, innocents, archetypes, path)
    return WorldSpec(
        name=world.name,
        abusive_share=world.abusive_share,
        operators=operators,
        innocents=innocents,
        archetypes=archetypes,
        requests=world.requests,
        later=_later(world.later, raw, archetypes, path) if world.later else None,
        release=world.release,
        waves=world.wave,
    )


def _world_table(path: Path, above: tuple[str, ...] = ()) -> dict[str, Any]:
    """The file's table, laid over that of the world it builds on."""
    table = _toml(path)
    base = table.pop("base", None)
    if base is None:
        return table
    if path.stem in above:
        raise BadUsage(f"{path.name} builds on itself.", hint="Take one `base` away.")
    beside = path.parent / f"{base}.toml"
    return _merged(_world_table(beside if beside.is_file() else _world_path(base), (*above, path.stem)), table)


def _changed(
    raw: dict[str, dict[str, Any]], changes: dict[str, dict[str, Any]], path: Path
) -> dict[str, dict[str, Any]]:
    return raw | {name: _merged(_known(raw, name, path), change) for name, change in changes.items()}


def _later(later: LaterFile, raw: dict[str, dict[str, Any]], archetypes: dict[str, Archetype], path: Path) -> Later:
    if not 0.0 < later.after < 1.0:
        raise BadUsage(f"In {path.name}, `later.after` is {later.after:g}.", hint="Give a share of the time in (0, 1).")
    changed = _changed(raw, later.override, path)
    names = [name for name in later.override if name in archetypes]
    return Later(later.after, {name: _convert(changed[name], Archetype, path) for name in names})


def _check_sides(operators: Mix, innocents: Mix, archetypes: dict[str, Archetype], path: Path) -> None:
    if not innocents:
        raise BadUsage(f"{path.name} has no innocents.", hint="Give [innocents] at least one group.")
    for mix, side in ((operators, "operator"), (innocents, "innocent")):
        if wrong := [name for name in mix if archetypes[name].side != side]:
            raise BadUsage(f"{path.name} names {wrong[0]} on the wrong side.", hint=f"It is not an {side}.")


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
