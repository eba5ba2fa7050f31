"""The table of worlds: what was measured on each, over its seeds, by the model and by what it is held against."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from graphsvc.evaluation.figures import Evaluation, MethodFigures, Report

METHODS = {"shipped": "model in use", "trees": "its trees alone", "rules": "rules"}
MEASURES: dict[str, Callable[[MethodFigures], float]] = {
    "average precision": lambda method: method.accounts.average_precision.value,
    "recall at 0.1 %": lambda method: method.accounts.recall_at_fpr_01.value,
    "recall at 1 %": lambda method: method.accounts.recall_at_fpr_1.value,
    "rings found": lambda method: method.ring_recall.value,
    "innocents accused": lambda method: method.accused_innocents.value,
}
NONE = "–"

Worlds = Mapping[str, Sequence[Evaluation]]


AGES = ("signup", "+24 h", "+7 d")
INNOCENT_ENOUGH = 30
"""A group of fewer innocents says nothing of a rate of one half per cent."""


def table(report: Report) -> str:
    """Markdown tables in per cent, a row for each world, named "world seed" in the report, with the mean and the range
    over the world's seeds: each way of judging at the end; at ages of accounts; and what the model promises."""
    worlds: dict[str, list[Evaluation]] = {}
    for evaluation in report.evaluations:
        worlds.setdefault(evaluation.name.rpartition(" ")[0] or evaluation.name, []).append(evaluation)
    tables = (
        (["world", "judged by", *MEASURES], _rows(worlds)),
        (["average precision at age", *METHODS.values()], _ages(worlds)),
        (["the model in use", *PROMISES], _promises(worlds)),
    )
    return "\n\n".join(_markdown(head, rows) for head, rows in tables)


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    rule = ["---:" if place else "---" for place in range(len(head))]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *rows))


def _rows(worlds: Worlds) -> Iterator[list[str]]:
    for world, evaluations in worlds.items():
        for name, words in METHODS.items():
            said = [method for one in evaluations for method in one.methods if method.name == name]
            yield [world, words, *(_cell([of(method) for method in said]) for of in MEASURES.values())]


def _ages(worlds: Worlds) -> Iterator[list[str]]:
    for world, evaluations in worlds.items():
        for age in AGES:
            found = [one for evaluation in evaluations for one in evaluation.ages if one.age == age]
            beside = ([one.accounts for one in found], [one.trees for one in found], [one.rules for one in found])
            precisions = (_cell([one.average_precision.value for one in accounts]) for accounts in beside)
            yield [f"{world}, {age}", *precisions]


def _worst_group(one: Evaluation) -> float:
    return max((g.rate.value for g in one.innocents if g.accounts >= INNOCENT_ENOUGH), default=math.nan)


PROMISES: dict[str, Callable[[Evaluation], float]] = {
    "precision in flagged clusters": lambda one: one.clusters.account_precision.value,
    "recall in flagged clusters": lambda one: one.clusters.account_recall.value,
    "precision at a recall of 80 %": lambda one: one.clusters.precision_at_recall_80.value,
    "calibration error, accounts": lambda one: one.accounts.calibration_error.value,
    "calibration error, clusters": lambda one: one.clusters.calibration_error.value,
    "worst group of innocents accused": _worst_group,
}


def _promises(worlds: Worlds) -> Iterator[list[str]]:
    for world, evaluations in worlds.items():
        yield [world, *(_cell([of(one) for one in evaluations]) for of in PROMISES.values())]


def _cell(values: Sequence[float]) -> str:
    """Mean and range, in per cent; a figure that is defined in no world (no ring, say) is a dash."""
    told = [100 * value for value in values if not math.isnan(value)]
    if not told:
        return NONE
    mean, low, high = sum(told) / len(told), min(told), max(told)
    return f"{mean:.1f}" if f"{low:.1f}" == f"{high:.1f}" else f"{mean:.1f} ({low:.1f}–{high:.1f})"
