"""What a client answers: the fields of the service's contract, and the same where the service did not answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeVar

RiskLevel = Literal["low", "medium", "high", "critical"]
Verdict = Literal["abusive", "innocent", "unknown"]
Action = Literal["allow", "review", "challenge", "deny"]
Outcome = Literal["abusive", "benign", "challenge_passed", "challenge_failed", "abandoned"]
Json = Mapping[str, Any]
UNTOLD: Json = {"verdict": "unknown"}
"""What a service of before verdicts leaves out."""
D = TypeVar("D")


@dataclass(frozen=True)
class RiskReason:
    """One thing that counted, as the service words it; `identifier_type` is None where it is no shared identifier."""

    code: str
    text: str
    bits: float
    identifier_type: str | None
    shared_with: int
    shared_with_confirmed: int


@dataclass(frozen=True)
class RiskCluster:
    """The cluster that the account is in, or that its identifiers tie it to."""

    id: str
    kind: str
    probability: float
    size: int
    verdict: Verdict


@dataclass(frozen=True)
class RiskAnswer:
    """An assessment; `verdict` is unknown where the service cannot tell the account. Where `answered` is False the
    service gave none: `recommended_action` is allow, `degraded` is True, `degraded_reasons` holds one reason that
    begins with `client_`, `probability` is None and `assessment_id` is empty."""

    assessment_id: str
    account_id: str
    probability: float | None
    verdict: Verdict
    risk_level: RiskLevel
    recommended_action: Action
    held_out: bool
    reasons: tuple[RiskReason, ...]
    cluster: RiskCluster | None
    model_version: str
    policy_version: str
    graph_as_of: str | None
    degraded: bool
    degraded_reasons: tuple[str, ...]
    latency_ms: float

    @property
    def answered(self) -> bool:
        """Whether the service, and not the client alone, gave this answer."""
        return self.probability is not None


@dataclass(frozen=True)
class Told:
    """Whether the service knows the outcome now, and why not; `contradicts`: labels that say the opposite."""

    told: bool
    reason: str = ""
    contradicts: tuple[Json, ...] = ()


@dataclass(frozen=True)
class Refused:
    """An event that the service did not take, by its place among those sent. `pointer` (RFC 6901) within the event."""

    index: int
    event_id: str | None
    code: str
    detail: str
    pointer: str


@dataclass(frozen=True)
class Sent:
    """What became of events. All before `next_index` are settled; with a `reason` those from there on were not taken
    and can be sent again: an event that arrives twice counts once."""

    accepted: int
    duplicates: int
    rejected: tuple[Refused, ...]
    next_index: int
    reason: str = ""

    @property
    def complete(self) -> bool:
        return not self.reason


def allowed(reason: str, account_id: str = "") -> RiskAnswer:
    """The answer of a client that got none."""
    return RiskAnswer(
        "", account_id, None, "unknown", "low", "allow", False, (), None, "", "", None, True, (reason,), 0.0
    )


def risk_answer(body: Json) -> RiskAnswer:
    """From the service's JSON; what a later version adds is left out. Raises TypeError, KeyError or ValueError where
    it is no assessment."""
    if body["recommended_action"] not in ("allow", "review", "challenge", "deny"):
        raise ValueError("No action that this client knows.")
    cluster = body["cluster"]
    made = {
        "probability": float(body["probability"]),
        "reasons": tuple(_of(RiskReason, reason) for reason in body["reasons"]),
        "cluster": None if cluster is None else _of(RiskCluster, {**UNTOLD, **cluster}),
        "degraded_reasons": tuple(body["degraded_reasons"]),
    }
    return _of(RiskAnswer, {**UNTOLD, **body, **made})


def refused(body: Json, before: int) -> Refused:
    """From the service's JSON, for a batch with so many events before it. Raises like risk_answer."""
    return _of(Refused, {**body, "index": before + int(body["index"])})


def _of(kind: type[D], body: Json) -> D:
    return kind(**{field.name: body[field.name] for field in fields(kind)})  # type: ignore[arg-type]
