"""The figures of a report as lines for a terminal: each with its interval, the innocents by group."""

from __future__ import annotations

from collections.abc import Iterator

from graphsvc.evaluation.figures import (
    AccountFigures,
    AgeFigures,
    ClusterFigures,
    Evaluation,
    EvasionStep,
    GroupFigures,
    MethodFigures,
    Report,
)
from graphsvc.evaluation.words import counted, decimal, dollars, estimate, label, number, percent, span, times

INDENT = 2
NAME = 32

Row = tuple[str, ...]


def lines(report: Report) -> Iterator[str]:
    """All lines, without their ends."""
    for one in report.evaluations:
        yield from _evaluation(one)
    if report.evasion:
        yield from _section("what evasion costs the operator, and leaves")
        yield from _aligned([EVASION_HEAD, *map(_step, report.evasion)])


def _evaluation(one: Evaluation) -> Iterator[str]:
    yield f"{one.name}: as of {one.as_of}, model {one.model_version}, judged by {one.judged_by}"
    for note in one.notes:
        yield f"{' ' * INDENT}{note}"
    accounts, clusters = one.accounts, one.clusters
    abusive = f"{accounts.abusive:,} abusive of {counted(accounts.operators, 'operator')}"
    yield from _section(f"accounts: {accounts.accounts:,}, {abusive}")
    yield from _figures(_accounts(accounts))
    yield from _section(f"clusters: {clusters.clusters:,}, {clusters.flagged:,} flagged; {clusters.rings:,} true rings")
    yield from _figures(_clusters(clusters))
    if one.innocents:
        yield from _section("innocents accused")
        yield from _aligned([GROUP_HEAD, *map(_group, one.innocents)])
    if one.ages:
        yield from _section("at an account's age")
        yield from _aligned([AGE_HEAD, *map(_age, one.ages)])
    for title, methods in (("ways of judging", one.methods), ("fitted on this log's earlier part", one.split)):
        if methods:
            yield from _section(title)
            yield from _aligned([METHOD_HEAD, *map(_method, methods)])
    yield ""


def _section(title: str) -> Iterator[str]:
    yield ""
    yield title


def _figures(rows: list[tuple[str, str]]) -> Iterator[str]:
    for name, figure in rows:
        yield f"{' ' * INDENT}{name:<{NAME}} {figure}"


def _aligned(rows: list[Row]) -> Iterator[str]:
    """The first column to the left, all others to the right."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for first, *rest in rows:
        others = (f"{cell:>{width}}" for cell, width in zip(rest, widths[1:], strict=True))
        yield f"{' ' * INDENT}{first:<{widths[0]}}  {'  '.join(others)}".rstrip()


def _accounts(found: AccountFigures) -> list[tuple[str, str]]:
    return [
        ("AUROC", estimate(found.auroc, decimal)),
        ("average precision", estimate(found.average_precision, decimal)),
        ("recall at 0.1 % false positives", estimate(found.recall_at_fpr_01, percent)),
        ("recall at 1 % false positives", estimate(found.recall_at_fpr_1, percent)),
        (f"precision in the first {found.budget:,}", estimate(found.precision_at_budget, percent)),
        ("calibration error", estimate(found.calibration_error, decimal)),
    ]


def _clusters(found: ClusterFigures) -> list[tuple[str, str]]:
    return [
        ("rings found", estimate(found.ring_recall, percent)),
        ("precision of accounts in them", estimate(found.account_precision, percent)),
        ("recall of accounts in them", estimate(found.account_recall, percent)),
        ("precision at a recall of 80 %", estimate(found.precision_at_recall_80, percent)),
        ("B-cubed precision", estimate(found.bcubed_precision, percent)),
        ("B-cubed recall", estimate(found.bcubed_recall, percent)),
        ("kind right", estimate(found.kind_accuracy, percent)),
        ("calibration error", estimate(found.calibration_error, decimal)),
        ("time until found, median", estimate(found.hours_until_found, span)),
        ("accounts until found, median", estimate(found.accounts_until_found, number)),
    ]


GROUP_HEAD = ("group", "accused", "of accounts", "rate (95 % interval)", "people", "of people", "units", "in clusters")


def _group(group: GroupFigures) -> Row:
    return (
        label(group.group),
        f"{group.accused:,}",
        f"{group.accounts:,}",
        estimate(group.rate, percent),
        f"{group.people_accused:,}",
        f"{group.people:,}",
        f"{group.units:,}",
        f"{group.in_flagged_clusters:,}",
    )


SHORT_HEAD = ("AUROC", "average precision", "recall at 1 %")
AGE_HEAD = ("age", *SHORT_HEAD, "by its trees alone", "by rules (average precision)")


def _age(age: AgeFigures) -> Row:
    beside = (estimate(other.average_precision, decimal) for other in (age.trees, age.rules))
    return (age.age, *_short(age.accounts), *beside)


def _short(found: AccountFigures) -> Row:
    return (
        estimate(found.auroc, decimal),
        estimate(found.average_precision, decimal),
        estimate(found.recall_at_fpr_1, percent),
    )


METHOD_HEAD = ("way", *SHORT_HEAD, "rings found", "innocents accused")


def _method(method: MethodFigures) -> Row:
    rings, accused = estimate(method.ring_recall, percent), estimate(method.accused_innocents, percent)
    return (label(method.name), *_short(method.accounts), rings, accused)


EVASION_HEAD = ("gives up", "an account and month", "times", "recall at 1 %", "rings found")


def _step(step: EvasionStep) -> Row:
    return (
        label(step.gives_up),
        dollars(step.cost),
        times(step.times),
        estimate(step.recall_at_fpr_1, percent),
        estimate(step.ring_recall, percent),
    )
