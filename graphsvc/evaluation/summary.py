"""What a report says first, in plain words: counts over all evaluations, and what is bad before the rest."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from graphsvc.evaluation.figures import Estimate, Evaluation, EvasionStep, GroupFigures
from graphsvc.evaluation.findings import CHECKS, Finding
from graphsvc.evaluation.readings import badness, found_rings
from graphsvc.evaluation.words import dollars, estimate, label, percent, times


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
    """Counts over all of them, and the group that is worst off among those that are accused at all."""
    groups = [(group, one.name) for one in evaluations for group in one.innocents]
    accused_ones = [(group, name) for group, name in groups if group.accused]
    worst = max(accused_ones, key=lambda pair: badness(pair[0]), default=(None, ""))
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
    caught = estimate(step.recall_at_fpr_1, percent)
    return (
        f"Of an operator who pays {dollars(step.cost)} an account and month ({times(step.times)} the cost of sharing "
        f"everything; the last thing given up: {label(step.gives_up)}), {caught} of the accounts are still caught at "
        f"one false accusation in 100 innocents, instead of {percent(whole)}."
    )


def _defined(figures: Iterable[Estimate]) -> tuple[float, ...]:
    return tuple(sorted(figure.value for figure in figures if not math.isnan(figure.value)))
