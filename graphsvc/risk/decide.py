"""What is recommended: by the policy in force, the lists and the holdout, all of which are followed while answers go
on."""

from __future__ import annotations

import time
from typing import TypedDict

import msgspec
from msgspec import Struct
from prometheus_client import Counter

from graphsvc.cases.lists import ListStore
from graphsvc.config import Settings
from graphsvc.errors import Unavailable
from graphsvc.events.record import Record
from graphsvc.events.tokens import Tokeniser, load_key
from graphsvc.risk.answer import Action, RiskLevel
from graphsvc.risk.listed import Known, Listed, Lists, nothing_known
from graphsvc.risk.loops import Loop
from graphsvc.risk.policy.keeper import PolicyKeeper
from graphsvc.risk.policy.verdict import in_holdout, recommend

FOLLOW_EVERY_S = 0.25
ACTIONS = Counter("graphsvc_risk_actions_total", "Recommended actions", ["event_type", "action"])
HELD_OUT = Counter("graphsvc_risk_held_out_total", "Answers that allow only to measure false positives")
LISTED = Counter("graphsvc_risk_listed_total", "Answers in which an entry of a list counted", ["list"])


class Facts(TypedDict):
    """Fields of graphsvc.cases.assessments.AssessmentRow."""

    channel: str
    listed: str
    graded_action: str
    held_out: int
    shadow_actions: str


class Recommendation(Struct, frozen=True):
    """`graded` is the action before lists and holdout; `shadows` the actions that shadow rules would have graded."""

    level: RiskLevel
    action: Action
    graded: Action
    held_out: bool
    channel: str
    listed: Listed
    shadows: tuple[tuple[str, Action], ...]
    policy_version: str

    def facts(self) -> Facts:
        """What an assessment remembers of it, beside what it answers."""
        standing = self.listed.standing
        names = (standing.decided, "watch" if standing.watched else "")
        return Facts(
            channel=self.channel,
            listed=" ".join(name for name in names if name),
            graded_action="" if self.graded == self.action else self.graded,
            held_out=int(self.held_out),
            shadow_actions=msgspec.json.encode(dict(self.shadows)).decode(),
        )


class Decider:
    """Any thread may `decide` at any time; it reads memory only."""

    def __init__(self, settings: Settings) -> None:
        self._policy = PolicyKeeper(settings)
        self.lists = Lists(ListStore(settings.places.cases))
        self._holdout_key = Tokeniser(load_key(settings)).derived_key("holdout")
        self._loop = Loop("policy", FOLLOW_EVERY_S, self.refresh)
        try:
            self.lists.refresh()
        except Unavailable:
            # Answers say that the lists are missing until the loop has read them.
            return

    def start(self) -> None:
        self._loop.start()

    def stop(self) -> None:
        self._loop.stop()

    def refresh(self) -> None:
        """Takes up a changed policy file and changed lists. Raises Unavailable where the lists cannot be read."""
        self._policy.refresh()
        self.lists.refresh()

    def decide(
        self, account_id: str, event_type: str, probability: float, record: Record | None, known: Known = nothing_known
    ) -> Recommendation:
        """For an event's `record`, or None for an account by itself. `known`: what the account was ever seen with."""
        policy = self._policy.held.policy
        channel = record.channel if record is not None else None
        identifiers = record.identifiers if record is not None else ()
        listed = self.lists.look(account_id, identifiers, int(time.time() * 1000), known)
        cell = policy.cell(event_type, channel, listed.standing.watched)
        level, graded = cell.grades.decide(probability)
        said = recommend(graded, listed.standing, in_holdout(self._holdout_key, account_id, policy.holdout_share))
        _count(event_type, said.action, said.held_out, listed)
        return Recommendation(
            level=level,
            action=said.action,
            graded=graded,
            held_out=said.held_out,
            channel=channel or "",
            listed=listed,
            shadows=tuple((name, grades.decide(probability)[1]) for name, grades in cell.shadows),
            policy_version=policy.version,
        )

    def missing(self) -> tuple[tuple[str, bool], ...]:
        """What answers have to do without, each with whether it is so."""
        return ("policy_refused", bool(self._policy.held.problem)), ("lists_unavailable", self.lists.stale)

    def states(self) -> dict[str, str]:
        """For each part "ok", or what is wrong."""
        held = self._policy.held
        refused = f"{held.problem} In force is {held.policy.version}." if held.problem else "ok"
        return {"policy": refused, "lists": "cannot be read now" if self.lists.stale else "ok"}


def _count(event_type: str, action: Action, held_out: bool, listed: Listed) -> None:
    ACTIONS.labels(event_type, action).inc()
    if held_out:
        HELD_OUT.inc()
    for name in {hit.list for hit in listed.hits}:
        LISTED.labels(name).inc()
