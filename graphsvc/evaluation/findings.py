"""Sentences about one evaluation, made from its figures alone. Each is judged by the worse end of its interval, so that
few cases never look like good ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from graphsvc.evaluation.figures import Estimate, Evaluation, MethodFigures
from graphsvc.evaluation.readings import SHIPPED, accused, found_rings, upper_end, worst_off
from graphsvc.evaluation.words import Say, counted, decimal, estimate, label, number, percent, span, trimmed

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


def _innocents(one: Evaluation) -> Finding | None:
    hit, accounts = sum(group.accused for group in one.innocents), sum(group.accounts for group in one.innocents)
    share = accused(one)
    text = f"{hit:,} of {counted(accounts, 'innocent account')} are accused: {estimate(share, percent)}."
    return _below(share, 0.01, percent, text)


def _worst_group(one: Evaluation) -> Finding | None:
    worst = worst_off(one.innocents)
    if worst is None:
        return None
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
    """Of a figure that is the better the lower it is; None where it is not defined, bad where it has no interval."""
    if math.isnan(figure.value):
        return None
    end = upper_end(figure)
    return Finding(text, f"bad above {trimmed(say(line))}", math.isnan(figure.high) or end > line, end - line)


def _above(figure: Estimate, line: float, say: Say, text: str) -> Finding | None:
    """Of a figure that is the better the higher it is; None where it is not defined, bad where it has no interval."""
    if math.isnan(figure.value):
        return None
    end = figure.value if math.isnan(figure.low) else figure.low
    return Finding(text, f"bad below {trimmed(say(line))}", math.isnan(figure.low) or end < line, line - end)


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
