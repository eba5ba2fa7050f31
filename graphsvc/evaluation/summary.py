"""What a report says in plain words, made from its figures alone: the bad first, and each by the worse end of its
interval, so that few cases never look like good ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from graphsvc.evaluation.figures import Estimate, Evaluation, EvasionStep, GroupFigures, MethodFigures
from graphsvc.evaluation.words import (
    Say,
    counted,
    decimal,
    dollars,
    estimate,
    label,
    number,
    percent,
    span,
    times,
    trimmed,
)

SHIPPED = "shipped"
FEW_UNITS = 5
FEW_RINGS = 10


@dataclass(frozen=True)
class Finding:
    """A sentence about one evaluation; `bad` past its `line`, which is said with it. `worse`: how much lies beyond (or
    is left before) the line, to find the worst of several evaluations."""

    text: str
    line: str
    bad: bool
    worse: float


@dataclass(frozen=True)
class Statement:
    """The worst finding of one check over all evaluations: `name` is the evaluation it is about, `bad_in` how many of
    `of` evaluations lie past the line."""

    finding: Finding
    name: str
    bad_in: int
    of: int


@dataclass(frozen=True)
class Totals:
    """Over all evaluations. A ring or a person of two worlds counts twice: they are two."""

    rings: int
    rings_found: int
    innocents: int
    innocents_accused: int
    people: int
    people_accused: int
    worst_group: GroupFigures | None
    worst_group_in: str


@dataclass(frozen=True)
class World:
    """One world over its seeds: counts added up, and the figures of each seed that are defined."""

    name: str
    seeds: int
    totals: Totals
    precision: tuple[float, ...]
    caught: tuple[float, ...]


def totals(evaluations: Sequence[Evaluation]) -> Totals:
    """Counts over all of them, and the group that could be worst off among those that are accused at all."""
    groups = [(group, one.name) for one in evaluations for group in one.innocents]
    worst = max(
        ((group, name) for group, name in groups if group.accused),
        key=lambda pair: (_end(pair[0].rate), pair[0].accused),
        default=(None, ""),
    )
    return Totals(
        sum(one.clusters.rings for one in evaluations),
        sum(found_rings(one) for one in evaluations),
        sum(group.accounts for group, _ in groups),
        sum(group.accused for group, _ in groups),
        sum(group.people for group, _ in groups),
        sum(group.people_accused for group, _ in groups),
        *worst,
    )


def worlds(evaluations: Sequence[Evaluation]) -> list[World]:
    """Evaluations named "world seed", by world; none where no world has a second seed."""
    of: dict[str, list[Evaluation]] = {}
    for one in evaluations:
        world, _, seed = one.name.rpartition(" ")
        of.setdefault(world if seed.isdecimal() and world else one.name, []).append(one)
    if len(of) == len(evaluations):
        return []
    return [
        World(
            name,
            len(seeds),
            totals(seeds),
            _defined(one.accounts.average_precision for one in seeds),
            _defined(one.accounts.recall_at_fpr_1 for one in seeds),
        )
        for name, seeds in of.items()
    ]


def found_rings(one: Evaluation) -> int:
    """How many rings have half of their members in one flagged cluster at the end."""
    recall = one.clusters.ring_recall.value
    return 0 if math.isnan(recall) else round(recall * one.clusters.rings)


def statements(evaluations: Sequence[Evaluation]) -> list[Statement]:
    """What each check says at its worst: first what is past its line, then the rest, each in the order of CHECKS."""
    said = []
    for check in CHECKS:
        pairs = [(finding, one.name) for one in evaluations if (finding := check(one)) is not None]
        if pairs:
            worst, name = max(pairs, key=lambda pair: (pair[0].bad, pair[0].worse))
            said.append(Statement(worst, name, sum(finding.bad for finding, _ in pairs), len(pairs)))
    return sorted(said, key=lambda statement: not statement.finding.bad)


def of_evasion(steps: Sequence[EvasionStep]) -> str:
    """The cheapest step that halves what is caught of who gives up nothing; without one, what the last step leaves."""
    if not steps:
        return ""
    whole = steps[0].recall_at_fpr_1.value
    halved = [step for step in steps if step.recall_at_fpr_1.value <= whole / 2]
    step = min(halved, key=lambda one: one.cost) if halved else steps[-1]
    return (
        f"An operator who pays {dollars(step.cost)} an account and month ({times(step.times)} the cost of sharing "
        f"everything; the last thing given up: {label(step.gives_up)}) cuts what is caught from {percent(whole)} to "
        f"{estimate(step.recall_at_fpr_1, percent)}, at one false accusation in 100 innocents."
    )


def worst_first(groups: Sequence[GroupFigures]) -> list[GroupFigures]:
    """By the upper end of the interval."""
    return sorted(groups, key=lambda group: (-_end(group.rate), group.group))


def accused(one: Evaluation) -> Estimate:
    """The share of all innocents that the shipped model accuses, with its interval where `methods` has one."""
    shipped = [method.accused_innocents for method in one.methods if method.name == SHIPPED]
    if shipped:
        return shipped[0]
    accounts = sum(group.accounts for group in one.innocents)
    share = sum(group.accused for group in one.innocents) / accounts if accounts else math.nan
    return Estimate(share, math.nan, math.nan)


def _innocents(one: Evaluation) -> Finding | None:
    hit, accounts = sum(group.accused for group in one.innocents), sum(group.accounts for group in one.innocents)
    share = accused(one)
    text = f"{hit:,} of {counted(accounts, 'innocent account')} are accused: {estimate(share, percent)}."
    return _below(share, 0.01, percent, text)


def _worst_group(one: Evaluation) -> Finding | None:
    if not one.innocents:
        return None
    worst = worst_first(one.innocents)[0]
    text = (
        f"Worst off among the innocents: {label(worst.group)}, {worst.accused:,} of "
        f"{counted(worst.accounts, 'account')} accused, {estimate(worst.rate, percent)}; that is "
        f"{worst.people_accused:,} of {counted(worst.people, 'person', 'people')}."
    )
    return _below(worst.rate, 0.02, percent, text)


def _rings(one: Evaluation) -> Finding | None:
    rings, recall = one.clusters.rings, one.clusters.ring_recall
    missed = f"{rings - found_rings(one)} of {counted(rings, 'ring')} are missed"
    return _above(recall, 0.8, percent, f"{missed}; found: {estimate(recall, percent)}.")


def _strict_recall(one: Evaluation) -> Finding | None:
    recall = one.accounts.recall_at_fpr_01
    caught = f"{estimate(recall, percent)} of the abusive accounts are caught"
    return _above(recall, 0.5, percent, f"If only one innocent in 1,000 may be accused, {caught}.")


def _budget(one: Evaluation) -> Finding | None:
    if one.accounts.abusive == 0:
        return None
    precision = one.accounts.precision_at_budget
    looked_at = f"Of the {counted(one.accounts.budget, 'account')} that reviewers have time for"
    return _above(precision, 0.8, percent, f"{looked_at}, {estimate(precision, percent)} are abusive.")


def _drawn_in(one: Evaluation) -> Finding | None:
    if one.accounts.abusive == 0:
        return None
    precision = one.clusters.account_precision
    text = f"Of the accounts in flagged clusters, {estimate(precision, percent)} are abusive; the rest are innocent."
    return _above(precision, 0.9, percent, text)


def _at_signup(one: Evaluation) -> Finding | None:
    for age in one.ages:
        if age.age == "signup":
            recall = age.accounts.recall_at_fpr_1
            caught = f"At signup, {estimate(recall, percent)} of the abusive accounts are caught"
            return _above(recall, 0.5, percent, f"{caught} at one false accusation in 100 innocents.")
    return None


def _slow(one: Evaluation) -> Finding | None:
    hours, size = one.clusters.hours_until_found, number(one.clusters.accounts_until_found.value)
    taken = f"Of the rings that are found, half take longer than {estimate(hours, span)}"
    text = f"{taken}; in the median a ring has {size} accounts by then."
    return _below(hours, 168.0, span, text)


def _calibration(one: Evaluation) -> Finding | None:
    error = one.accounts.calibration_error
    text = f"Probabilities of accounts are wrong by {estimate(error, decimal)} on average (calibration error)."
    return _below(error, 0.05, decimal, text)


def _cluster_calibration(one: Evaluation) -> Finding | None:
    error = one.clusters.calibration_error
    text = f"Probabilities of clusters are wrong by {estimate(error, decimal)} on average (calibration error)."
    return _below(error, 0.1, decimal, text)


def _kinds(one: Evaluation) -> Finding | None:
    right = one.clusters.kind_accuracy
    text = f"Of the flagged clusters that are rings, {estimate(right, percent)} are given the right kind."
    return _above(right, 0.8, percent, text)


def _baseline(one: Evaluation) -> Finding | None:
    """The shipped model against the best of the others: bad unless it is better beyond both intervals."""
    precision = {method.name: method.accounts.average_precision for method in one.methods}
    shipped = precision.pop(SHIPPED, None)
    others = {name: figure for name, figure in precision.items() if not math.isnan(figure.value)}
    if shipped is None or math.isnan(shipped.value) or not others:
        return None
    name, best = max(others.items(), key=lambda pair: pair[1].value)
    bad = not shipped.low > best.high
    how = "worse than" if best.value > shipped.value else "not clearly better than" if bad else "better than"
    text = (
        f"By average precision the shipped model, {estimate(shipped, decimal)}, is {how} "
        f"“{label(name)}”, {estimate(best, decimal)}."
    )
    return Finding(text, "bad unless better beyond both intervals", bad, best.value - shipped.value)


def _ahead(one: Evaluation) -> Finding | None:
    """Where another way of judging has the better value, whatever the intervals: a hint, and never left out."""
    shipped = next((method for method in one.methods if method.name == SHIPPED), None)
    if shipped is None or len(one.methods) < 2:
        return None
    better = [found for name, less, of in COMPARED if (found := _better(name, less, of, shipped, one.methods))]
    text = f"Another way of judging is ahead of the shipped model in {'; '.join(better)}."
    return Finding(text, "bad if any is", True, len(better)) if better else None


def _better(
    name: str,
    less: bool,
    of: Callable[[MethodFigures], Estimate],
    shipped: MethodFigures,
    all_: Sequence[MethodFigures],
) -> str:
    """`rings found (trees 92.3% against 61.5%)` of the best method, nothing where that is the shipped one."""
    sign = -1.0 if less else 1.0
    defined = [method for method in all_ if not math.isnan(of(method).value)]
    best = max(defined, key=lambda method: sign * of(method).value, default=shipped)
    if best is shipped or not sign * of(best).value > sign * of(shipped).value:
        return ""
    return f"{name} ({label(best.name)} {percent(of(best).value)} against {percent(of(shipped).value)})"


def _no_ring(one: Evaluation) -> Finding | None:
    text = "There is no ring: nothing could be found, and every accusation is false."
    return None if one.clusters.rings else Finding(text, "", False, 0.0)


def _few_rings(one: Evaluation) -> Finding | None:
    rings = one.clusters.rings
    if rings == 0 or rings >= FEW_RINGS:
        return None
    return Finding(
        f"Only {counted(rings, 'ring')}: figures of rings say little.", f"below {FEW_RINGS} rings", True, -rings
    )


def _few_units(one: Evaluation) -> Finding | None:
    few = [f"{label(group.group)} ({group.units})" for group in one.innocents if group.units < FEW_UNITS]
    if not few:
        return None
    text = f"Groups with too few independent units to judge, whatever their rate: {', '.join(sorted(few))}."
    return Finding(text, f"below {FEW_UNITS} units", True, len(few))


def _below(figure: Estimate, line: float, say: Say, text: str) -> Finding | None:
    """Of a figure that is the better the lower it is; None where it is not defined."""
    if math.isnan(figure.value):
        return None
    end = _end(figure)
    return Finding(text, f"bad above {trimmed(say(line))}", end > line, end - line)


def _above(figure: Estimate, line: float, say: Say, text: str) -> Finding | None:
    """Of a figure that is the better the higher it is; None where it is not defined."""
    if math.isnan(figure.value):
        return None
    end = figure.value if math.isnan(figure.low) else figure.low
    return Finding(text, f"bad below {trimmed(say(line))}", end < line, line - end)


def _defined(figures: Iterable[Estimate]) -> tuple[float, ...]:
    return tuple(sorted(figure.value for figure in figures if not math.isnan(figure.value)))


def _end(figure: Estimate) -> float:
    """The upper end; of a figure without an interval its value, and below all others where it has none."""
    ends = [end for end in (figure.value, figure.high) if not math.isnan(end)]
    return max(ends, default=-math.inf)


COMPARED: tuple[tuple[str, bool, Callable[[MethodFigures], Estimate]], ...] = (
    ("innocents accused", True, lambda method: method.accused_innocents),
    ("rings found", False, lambda method: method.ring_recall),
    ("what is caught at 0.1% false accusations", False, lambda method: method.accounts.recall_at_fpr_01),
    ("what is caught at 1%", False, lambda method: method.accounts.recall_at_fpr_1),
    ("precision at the review budget", False, lambda method: method.accounts.precision_at_budget),
)
CHECKS: tuple[Callable[[Evaluation], Finding | None], ...] = (
    _innocents,
    _worst_group,
    _few_units,
    _rings,
    _no_ring,
    _few_rings,
    _drawn_in,
    _strict_recall,
    _budget,
    _at_signup,
    _slow,
    _baseline,
    _ahead,
    _calibration,
    _cluster_calibration,
    _kinds,
)
