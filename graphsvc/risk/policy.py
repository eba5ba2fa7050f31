"""The policy: from a probability to a level and a recommended action, by type of event; data, not code."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

import msgspec
from msgspec import Struct

from graphsvc.errors import BadInput
from graphsvc.events.types import EventType
from graphsvc.risk.answer import LEVELS, Action, RiskLevel

SHIPPED = Path(__file__).parent / "policy.toml"
ACCOUNT = "account"
"""Stands for an assessment without an event."""
Level = Literal["low", "medium", "high", "critical"]


class _Default(Struct, frozen=True, forbid_unknown_fields=True):
    medium: float
    high: float
    critical: float
    actions: dict[Level, Action]


class _Override(Struct, frozen=True, forbid_unknown_fields=True):
    medium: float | None = None
    high: float | None = None
    critical: float | None = None
    actions: dict[Level, Action] = {}


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    version: str
    default: _Default
    event: dict[str, _Override] = {}


class Rules(Struct, frozen=True):
    """For one type of event: the least probability of medium, high and critical, and an action for each level."""

    bounds: tuple[float, float, float]
    actions: dict[Level, Action]

    def decide(self, probability: float) -> tuple[RiskLevel, Action]:
        level = LEVELS[sum(probability >= bound for bound in self.bounds)]
        return level, self.actions[level]


class Policy(Struct, frozen=True):
    version: str
    rules: dict[str, Rules]

    @staticmethod
    def load(path: Path = SHIPPED) -> Policy:
        """Raises BadInput that says what is wrong in the file."""
        try:
            file = msgspec.toml.decode(path.read_bytes(), type=_File)
        except OSError:
            raise BadInput("The policy file cannot be read.", hint="Check its path and rights.") from None
        except msgspec.MsgspecError as error:
            raise BadInput(f"The policy file is wrong: {error}.") from None
        names = (*get_args(EventType), ACCOUNT)
        unknown = set(file.event) - set(names)
        if unknown:
            raise BadInput(f"The policy names an event type that there is not: {sorted(unknown)[0]}.")
        return Policy(file.version, {name: _rules(name, file) for name in names})

    def decide(self, event_type: str, probability: float) -> tuple[RiskLevel, Action]:
        """Level and action for an event of this type, or for ACCOUNT."""
        return self.rules[event_type].decide(probability)


def _rules(name: str, file: _File) -> Rules:
    own, default = file.event.get(name, _Override()), file.default
    medium, high, critical = (
        given if given is not None else usual
        for given, usual in (
            (own.medium, default.medium),
            (own.high, default.high),
            (own.critical, default.critical),
        )
    )
    if not 0 < medium < high < critical <= 1:
        raise BadInput(f"The policy's bounds for {name} must rise from above 0 to at most 1.")
    actions = default.actions | own.actions
    if set(actions) != set(LEVELS):
        raise BadInput("The policy needs an action for each level: low, medium, high and critical.")
    return Rules((medium, high, critical), actions)
