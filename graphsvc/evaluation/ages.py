"""Accounts judged at one age each: what the risk service would have answered at signup, an hour, a day, a week later.

The log is replayed through the service's own index. Each look at the network becomes the index's base at its moment;
between two looks, links, bans and labels count as their time comes. So nothing that came later touches an answer.
In use the service looks more often than an evaluation does, so that these figures err on the low side.

Beside the model the service is replayed as it would be without it: with looks that its boosted trees alone judge, and
the same real-time head between looks; and with rules for looks and answers, nothing fitted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gnn.head import Head
from graphsvc.config import Settings
from graphsvc.evaluation.replay import ASK, BIRTH, LOOK, Replay, Story
from graphsvc.ledger import open_ledger
from graphsvc.links.tables import LinkTables
from graphsvc.risk.score import HeadScorer, RuleScorer, Scorer

if TYPE_CHECKING:
    from gnn.ensemble import Model
    from graphsvc.evaluation.looks import Look
    from graphsvc.jobs.observe import Report

HOUR_MS = 3_600_000
AGES_MS = {"signup": 0, "+1 h": HOUR_MS, "+24 h": 24 * HOUR_MS, "+7 d": 7 * 24 * HOUR_MS}
"""The ages at which accounts are judged, from their first own event on."""
REPORT_EVERY = 20_000

Floats = npt.NDArray[np.float32]
Scores = dict[str, tuple[list[str], Floats]]


@dataclass(frozen=True)
class Service:
    """A way to run the service: what answers between looks, and what each look says of its accounts, float32[N]."""

    name: str
    scorer: Scorer
    detect: Callable[[Look], Floats]


def services(model: Model, head: Head) -> tuple[Service, ...]:
    """The model in use, its trees alone, and rules."""
    from gnn.judgement import by_trees
    from gnn.rules import by_rules

    return (
        Service("shipped", HeadScorer(head), lambda look: look.score),
        Service("trees", HeadScorer(head), lambda look: by_trees(model, look.network).account),
        Service("rules", RuleScorer(), lambda look: by_rules(look.network).account),
    )


def scores_at_ages(
    settings: Settings, model: Model, looks: Iterable[Look], end_ms: int, report: Report
) -> dict[str, Scores]:
    """By service, for each age the accounts that had reached it by `end_ms`, and their probabilities of abuse then,
    float32.

    `looks` come in order of time; before the first of them nothing but the log itself is known. An account's own label
    or ban is left aside, as the model leaves it: to repeat what people decided would be no detection.
    """
    places = settings.places
    with closing(open_ledger(settings)) as ledger:
        tables = LinkTables(places.links)
        labels = [stored.label for stored in ledger.labels(end_ms)]
        story = Story.of(tables.lives(end_ms), tables.bans(end_ms), labels)
    return replayed(services(model, Head.load(places.active_model)), story, looks, end_ms, report)


def replayed(
    ways: Sequence[Service], story: Story, looks: Iterable[Look], end_ms: int, report: Report
) -> dict[str, Scores]:
    """`scores_at_ages` of a story."""
    replays = [Replay(way.scorer, story) for way in ways]
    scores = np.full((len(ways), len(AGES_MS), len(story.account_ids)), np.nan, dtype=np.float32)
    plan = story.plan(list(AGES_MS.values())[1:], end_ms)
    due = _Due(looks)
    for done, (at_ms, kind, row, age) in enumerate(zip(*(part.tolist() for part in plan), strict=True)):
        if done % REPORT_EVERY == 0:
            report("replaying accounts' lives", done / len(plan.at_ms))
        look = due.by(at_ms, kind)
        for way, replay, answers in zip(ways, replays, scores, strict=True):
            if look is not None:
                replay.rebase(replace(look, score=way.detect(look)))
            if kind == BIRTH:
                answers[0, row] = replay.birth(row, at_ms)
            elif kind == ASK:
                answers[age, row] = replay.ask(row)
            else:
                replay.happen(kind, row, at_ms)
    return {way.name: _by_age(story, answers) for way, answers in zip(ways, scores, strict=True)}


def _by_age(story: Story, answers: Floats) -> Scores:
    return {age: _answered(story, part) for age, part in zip(AGES_MS, answers, strict=True)}


class _Due:
    """Looks as their time comes, one ahead."""

    def __init__(self, looks: Iterable[Look]) -> None:
        self._looks: Iterator[Look] = iter(looks)
        self._next = next(self._looks, None)

    def by(self, at_ms: int, kind: int) -> Look | None:
        """The last of the looks that are due before something of this kind happens, if it was not given yet."""
        last = None
        while self._next is not None and (self._next.as_of_ms, LOOK) < (at_ms, kind):
            last, self._next = self._next, next(self._looks, None)
        return last


def _answered(story: Story, scores: Floats) -> tuple[list[str], Floats]:
    asked = np.flatnonzero(~np.isnan(scores))
    return [story.account_ids[row] for row in asked.tolist()], scores[asked]
