"""What an evaluation found, as data: the JSON answer is made of these classes, the report draws them.

Shares and probabilities lie in [0, 1]. A figure that is not defined (no ring in the world, say) is nan here and null in
JSON.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval, from a bootstrap over operators (and, of innocents, over their units)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Bin:
    """One bin of a reliability curve: the mean probability said, the share that was true, and of how many."""

    predicted: float
    observed: float
    count: int


@dataclass(frozen=True)
class Point:
    """A point of a curve."""

    x: float
    y: float


@dataclass(frozen=True)
class AccountFigures:
    """How well accounts are told apart. `budget`: how many accounts the reviewers go through; `roc` has false-positive
    rate and recall, `precision_recall` recall and precision, each of at most 100 points."""

    accounts: int
    abusive: int
    operators: int
    auroc: Estimate
    average_precision: Estimate
    recall_at_fpr_01: Estimate
    recall_at_fpr_1: Estimate
    budget: int
    precision_at_budget: Estimate
    calibration_error: Estimate
    reliability: tuple[Bin, ...]
    roc: tuple[Point, ...]
    precision_recall: tuple[Point, ...]


@dataclass(frozen=True)
class AgeFigures:
    """The same of accounts at one age (`signup`, `+1 h`, `+24 h`, `+7 d`), as the service would have answered then; and
    as it would have with looks by boosted trees alone, and by rules."""

    age: str
    accounts: AccountFigures
    trees: AccountFigures
    rules: AccountFigures


@dataclass(frozen=True)
class RingFound:
    """When a true ring was first found: half of its members so far in one flagged cluster. `hours` since its first
    account and `accounts` that it had by then; None where it never was. `share`: of its members in one flagged cluster
    at the end."""

    ring: str
    kind: str
    size: int
    share: float
    hours: float | None
    accounts: int | None


@dataclass(frozen=True)
class ClusterFigures:
    """How well rings are found. `ring_recall`: rings with half of their members in one flagged cluster; precision and
    recall of membership in flagged clusters; precision where the line of flagging is as high as a recall of four in
    five allows; B-cubed (Bagga and Baldwin 1998); `kind_accuracy` over flagged clusters
    that are mostly abusive; medians until found are over the rings that were found."""

    clusters: int
    flagged: int
    rings: int
    ring_recall: Estimate
    account_precision: Estimate
    account_recall: Estimate
    precision_at_recall_80: Estimate
    bcubed_precision: Estimate
    bcubed_recall: Estimate
    kind_accuracy: Estimate
    calibration_error: Estimate
    reliability: tuple[Bin, ...]
    hours_until_found: Estimate
    accounts_until_found: Estimate
    each_ring: tuple[RingFound, ...]


@dataclass(frozen=True)
class GroupFigures:
    """False accusations in one group of innocents: `accused` accounts of `accounts`, `people_accused` of `people`, in
    `units` (one campus, one household); `rate` is over accounts. `in_flagged_clusters`: accounts."""

    group: str
    accounts: int
    people: int
    units: int
    accused: int
    people_accused: int
    in_flagged_clusters: int
    rate: Estimate


@dataclass(frozen=True)
class MethodFigures:
    """One way of judging the same accounts and clusters: `shipped`, `trees`, `network`, `rules`, or an ablation.
    `accused_innocents`: the share of all innocents that it accuses."""

    name: str
    what: str
    accounts: AccountFigures
    ring_recall: Estimate
    accused_innocents: Estimate


@dataclass(frozen=True)
class EvasionStep:
    """What is left when the operator gives up one more kind of sharing. `cost`: dollars an account and month;
    `times`: that against sharing everything."""

    gives_up: str
    cost: float
    times: float
    recall_at_fpr_1: Estimate
    ring_recall: Estimate


@dataclass(frozen=True)
class Evaluation:
    """`judged_by`: "truth file" or "later labels". `accounts` and `methods` count accounts of which people had decided
    nothing by then: of the others there was nothing left to tell. `methods` judge the same final look; `split` are the
    methods fitted on this log's own earlier part and held to its later part and to other operators (empty unless asked
    for). `notes`: sentences without which the figures would be misread."""

    name: str
    judged_by: str
    as_of: str
    model_version: str
    accounts: AccountFigures
    clusters: ClusterFigures
    innocents: tuple[GroupFigures, ...]
    ages: tuple[AgeFigures, ...]
    methods: tuple[MethodFigures, ...]
    split: tuple[MethodFigures, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """All that one run of `evaluate` says: an evaluation a log or world, and the cost of evasion where it was asked
    for."""

    command: str
    evaluations: tuple[Evaluation, ...]
    evasion: tuple[EvasionStep, ...]
