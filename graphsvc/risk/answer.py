"""What the risk endpoint answers: the fields of the contract."""

from __future__ import annotations

from enum import Enum
from typing import Literal

from msgspec import Struct

from graphsvc.clusters.verdict import Verdict

RiskLevel = Literal["low", "medium", "high", "critical"]
Action = Literal["allow", "review", "challenge", "deny"]
LEVELS: tuple[RiskLevel, ...] = ("low", "medium", "high", "critical")


class Outcome(Enum):
    """What became of an assessed account. Abusive and benign become labels; the others are only remembered."""

    ABUSIVE = "abusive"
    BENIGN = "benign"
    CHALLENGE_PASSED = "challenge_passed"
    CHALLENGE_FAILED = "challenge_failed"
    ABANDONED = "abandoned"


class Reason(Struct, frozen=True):
    """One thing that counted. `shared_with` other accounts have the identifier, `shared_with_confirmed` of them are
    confirmed abusive; `identifier_type` is null where the reason is no shared identifier."""

    code: str
    text: str
    bits: float
    identifier_type: str | None
    shared_with: int
    shared_with_confirmed: int


class CarriedReason(Reason, frozen=True):
    """A reason with what it carries: by how much the log odds, and the probability in percentage points, fall without
    it; null where it is no shared identifier. Two that say the same each carry little beside the other."""

    log_odds: float | None
    probability_points: float | None


class Without(Struct, frozen=True):
    """The fewest reasons, by their places among the items, without which the account is not flagged, and its
    probability then."""

    items: tuple[int, ...]
    probability: float


class Carried(Struct, frozen=True):
    """Why an account scores so. It is flagged from `flagged_from` on; `probability_alone` is what is left where it
    shares nothing. `counterfactual` is null where it is not flagged, where people decided, or where no identifiers
    among the items carry the flag.

    Of an account that a detection judged the head knows less than the detection did: what it says of each identifier
    then moves the detection's odds by as much as it moves the head's.
    """

    items: tuple[CarriedReason, ...]
    probability: float
    probability_alone: float
    flagged_from: float
    counterfactual: Without | None


class RiskCluster(Struct, frozen=True):
    """The cluster that the account is in, or that its identifiers tie it to. `probability` is that of being abusive;
    `verdict` is unknown where its interval reaches far to both sides."""

    id: str
    kind: str
    probability: float
    size: int
    verdict: Verdict


class Assessment(Struct, frozen=True):
    """`verdict` is unknown where the account cannot be told: a person should look, or the next detection. `graph_as_of`
    is the moment of the last detection (RFC 3339), null before the first one. `held_out`: the account is let through
    although it would be challenged or denied, so that false positives can be measured; its outcome is worth telling.
    `policy_version` is the policy's name and a hash of its content."""

    assessment_id: str
    account_id: str
    probability: float
    verdict: Verdict
    risk_level: RiskLevel
    recommended_action: Action
    held_out: bool
    reasons: tuple[Reason, ...]
    cluster: RiskCluster | None
    model_version: str
    policy_version: str
    graph_as_of: str | None
    degraded: bool
    degraded_reasons: tuple[str, ...]
    latency_ms: float
