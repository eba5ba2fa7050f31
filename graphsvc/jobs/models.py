"""The models of a deployment: which one is in use, which one judges beside it unseen, and how it came to that.

One file, `models/current`, says it all and is replaced in one step, so that a promotion is seen whole or not at all;
running services read it at each look. The models themselves lie beside it, a folder each, and never change.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from graphsvc.config import SHIPPED, Places
from graphsvc.errors import BadUsage, Conflict, ModelUnavailable, NotFound

if TYPE_CHECKING:
    from gnn.ensemble import Model

Action = Literal["put in use", "challenges", "promoted", "rolled back"]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to a model. `check` is what promotion was judged by; `reason` why it was forced."""

    at_ms: int
    action: Action
    version: str
    previous: str = ""
    reason: str = ""
    check: dict[str, Any] = {}


class States(msgspec.Struct, frozen=True, kw_only=True):
    """`champion` is in use, the shipped one where it is SHIPPED; `challenger` judges unseen, "" for none; `before` are
    the champions before this one, the last one last."""

    champion: str = SHIPPED
    challenger: str = ""
    before: tuple[str, ...] = ()
    history: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Listed:
    """A model and what it is now: champion, challenger, retired or shipped."""

    version: str
    state: str
    manifest: dict[str, Any]


def load_model(folder: Path) -> Model:
    """Raises ModelUnavailable where the training stack or the model's files are missing or damaged."""
    if importlib.util.find_spec("torch") is None:
        raise ModelUnavailable("PyTorch is not installed.", hint="Install graphsvc[model] to train and to detect.")
    from gnn import registry
    from gnn.errors import ModelError

    try:
        return registry.load(folder)
    except ModelError as error:
        raise ModelUnavailable(error.message, hint=error.hint) from None


def keep_model(model: Model, places: Places) -> str:
    """Saves a model in the data folder and puts it in use. Returns its version."""
    return register(model, places, challenger=False)[0]


def register(model: Model, places: Places, challenger: bool | None = None) -> tuple[str, bool]:
    """Saves a model, and puts it in use or makes it the challenger; by default the latter where a model of the
    deployment's own is in use already. Returns its version and whether it is in use."""
    with _changing(places) as (states, write):
        version = _saved(model, places, champion_version(places, states))
        if version == states.champion:
            return version, True
        if challenger if challenger is not None else states.champion != SHIPPED:
            write(_challenged(states, version))
            return version, False
        write(_in_use(states, version, "put in use"))
        return version, True


def _saved(model: Model, places: Places, parent: str) -> str:
    from gnn import registry

    draft = places.models / f".new-{os.getpid()}"
    version = registry.save(model, draft, {"created_ms": _now_ms(), "parent": parent})
    folder = places.models / version
    if folder.exists():
        for path in draft.iterdir():
            path.unlink()
        draft.rmdir()
    else:
        draft.rename(folder)
    return version


def read_states(places: Places) -> States:
    """Raises ModelUnavailable where the file is damaged."""
    try:
        content = places.current_model.read_bytes()
    except FileNotFoundError:
        return States()
    if not content.startswith(b"{"):
        return States(champion=content.decode().strip())
    try:
        return msgspec.json.decode(content, type=States)
    except msgspec.DecodeError:
        message = f"{places.current_model} is damaged: it does not tell which model is in use."
        raise ModelUnavailable(message, hint="Restore it, or remove it to use the model that ships.") from None


def challenge(places: Places, version: str) -> None:
    """Makes a model the challenger. Raises NotFound, or Conflict for the one in use."""
    with _changing(places) as (states, write):
        _known(places, version)
        if version in (states.champion, champion_version(places, states)):
            raise Conflict(f"Model {version} is in use.", hint="Only another one can challenge it.")
        write(_challenged(states, version))


def promote(places: Places, version: str, check: dict[str, Any], reason: str = "") -> str:
    """Puts the challenger in use, at once and for all services; returns the version that was in use before.
    Raises NotFound, or Conflict where `version` is not the challenger or the champion is no longer the one checked."""
    with _changing(places) as (states, write):
        _known(places, version)
        previous = champion_version(places, states)
        if version != states.challenger or check.get("champion", previous) != previous:
            raise not_the_challenger(version, states)
        write(_in_use(states, version, "promoted", reason, check))
        return previous


def rollback(places: Places, reason: str = "") -> tuple[str, str]:
    """Puts the champion before this one in use again; returns its version and the one that was in use. Raises Conflict
    where there was none before."""
    with _changing(places) as (states, write):
        if not states.before:
            raise Conflict("No model was in use before this one.", hint="See graphsvc model list.")
        *before, target = states.before
        if target != SHIPPED:
            load_model(_known(places, target))
        now = champion_version(places, states)
        change = Change(at_ms=_now_ms(), action="rolled back", version=target, previous=now, reason=reason)
        write(
            States(
                champion=target,
                challenger="" if states.challenger == target else states.challenger,
                before=tuple(before),
                history=(*states.history, change),
            )
        )
        return champion_version(places), now


def not_the_challenger(version: str, states: States) -> Conflict:
    beside = f"the challenger is {states.challenger}" if states.challenger else "there is no challenger"
    return Conflict(
        f"Model {version} is not the challenger of the model in use; {beside}.",
        hint=f"graphsvc model challenge {version} lets it judge beside the one in use first.",
    )


def champion_version(places: Places, states: States | None = None) -> str:
    """The version of the model in use, that of the shipped one where it is."""
    champion = (states or read_states(places)).champion
    return shipped_version(places) if champion == SHIPPED else champion


def shipped_version(places: Places) -> str:
    return str(_manifest(places.shipped_model)["version"])


def listed(places: Places) -> list[Listed]:
    """All models, the newest first, the shipped one last."""
    states = read_states(places)
    folders = [path for path in places.models.glob("[!.]*") if (path / "manifest.json").is_file()]
    found = [Listed(path.name, _state(path.name, states), _manifest(path)) for path in folders]
    found.sort(key=lambda one: (one.manifest.get("registered", {}).get("created_ms", 0), one.version), reverse=True)
    state = "champion (shipped)" if states.champion == SHIPPED else "shipped"
    return [*found, Listed(shipped_version(places), state, _manifest(places.shipped_model))]


def shown(places: Places, version: str) -> Listed:
    """One model, by its version, the beginning of it, or champion, challenger or shipped. Raises NotFound."""
    models = listed(places)
    exact = [one for one in models if version in (one.version, one.state) or one.state.startswith(f"{version} (")]
    found = exact or [one for one in models if one.version.startswith(version)]
    if len({one.version for one in found}) > 1:
        raise BadUsage(f"More than one model begins with {version}.", hint="Write more of it.")
    if not found:
        raise _missing(version)
    return found[0]


def folder_of(places: Places, version: str) -> Path:
    """Where a model lies, the shipped one too. Raises NotFound."""
    return places.shipped_model if version in (SHIPPED, shipped_version(places)) else _known(places, version)


def _known(places: Places, version: str) -> Path:
    folder = places.models / version
    if Path(version).name != version or not (folder / "manifest.json").is_file():
        raise _missing(version)
    return folder


def _missing(version: str) -> NotFound:
    return NotFound(f"There is no model {version}.", hint="graphsvc model list shows those there are.")


def _manifest(folder: Path) -> dict[str, Any]:
    from gnn.errors import ModelError
    from gnn.files import read_manifest

    try:
        return read_manifest(folder)
    except ModelError as error:
        raise ModelUnavailable(error.message, hint=error.hint) from None


def _state(version: str, states: States) -> str:
    named = {states.champion: "champion", states.challenger: "challenger"}
    return named.get(version, "retired")


def _challenged(states: States, version: str) -> States:
    if version == states.challenger:
        return states
    change = Change(at_ms=_now_ms(), action="challenges", version=version, previous=states.challenger)
    return msgspec.structs.replace(states, challenger=version, history=(*states.history, change))


def _in_use(
    states: States, version: str, action: Action, reason: str = "", check: dict[str, Any] | None = None
) -> States:
    previous = states.champion
    change = Change(
        at_ms=_now_ms(), action=action, version=version, previous=previous, reason=reason, check=check or {}
    )
    return States(
        champion=version,
        challenger="" if states.challenger == version else states.challenger,
        before=(*states.before, previous),
        history=(*states.history, change),
    )


class _Write:
    """Replaces the file that says it all, in one step."""

    def __init__(self, places: Places) -> None:
        self._path = places.current_model

    def __call__(self, states: States) -> None:
        draft = self._path.with_name(f".current-{os.getpid()}")
        with draft.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(states), indent=1) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)


@contextmanager
def _changing(places: Places) -> Iterator[tuple[States, _Write]]:
    """The states as they are, and the way to replace them, for one process at a time."""
    places.create().models.mkdir(exist_ok=True)
    with (places.models / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield read_states(places), _Write(places)


def _now_ms() -> int:
    return int(time.time() * 1000)
