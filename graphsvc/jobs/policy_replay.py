"""What another policy would have recommended for what was assessed, and whom it would have hit by what is known now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from msgspec import Struct

from gnn.evaluate import wilson
from graphsvc.cases.assessments import AssessmentRow, AssessmentStore
from graphsvc.config import Settings
from graphsvc.errors import BadInput
from graphsvc.events.tokens import Tokeniser, load_key
from graphsvc.ledger import open_ledger
from graphsvc.risk.answer import Action
from graphsvc.risk.keys import account_key
from graphsvc.risk.labels import LabelBook
from graphsvc.risk.policy import Policy
from graphsvc.risk.policy.file import EVENTS
from graphsvc.risk.policy.rules import STRICTNESS
from graphsvc.risk.policy.verdict import STOPS, Decided, Standing, in_holdout, recommend

Known = Literal["abusive", "benign", "unknown"]
ACTIONS: tuple[Action, ...] = tuple(STRICTNESS)
DECIDED: Mapping[str, Decided] = {"allow": "allow", "block": "block"}


class Accounts(Struct, frozen=True):
    """How many accounts, and how many of them are confirmed abusive and benign by now."""

    accounts: int
    abusive: int
    benign: int


class Share(Struct, frozen=True):
    """`rate` of the accounts whose truth is known, with its 95 % interval; null where nothing is known."""

    rate: float | None
    low: float
    high: float


class ByAction(Struct, frozen=True):
    """An account counts once for each type of event, by the strictest action that it would have got."""

    event_type: str
    action: Action
    present: Accounts
    new: Accounts


class Change(Struct, frozen=True):
    event_type: str
    present: Action
    new: Action
    count: Accounts


class Shadow(Struct, frozen=True):
    """A shadow rule of the new policy: whom it would treat more strictly, and whom more mildly, than its rules do."""

    name: str
    stricter: Accounts
    milder: Accounts


class Measured(Struct, frozen=True):
    """Accounts that were let through at the time although graded to be stopped, and that a policy would stop.
    `false_positives`: those confirmed benign among those whose truth is known."""

    count: Accounts
    false_positives: Share


class Holdout(Struct, frozen=True):
    """`present` and `new`: how many accounts each policy would have held out, and their share of all it would have
    stopped or held out. `recorded`: those that really were, and of these what each policy would stop."""

    present: Accounts
    new: Accounts
    present_share: float
    new_share: float
    recorded: Measured
    recorded_present: Measured
    recorded_new: Measured


class Replay(Struct, frozen=True):
    """`otherwise`: assessments for which the policy of their time recommended something else than the present one."""

    present_version: str
    new_version: str
    assessments: int
    accounts: Accounts
    otherwise: int
    by_action: list[ByAction]
    changes: list[Change]
    holdout: Holdout
    shadows: list[Shadow]


Pair = tuple[str, str]
"""An account and a type of event."""


@dataclass
class _Side:
    """What one policy would have done: the strictest action by account and type of event, those held out, and those
    that it graded to be stopped."""

    policy: Policy
    strictest: dict[Pair, int] = field(default_factory=dict)
    held_out: set[str] = field(default_factory=set)
    stopped: set[str] = field(default_factory=set)

    def take(self, row: AssessmentRow, key: bytes) -> Action:
        """Counts an assessment, and returns what would have been recommended."""
        listed = _standing(row.listed)
        _, graded = self.policy.cell(row.event_type, row.channel, listed.watched).grades.decide(row.probability)
        chosen = graded in STOPS and in_holdout(key, row.account_id, self.policy.holdout_share)
        said = recommend(graded, listed, chosen)
        if said.held_out:
            self.held_out.add(row.account_id)
        if graded in STOPS and not listed.decided:
            self.stopped.add(row.account_id)
        pair, place = (row.account_id, row.event_type), STRICTNESS[said.action]
        self.strictest[pair] = max(place, self.strictest.get(pair, 0))
        return said.action


def replay(settings: Settings, present: Policy, new: Policy, since_ms: int, until_ms: int) -> Replay:
    """Both policies over the assessments that are remembered of a time. Raises BadInput where there are none."""
    rows = AssessmentStore(settings.places.cases).history(since_ms, until_ms)
    key = Tokeniser(load_key(settings)).derived_key("holdout")
    sides = _Side(present), _Side(new)
    recorded: set[str] = set()
    shadows: dict[tuple[str, bool], set[str]] = {}
    assessments = otherwise = 0
    for row in rows:
        assessments += 1
        actions = [side.take(row, key) for side in sides]
        otherwise += actions[0] != row.recommended_action
        if row.held_out:
            recorded.add(row.account_id)
        for name, stricter in _shadowed(row, new) if new.shadows else ():
            shadows.setdefault((name, stricter), set()).add(row.account_id)
    if not assessments:
        raise BadInput("No assessment of that time is remembered.", hint="They are remembered for 30 days.")
    count = _counter(settings)
    return Replay(
        present_version=present.version,
        new_version=new.version,
        assessments=assessments,
        accounts=count({account for account, _ in sides[0].strictest}),
        otherwise=otherwise,
        by_action=_by_action(*sides, count),
        changes=_changes(*sides, count),
        holdout=_holdout(*sides, recorded, count),
        shadows=[
            Shadow(name, count(shadows.get((name, True), ())), count(shadows.get((name, False), ())))
            for name in new.shadows
        ],
    )


Count = Callable[[Iterable[str]], Accounts]


def _counter(settings: Settings) -> Count:
    """Counts accounts by the labels in force now."""
    book = LabelBook()
    with closing(open_ledger(settings)) as ledger:
        labels = [stored.label for stored in ledger.labels()]
    book.add(labels)
    known = {one.account_id: _known(book, one.account_id) for one in labels}

    def count(accounts: Iterable[str]) -> Accounts:
        found = Counter(known.get(one, "unknown") for one in accounts)
        return Accounts(found.total(), found["abusive"], found["benign"])

    return count


def _known(book: LabelBook, account_id: str) -> Known:
    standing = book.standing(account_key(account_id, book.seed), banned=False)
    return "abusive" if standing.abusive else "benign" if standing.benign else "unknown"


def _by_action(present: _Side, new: _Side, count: Count) -> list[ByAction]:
    """A row for each type of event and action that somebody got under one of the two."""
    groups: dict[tuple[str, int], tuple[list[str], list[str]]] = {}
    for place, side in enumerate((present, new)):
        for (account, event_type), action in side.strictest.items():
            groups.setdefault((event_type, action), ([], []))[place].append(account)
    return [
        ByAction(event_type, ACTIONS[action], *map(count, groups[event_type, action]))
        for event_type, action in sorted(groups, key=lambda one: (EVENTS.index(one[0]), one[1]))
    ]


def _changes(present: _Side, new: _Side, count: Count) -> list[Change]:
    groups: dict[tuple[str, int, int], list[str]] = {}
    for (account, event_type), before in present.strictest.items():
        after = new.strictest[account, event_type]
        if after != before:
            groups.setdefault((event_type, before, after), []).append(account)
    return [
        Change(event_type, ACTIONS[before], ACTIONS[after], count(groups[event_type, before, after]))
        for event_type, before, after in sorted(groups, key=lambda one: (EVENTS.index(one[0]), *one[1:]))
    ]


def _holdout(present: _Side, new: _Side, recorded: set[str], count: Count) -> Holdout:
    before, after = (len(side.held_out) / max(len(side.stopped), 1) for side in (present, new))
    return Holdout(
        present=count(present.held_out),
        new=count(new.held_out),
        present_share=before,
        new_share=after,
        recorded=_measured(count(recorded)),
        recorded_present=_measured(count(recorded & present.stopped)),
        recorded_new=_measured(count(recorded & new.stopped)),
    )


def _measured(found: Accounts) -> Measured:
    known = found.abusive + found.benign
    return Measured(found, Share(found.benign / known if known else None, *wilson(found.benign, known)))


def _shadowed(row: AssessmentRow, policy: Policy) -> Iterable[tuple[str, bool]]:
    """The shadow rules that grade an assessment otherwise, each with whether more strictly."""
    cell = policy.cell(row.event_type, row.channel, _standing(row.listed).watched)
    graded = STRICTNESS[cell.grades.decide(row.probability)[1]]
    for name, grades in cell.shadows:
        other = STRICTNESS[grades.decide(row.probability)[1]]
        if other != graded:
            yield name, other > graded


@cache
def _standing(listed: str) -> Standing:
    """What lists said at the time, as an assessment remembers it."""
    names = listed.split()
    return Standing(next((DECIDED[name] for name in names if name in DECIDED), ""), "watch" in names)
