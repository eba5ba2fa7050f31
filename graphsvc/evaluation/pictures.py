"""The charts of a report: which figures, under which heading, and the sentence that says how to read them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from graphsvc.evaluation import charts
from graphsvc.evaluation.axes import Axis, top_of
from graphsvc.evaluation.charts import Line, Row, Step
from graphsvc.evaluation.figures import (
    AccountFigures,
    Bin,
    ClusterFigures,
    Estimate,
    Evaluation,
    EvasionStep,
    GroupFigures,
    MethodFigures,
)
from graphsvc.evaluation.readings import SHIPPED, accused, worst_first
from graphsvc.evaluation.words import Say, counted, decimal, dollars, label, percent

INTERVAL = "95% interval of a bootstrap that draws whole operators, and of innocents whole units, never single accounts"
OVER_GROUPS = (
    "95% interval of a bootstrap that draws whole units of the group (one campus, one household), and where few units "
    "are accused at least that of a share counted over units (Wilson)"
)
GROUPS_A_PART = 9
NO_INTERVAL = "it has no interval of its own, and that of its summary figures is in the table"


@dataclass(frozen=True)
class Picture:
    """A chart, its heading, and how to read it."""

    heading: str
    chart: Markup
    reading: str


@dataclass(frozen=True)
class Metric:
    """A figure that several methods, ages or worlds have. `better` is "more" or "less"."""

    heading: str
    say: Say
    better: str
    of: Callable[[MethodFigures], Estimate]


METRICS = (
    Metric("Innocents accused", percent, "less", lambda method: method.accused_innocents),
    Metric("Rings found", percent, "more", lambda method: method.ring_recall),
    Metric("Average precision", decimal, "more", lambda method: method.accounts.average_precision),
)


def why_no_account(figures: AccountFigures) -> str:
    """Why a figure of accounts is not defined."""
    if figures.accounts == 0:
        return "no account"
    if figures.abusive == 0:
        return "no abusive account"
    return "no innocent account" if figures.abusive == figures.accounts else "not enough accounts"


def why_no_ring(clusters: ClusterFigures) -> str:
    """Why a figure of rings is not defined."""
    if clusters.rings == 0:
        return "no ring in this world"
    return "nothing flagged" if clusters.flagged == 0 else "no ring found"


def of_methods(methods: Sequence[MethodFigures], clusters: ClusterFigures) -> list[Picture]:
    """A dot chart a metric, the methods in the given order."""
    return [_of_metric(metric, methods, clusters) for metric in METRICS]


def of_worlds(evaluations: Sequence[Evaluation]) -> list[Picture]:
    """The shipped model's figures, an evaluation a row, the worst first."""
    precision = [(one, one.accounts.average_precision) for one in evaluations]
    return [
        _of_world("Innocents accused", "less", percent, [(one, accused(one)) for one in evaluations]),
        _of_world("Rings found", "more", percent, [(one, one.clusters.ring_recall) for one in evaluations]),
        _of_world("Average precision", "more", decimal, precision),
    ]


def of_ages(one: Evaluation) -> list[Picture]:
    """What the service would have said of accounts at each age, a row an age."""
    metrics: tuple[tuple[str, Say, Callable[[AccountFigures], Estimate]], ...] = (
        ("Caught at 1% false accusations", percent, lambda accounts: accounts.recall_at_fpr_1),
        ("Average precision", decimal, lambda accounts: accounts.average_precision),
        ("Precision at the review budget", percent, lambda accounts: accounts.precision_at_budget),
    )
    return [
        Picture(
            heading,
            charts.dots(
                f"{heading} by age of the account",
                "One row an age: signup, an hour, a day, a week. More is better.",
                [
                    Row(age.age, of(age.accounts), _of_how_many(age.accounts), why_no_account(age.accounts))
                    for age in one.ages
                ],
                Axis("", say=say),
            ),
            f"More is better; each age is judged by what the service knew then, and the bar is the {INTERVAL}.",
        )
        for heading, say, of in metrics
    ]


def of_innocents(groups: Sequence[GroupFigures]) -> list[Picture]:
    """False accusations by group: a forest plot by the upper end of the interval, in parts of GROUPS_A_PART on one
    axis."""
    high = top_of(end for group in groups for end in (group.rate.value, group.rate.high))
    parts = range(0, len(groups), GROUPS_A_PART)
    return [
        Picture(
            f"Groups {start + 1} to {min(start + GROUPS_A_PART, len(groups))}"
            if start
            else "False accusations by group",
            charts.dots(
                "Share of innocent accounts accused, by group",
                "One row a group of innocents, that with the highest upper end of its interval first. Less is better.",
                [_of_group(group) for group in worst_first(groups)[start : start + GROUPS_A_PART]],
                Axis("", high=high),
            ),
            f"Less is better, and the groups that could be worst off come first; the bar is the {OVER_GROUPS}.",
        )
        for start in parts
    ]


def of_reliability(what: str, bins: Sequence[Bin]) -> list[Picture]:
    """Probabilities said against what was true, of `accounts` or `clusters`; nothing where there are none."""
    chart = charts.reliability(
        f"Reliability curve of {what}",
        f"Dots on the diagonal mean that of {what} said to be abusive with p% just p% are.",
        bins,
        what,
    )
    reading = (
        "A dot below the diagonal accuses too much, one above too little, and a small one is of few cases; "
        f"{NO_INTERVAL}."
    )
    return [Picture(f"Are the probabilities of {what} true?", chart, reading)] if bins else []


def of_curves(one: Evaluation) -> list[Picture]:
    """ROC and precision-recall curves of all methods."""
    methods = one.methods or (MethodFigures(SHIPPED, "", one.accounts, _NAN, _NAN),)
    innocents = max(one.accounts.accounts - one.accounts.abusive, 1)
    least = 10.0 ** -min(max(math.ceil(math.log10(innocents)), 2), 4)
    roc = [
        Line(label(method.name), method.accounts.roc, percent(method.accounts.recall_at_fpr_1.value))
        for method in methods
        if method.accounts.roc
    ]
    precision = [
        Line(label(method.name), method.accounts.precision_recall, decimal(method.accounts.average_precision.value))
        for method in methods
        if method.accounts.precision_recall
    ]
    pictures = []
    if roc:
        chart = charts.curves(
            "ROC curves",
            "Share of abusive accounts caught against share of innocents accused, on a logarithmic axis.",
            roc,
            Axis("innocents accused (logarithmic)", least, 1.0, log=True),
            Axis("abusive accounts caught"),
        )
        reading = (
            "Higher and further left is better, the left edge being almost no accusation; the figure by a name is "
            f"the share caught at 1% false accusations; a curve is drawn as measured, {NO_INTERVAL}."
        )
        pictures.append(Picture("How much is caught at what cost", chart, reading))
    if precision:
        chart = charts.curves(
            "Precision-recall curves",
            "Share of the accused that is abusive against share of abusive accounts caught.",
            precision,
            Axis("abusive accounts caught"),
            Axis("abusive among the accused"),
            falling=True,
        )
        reading = (
            "Higher is better: how far the line stays up is how many are caught before innocents fill the list; the "
            f"figure by a name is the average precision; a curve is drawn as measured, {NO_INTERVAL}."
        )
        pictures.append(Picture("How pure the list of suspects is", chart, reading))
    return pictures


def of_rings(clusters: ClusterFigures) -> list[Picture]:
    """When each ring was found, and with how many accounts; nothing where there is no ring."""
    rings = clusters.each_ring
    if not rings:
        return []
    missed = sum(ring.hours is None for ring in rings)
    return [
        Picture(
            "Rings found over time",
            charts.found_by(
                "Share of rings found by hours since their first account",
                f"A line that rises by one ring at a time; {missed} of {len(rings)} rings are never found.",
                rings,
            ),
            "The earlier the line rises the better, and what is missing to 100% at the right is never found; a time is "
            "that of the first look at the log that found the ring, and has no interval (that of the median is in the "
            "table).",
        ),
        Picture(
            "Each ring: when and how large",
            charts.found_when(
                "Hours until each ring was found against the accounts that it had by then",
                f"One dot a ring, both axes logarithmic; {missed} of {len(rings)} rings are never found.",
                rings,
            ),
            "Low and left is better, and at the right are the rings that were never found, at their whole size; "
            "each dot is one ring as it happened, so that there is no interval.",
        ),
    ]


def of_evasion(steps: Sequence[EvasionStep]) -> list[Picture]:
    """What an operator still gets caught by, against what giving up sharing costs."""
    metrics: tuple[tuple[str, Callable[[EvasionStep], Estimate]], ...] = (
        ("Accounts caught at 1% false accusations", lambda step: step.recall_at_fpr_1),
        ("Rings found", lambda step: step.ring_recall),
    )
    high = top_of((step.cost for step in steps), 1.0)
    x = Axis("cost of an account and month", 0.0, high, say=dollars)
    return [
        Picture(
            heading,
            charts.staircase(
                f"{heading}, against the operator's cost",
                "Each step gives up one more kind of sharing, named above it, and costs more.",
                [
                    Step(label(step.gives_up), step.cost, of(step))
                    for step in sorted(steps, key=lambda step: step.cost)
                    if not math.isnan(of(step).value)
                ],
                x,
                Axis(""),
            ),
            "From left to right the operator gives up one more kind of sharing, which is named, and pays more, and the "
            f"lower the dot the better he hides; the bar is the {INTERVAL}.",
        )
        for heading, of in metrics
    ]


_NAN = Estimate(math.nan, math.nan, math.nan)


def _of_group(group: GroupFigures) -> Row:
    people = f"{group.people_accused:,} of {counted(group.people, 'person', 'people')}"
    accounts = f"{group.accused:,} of {counted(group.accounts, 'account')}"
    return Row(
        label(group.group), group.rate, f"{accounts} · {people} · {counted(group.units, 'unit')}", "nobody in it"
    )


def _of_metric(metric: Metric, methods: Sequence[MethodFigures], clusters: ClusterFigures) -> Picture:
    rows = [
        Row(
            label(method.name),
            metric.of(method),
            why=why_no_ring(clusters) if metric.heading == "Rings found" else why_no_account(method.accounts),
            strong=method.name == SHIPPED,
        )
        for method in methods
    ]
    return _dots(metric.heading, metric.better, metric.say, rows, "One row a way of judging.")


def _of_world(heading: str, better: str, say: Say, pairs: Sequence[tuple[Evaluation, Estimate]]) -> Picture:
    def badness(pair: tuple[Evaluation, Estimate]) -> tuple[bool, float]:
        value = pair[1].value
        return math.isnan(value), -value if better == "less" else value

    rows = [
        Row(one.name, figure, why=why_no_ring(one.clusters) if not one.clusters.rings else why_no_account(one.accounts))
        for one, figure in sorted(pairs, key=badness)
    ]
    return _dots(heading, better, say, rows, "One row a log or world, the worst first.")


def _dots(heading: str, better: str, say: Say, rows: Sequence[Row], about: str) -> Picture:
    ends = [end for row in rows for end in (row.figure.value, row.figure.high)]
    axis = Axis("", high=top_of(ends) if better == "less" else 1.0, say=say)
    reading = f"{better.capitalize()} is better; the bar is the {INTERVAL}."
    return Picture(heading, charts.dots(heading, f"{about} {better.capitalize()} is better.", rows, axis), reading)


def _of_how_many(accounts: AccountFigures) -> str:
    return f"{accounts.abusive:,} abusive of {counted(accounts.accounts, 'account')}"
