"""The policy's rules, worked out at loading for each kind of assessment, so that an answer costs one look-up."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import get_args

import msgspec
from msgspec import UNSET, Struct

from graphsvc.errors import BadInput
from graphsvc.risk.answer import LEVELS, Action, RiskLevel
from graphsvc.risk.policy.file import ACCOUNT, EVENTS, File, Rule, channel_key, read, wrong

__all__ = ["ACCOUNT", "SHIPPED", "Cell", "Grades", "Policy"]
SHIPPED = Path(__file__).with_name("default.toml")
STRICTNESS: dict[Action, int] = {action: place for place, action in enumerate(get_args(Action))}


class Grades(Struct, frozen=True):
    """The least probability of medium, high and critical, and an action for each of the four levels."""

    bounds: tuple[float, float, float]
    actions: tuple[Action, Action, Action, Action]

    def decide(self, probability: float) -> tuple[RiskLevel, Action]:
        place = sum(probability >= bound for bound in self.bounds)
        return LEVELS[place], self.actions[place]


class Cell(Struct, frozen=True):
    """What counts for one kind of assessment; of each shadow rule that chooses it, what would count with it."""

    grades: Grades
    shadows: tuple[tuple[str, Grades], ...]


class Policy(Struct, frozen=True):
    """`version` is the file's name and a hash of its content. `cells` by event type, channel ("" for those that no rule
    names) and whether a watch list has the account."""

    name: str
    version: str
    holdout_share: float
    channels: frozenset[str]
    shadows: tuple[str, ...]
    cells: dict[tuple[str, str, bool], Cell]

    @staticmethod
    def load(path: Path = SHIPPED) -> Policy:
        """Raises BadInput that says what is wrong in the file, where, and what to do."""
        try:
            content = path.read_bytes()
        except OSError:
            raise BadInput("The policy file cannot be read.", hint="Check its path and rights.") from None
        return Policy.parse(content)

    @staticmethod
    def parse(content: bytes) -> Policy:
        """A policy from the bytes of its file. Raises BadInput as `load` does."""
        file = read(content)
        channels = frozenset(_channels(file))
        kinds = product(EVENTS, sorted(channels | {""}), (False, True))
        return Policy(
            name=file.name,
            version=f"{file.name.replace(' ', '-')}-{hashlib.sha256(content).hexdigest()[:12]}",
            holdout_share=file.holdout.share,
            channels=channels,
            shadows=tuple(rule.name for rule in file.shadow),
            cells={kind: _cell(file, *kind) for kind in kinds},
        )

    def cell(self, event_type: str, channel: str | None, watched: bool) -> Cell:
        """What counts for an event of this type (or ACCOUNT) and the channel that it names."""
        key = channel_key(channel) if channel else ""
        return self.cells[event_type, key if key in self.channels else "", watched]

    def decide(
        self, event_type: str, probability: float, channel: str | None = None, *, watched: bool = False
    ) -> tuple[RiskLevel, Action]:
        """Level and action by the rules alone; lists and the holdout come after them."""
        return self.cell(event_type, channel, watched).grades.decide(probability)


def _channels(file: File) -> Iterable[str]:
    for rule in (*file.rule, *file.shadow):
        yield from () if rule.channel is UNSET else (channel_key(one) for one in rule.channel)


def _cell(file: File, event: str, channel: str, watched: bool) -> Cell:
    chosen = [rule for rule in file.rule if _chooses(rule, event, channel, watched)]
    shadows = [rule for rule in file.shadow if _chooses(rule, event, channel, watched)]
    place = f"{event}{' by ' + channel if channel else ''}{' on the watch list' if watched else ''}"
    return Cell(
        _grades(file, chosen, place),
        tuple((rule.name, _grades(file, [*chosen, rule], place)) for rule in shadows),
    )


def _chooses(rule: Rule, event: str, channel: str, watched: bool) -> bool:
    return (
        (rule.event is UNSET or event in rule.event)
        and (rule.channel is UNSET or channel in map(channel_key, rule.channel))
        and (rule.on_list is UNSET or watched)
    )


def _grades(file: File, rules: Sequence[Rule], place: str) -> Grades:
    """The values in force where these rules choose, later ones in place of earlier ones."""
    bounds = {name: getattr(file.default, name) for name in LEVELS[1:]}
    actions = msgspec.structs.asdict(file.default.actions)
    for rule in rules:
        bounds |= {name: getattr(rule, name) for name in bounds if getattr(rule, name) is not UNSET}
        actions |= {name: value for name, value in msgspec.structs.asdict(rule.actions).items() if value is not UNSET}
    medium, high, critical = bounds.values()
    by = " and ".join(["default", *(f'rule "{rule.name}"' for rule in rules)])
    if not 0 < medium < high < critical <= 1:
        raise wrong(by, f"for {place} the thresholds medium, high and critical must rise from above 0 to at most 1")
    graded = tuple(actions[level] for level in LEVELS)
    if sorted(graded, key=STRICTNESS.__getitem__) != list(graded):
        raise wrong(by, f"for {place} the action of a higher level is milder than that of a lower one")
    return Grades((medium, high, critical), graded)
