"""The table of worlds for the README: what was measured, one row a world, over its seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from graphsvc.evaluation.figures import Evaluation, MethodFigures, Report

METHODS = ("shipped", "trees", "rules")
MEASURES: dict[str, Callable[[MethodFigures], float]] = {
    "average precision": lambda method: method.accounts.average_precision.value,
    "recall at 1 % false positives": lambda method: method.accounts.recall_at_fpr_1.value,
    "rings found": lambda method: method.ring_recall.value,
    "innocents accused": lambda method: method.accused_innocents.value,
}
NONE = "–"


def table(report: Report) -> str:
    """A Markdown table: for each world, named "world seed" in the report, mean and range over its seeds of every
    measure, of the shipped model, the trees alone and the rules side by side."""
    groups: dict[str, list[Evaluation]] = {}
    for evaluation in report.evaluations:
        groups.setdefault(evaluation.name.rpartition(" ")[0] or evaluation.name, []).append(evaluation)
    head = ["world", *(f"{measure}: {method}" for measure in MEASURES for method in METHODS)]
    rows = [[name, *_cells(evaluations)] for name, evaluations in groups.items()]
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cells(evaluations: Sequence[Evaluation]) -> list[str]:
    return [
        _cell([of(method) for evaluation in evaluations for method in evaluation.methods if method.name == name])
        for of in MEASURES.values()
        for name in METHODS
    ]


def _cell(values: Sequence[float]) -> str:
    """Mean and range, in per cent; a figure that is defined in no world (no ring, say) is a dash."""
    told = [100 * value for value in values if not math.isnan(value)]
    if not told:
        return NONE
    mean, low, high = sum(told) / len(told), min(told), max(told)
    return f"{mean:.1f}" if f"{low:.1f}" == f"{high:.1f}" else f"{mean:.1f} ({low:.1f}–{high:.1f})"
