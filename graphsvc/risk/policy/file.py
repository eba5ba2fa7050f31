"""The policy file: strict TOML, read into structs; what is wrong is told with its key and a remedy."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field

from graphsvc.errors import BadInput
from graphsvc.events.types import EventType
from graphsvc.risk.answer import Action

ACCOUNT = "account"
"""Stands for an assessment without an event."""
EVENTS: tuple[str, ...] = (*get_args(EventType), ACCOUNT)
FILE_MAX_BYTES = 256 * 1024
HOLDOUT_MAX = 0.2
"""To let through more than a fifth of those held abusive is no measurement any more."""
GUIDE = "docs/policy.md tells every key; graphsvc policy show --toml prints one that works."
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,47}$")]
Channel = Annotated[str, Meta(min_length=1, max_length=64)]


class Actions(Struct, frozen=True, forbid_unknown_fields=True):
    """An action for some of the levels."""

    low: Action | UnsetType = UNSET
    medium: Action | UnsetType = UNSET
    high: Action | UnsetType = UNSET
    critical: Action | UnsetType = UNSET


class AllActions(Struct, frozen=True, forbid_unknown_fields=True):
    """An action for each level."""

    low: Action
    medium: Action
    high: Action
    critical: Action


class Default(Struct, frozen=True, forbid_unknown_fields=True):
    """What counts where no rule says otherwise."""

    medium: float
    high: float
    critical: float
    actions: AllActions


class Rule(Struct, frozen=True, forbid_unknown_fields=True):
    """Values in place of those before it, for what all of its conditions choose; one that is left out chooses all."""

    name: Name
    event: (
        Annotated[
            list[Literal["signup", "login", "payment", "request", "enforcement", "activity", "account"]],
            Meta(min_length=1),
        ]
        | UnsetType
    ) = UNSET
    channel: Annotated[list[Channel], Meta(min_length=1, max_length=50)] | UnsetType = UNSET
    on_list: Annotated[list[Literal["watch"]], Meta(min_length=1)] | UnsetType = field(name="list", default=UNSET)
    medium: float | UnsetType = UNSET
    high: float | UnsetType = UNSET
    critical: float | UnsetType = UNSET
    actions: Actions = Actions()

    @property
    def conditional(self) -> bool:
        return any(one is not UNSET for one in (self.event, self.channel, self.on_list))

    @property
    def says_something(self) -> bool:
        given = (self.medium, self.high, self.critical, *msgspec.structs.astuple(self.actions))
        return any(one is not UNSET for one in given)


class Holdout(Struct, frozen=True, forbid_unknown_fields=True):
    """`share` of accounts are let through although they would be challenged or denied."""

    share: float = 0.0


class File(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. `shadow` rules are worked out and remembered with each assessment, and change no answer."""

    name: Name
    default: Default
    holdout: Holdout = Holdout()
    rule: Annotated[list[Rule], Meta(max_length=100)] = []
    shadow: Annotated[list[Rule], Meta(max_length=16)] = []


def read(content: bytes) -> File:
    """The file's content. Raises BadInput that names the key (rules counted from 1) and says what to do."""
    if len(content) > FILE_MAX_BYTES:
        raise wrong("", f"it is larger than {FILE_MAX_BYTES // 1024} KiB")
    try:
        file = msgspec.toml.decode(content, type=File)
    except msgspec.ValidationError as error:
        raise _said(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        place = re.search(r"\(at [^)]*\)", str(error))
        raise wrong("", f"it is not TOML {place[0] if place else ''}".rstrip()) from None
    _check(file)
    return file


def wrong(key: str, what: str, hint: str = GUIDE) -> BadInput:
    """An error at a key of the file, '' for the whole."""
    at = f" at {key}" if key else ""
    return BadInput(f"The policy file is wrong{at}: {what}.", hint=hint)


def channel_key(channel: str) -> str:
    """What a channel is compared by: its case and the space around it say nothing."""
    return channel.strip().casefold()


def _check(file: File) -> None:
    if not 0 <= file.holdout.share <= HOLDOUT_MAX:
        raise wrong("holdout.share", f"a share from 0 to {HOLDOUT_MAX} is expected")
    names: set[str] = set()
    for table, rules in (("rule", file.rule), ("shadow", file.shadow)):
        for number, rule in enumerate(rules, 1):
            key = f"{table}[{number}]"
            if rule.name in names:
                raise wrong(f"{key}.name", "another rule has this name", "Give each rule a name of its own.")
            names.add(rule.name)
            if not rule.says_something:
                raise wrong(key, "this rule changes nothing", "Give it a threshold or actions, or leave it out.")
            if rule.channel is not UNSET and not all(map(channel_key, rule.channel)):
                raise wrong(f"{key}.channel", "a channel has a name", "Leave channel out to choose them all.")
            if table == "rule" and not rule.conditional:
                raise wrong(key, "this rule chooses everything", "Give it event, channel or list, or change [default].")


def _said(text: str) -> BadInput:
    what, _, path = text.partition(" - at `$")
    key = _counted(path.rstrip("`").lstrip("."))
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", what, re.DOTALL)
    if unknown:
        return wrong(_joined(key, unknown[1]), "there is no such key", _nearest(unknown[1], key))
    missing = re.fullmatch(r"Object missing required field `(\w+)`", what)
    if missing:
        return wrong(_joined(key, missing[1]), "this key is missing")
    if what.startswith("Invalid enum value"):
        return wrong(key, "the value is not one of those allowed", f"It is one of {', '.join(_allowed(key))}.")
    return wrong(key, what[:1].lower() + what[1:])


def _counted(path: str) -> str:
    """Places in lists counted from 1, as people count tables in a file."""
    return re.sub(r"\[(\d+)\]", lambda found: f"[{int(found[1]) + 1}]", path)


def _joined(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _allowed(key: str) -> Iterable[Any]:
    """The values that a key takes."""
    if ".actions." in key or key.startswith("actions."):
        return get_args(Action)
    return EVENTS if ".event" in key else ("watch",)


def _nearest(name: str, key: str) -> str:
    table = re.sub(r"\[\d+\]", "", key)
    kinds: dict[str, type[Struct]] = {
        "": File,
        "default": Default,
        "holdout": Holdout,
        "rule": Rule,
        "shadow": Rule,
    }
    known = [one.encode_name for one in msgspec.structs.fields(kinds.get(table, Actions))]
    near = difflib.get_close_matches(name, known, 1)
    return f"Did you mean {near[0]}?" if near else f"Known here are {', '.join(known)}."
