"""The table of worlds: what was measured on each, over its seeds, by the model and by what it is held against."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

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


def table(report: Report) -> str:
    """A Markdown table in per cent: a row for each world, named "world seed" in the report, and each way of judging,
    with the mean and the range over the world's seeds."""
    lines = [["world", "judged by", *MEASURES], ["---", "---", *("---:" for _ in MEASURES)], *_rows(report)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _rows(report: Report) -> Iterator[list[str]]:
    worlds: dict[str, list[Evaluation]] = {}
    for evaluation in report.evaluations:
        worlds.setdefault(evaluation.name.rpartition(" ")[0] or evaluation.name, []).append(evaluation)
    for world, evaluations in worlds.items():
        for name, words in METHODS.items():
            said = [method for one in evaluations for method in one.methods if method.name == name]
            yield [world, words, *(_cell([of(method) for method in said]) for of in MEASURES.values())]


def _cell(values: Sequence[float]) -> str:
    """Mean and range, in per cent; a figure that is defined in no world (no ring, say) is a dash."""
    told = [100 * value for value in values if not math.isnan(value)]
    if not told:
        return NONE
    mean, low, high = sum(told) / len(told), min(told), max(told)
    return f"{mean:.1f}" if f"{low:.1f}" == f"{high:.1f}" else f"{mean:.1f} ({low:.1f}–{high:.1f})"
