"""One evaluation from end to end: the model in use, on this data folder's log, held against the truth.

Nothing is written but the link tables, which any command brings up to date: the results that the service shows stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gnn.network import column
from graphsvc.config import Settings
from graphsvc.errors import BadInput
from graphsvc.evaluation.ages import AGES_MS, scores_at_ages
from graphsvc.evaluation.figures import AccountFigures, AgeFigures, ClusterFigures, Evaluation, MethodFigures
from graphsvc.evaluation.looks import Look, looks, moments
from graphsvc.evaluation.measure import (
    account_figures,
    cluster_figures,
    innocent_figures,
    method_figures,
)
from graphsvc.evaluation.rings import Sight, rings_found
from graphsvc.evaluation.split import ablations
from graphsvc.evaluation.truth import Truth, TruthFile, read_truth_file, truth_of_labels
from graphsvc.jobs.models import load_model
from graphsvc.jobs.observe import Report, latest_ms, part, quiet, sync_tables
from graphsvc.ledger import open_ledger
from graphsvc.links.tables import LinkTables

if TYPE_CHECKING:
    from gnn.ensemble import Model
    from graphsvc.events.record import LabelRecord

LOOKS = 8
LABELS_FROM = 0.7
"""Judged by later labels, the log is looked at when this share of its events had occurred: the rest of the time is for
people to decide in. By the clock, most of the time may lie before a log whose oldest accounts signed up long ago."""
FEWEST_LABELS = 10
"""Fewer abusive or fewer innocent accounts than this tell nothing."""
BY_TRUTH, BY_LABELS = "truth file", "later labels"


@dataclass(frozen=True)
class Options:
    """`as_of_ms`: the last moment, by default the last that the ledger knows (by later labels: LABELS_FROM of the
    events). `looks`: at how many moments up to then rings are looked for. `budget`: accounts that reviewers go
    through, by default a share. `ablations`: also fit methods on the log's own earlier part."""

    as_of_ms: int | None = None
    looks: int = LOOKS
    budget: int | None = None
    ablations: bool = False


@dataclass(frozen=True)
class Judge:
    """Who says what is true as of `as_of_ms`: a truth file, or labels decided later of accounts that had none."""

    as_of_ms: int
    file: TruthFile | None
    labels: tuple[LabelRecord, ...] = ()
    notes: tuple[str, ...] = ()

    def of(self, look: Look) -> Truth:
        """Raises BadInput where too little is known of the accounts in sight."""
        truth = self.file.of(look.account_ids) if self.file is not None else self._decided(look.account_ids)
        return truth.tied(look.clusters)

    def _decided(self, account_ids: Sequence[str]) -> Truth:
        truth = truth_of_labels(self.labels, account_ids)
        abusive = int((truth.known & truth.abusive).sum())
        innocent = int(truth.known.sum()) - abusive
        if min(abusive, innocent) < FEWEST_LABELS:
            raise BadInput(
                f"Labels decided after {moment_text(self.as_of_ms)} tell of {abusive} abusive and {innocent} innocent "
                f"accounts seen by then; {FEWEST_LABELS} of each are needed.",
                hint="Choose another moment (--as-of), ingest more labels, or give a truth file (--truth).",
            )
        return truth

    def notes_on(self, case: _Case) -> Iterator[str]:
        truth, account_ids = case.truth, case.look.account_ids
        yield from self.notes
        decided = truth.known & ~case.undecided
        if decided.any():
            yield (
                f"{int(decided.sum()):,} accounts ({int((decided & truth.abusive).sum()):,} abusive) had a label or a "
                "ban by then: they are in no figure of accounts, since there was nothing left to tell."
            )
        unseen, abusive = self.file.unseen(account_ids) if self.file is not None else (0, 0)
        if self.file is not None and unseen:
            yield f"{unseen:,} accounts of {self.file.name} ({abusive:,} abusive) did nothing by then; none counts."
        if (nameless := int(truth.without_operator.sum())) > 0:
            yield (
                f"Nothing says who is behind {nameless:,} abusive accounts: they are in no ring, those of one cluster "
                "are drawn together, and intervals may be too narrow."
            )
        innocent = truth.known & ~truth.abusive
        if len(np.unique(truth.unit[innocent])) == innocent.sum() > 1:
            yield "Nothing says which innocents belong together: their intervals may be too narrow."


def evaluate(settings: Settings, truth: Path | None, options: Options, report: Report, name: str = "log") -> Evaluation:
    """How good the model in use is on this log. `truth`: a truth file; without one, labels decided later judge.

    Raises BadInput where there are no events, or too little is known of what is true; see `read_truth_file`.
    """
    judge = _judge(settings, truth, options, part(report, 0.0, 0.1))
    model = load_model(settings.places.active_model)
    (look,) = looks(settings, model, [judge.as_of_ms], part(report, 0.1, 0.2))
    case = _Case(judge.of(look), look, options)
    before = moments(settings, options.looks, judge.as_of_ms)[:-1]
    # The replay asks for each look as its time comes, and tells how far it is.
    seen = looks(settings, model, before, quiet)
    sights: list[Sight] = []
    ages = scores_at_ages(settings, model, _watched(seen, look, sights), judge.as_of_ms, part(report, 0.2, 0.7))
    report("ways of judging", 0.7)
    methods = case.methods(model)
    split = ablations(settings, case.truth, judge.as_of_ms, part(report, 0.75, 1.0)) if options.ablations else None
    return Evaluation(
        name=name,
        judged_by=BY_LABELS if judge.file is None else BY_TRUTH,
        as_of=moment_text(judge.as_of_ms),
        model_version=model.version,
        accounts=methods[0].accounts,
        clusters=case.clusters(sights),
        innocents=innocent_figures(case.truth, look.score, look.clusters, look.probability),
        ages=tuple(case.at_age(age, {name: found[age] for name, found in ages.items()}) for age in AGES_MS),
        methods=methods,
        split=split.methods if split else (),
        notes=(*judge.notes_on(case), *([split.why_none] if split and split.why_none else [])),
    )


@dataclass(frozen=True)
class _Case:
    """The last look, and the truth of its accounts."""

    truth: Truth
    look: Look
    options: Options

    @cached_property
    def undecided(self) -> npt.NDArray[np.bool_]:
        """bool[N]: accounts that had neither a label nor a ban by then."""
        network = self.look.network
        out: npt.NDArray[np.bool_] = column(network.accounts, "banned", np.float32) == 0
        out[column(network.labels, "account", np.int64)] = False
        return out

    def clusters(self, sights: Sequence[Sight]) -> ClusterFigures:
        look = self.look
        born_ms = column(look.network.accounts, "first_ms", np.int64)
        found = rings_found(self.truth, look.account_ids, born_ms, sights)
        return cluster_figures(self.truth, look.clusters, look.probability, look.kinds, found)

    def at_age(self, age: str, answers: Mapping[str, tuple[list[str], npt.NDArray[np.float32]]]) -> AgeFigures:
        return AgeFigures(age, *(self._asked(*answers[name]) for name in ("shipped", "trees", "rules")))

    def _asked(self, account_ids: Sequence[str], scores: npt.NDArray[np.float32]) -> AccountFigures:
        place = pc.index_in(pa.array(account_ids, pa.string()), value_set=pa.array(self.look.account_ids, pa.string()))
        truth = self.truth.rows(place.to_numpy().astype(np.int64))
        return account_figures(truth, scores, budget=self.options.budget)

    def methods(self, model: Model) -> tuple[MethodFigures, ...]:
        """The model in use, its two halves alone, and rules, side by side."""
        from gnn.judgement import Judgement, by_network, by_trees
        from gnn.membership import members
        from gnn.rules import by_rules

        look = self.look
        said = (
            ("trees", "its boosted trees alone", by_trees(model, look.network)),
            ("network", "its graph networks alone", by_network(model, look.network)),
            ("rules", "rules of a fraud team, nothing fitted", by_rules(look.network)),
        )
        shown = [("shipped", "the model in use", Judgement(look.score, look.probability), look.clusters)]
        for name, what, by in said:
            clusters = members(look.network, look.network.clusters, by.account, by.cluster)
            shown.append((name, what, by, clusters.astype(np.int64)))
        return tuple(
            method_figures(
                name,
                what,
                self.truth,
                judgement,
                clusters,
                rows=self.undecided,
                budget=self.options.budget,
            )
            for name, what, judgement, clusters in shown
        )


def _judge(settings: Settings, truth: Path | None, options: Options, report: Report) -> Judge:
    file = read_truth_file(truth) if truth is not None else None
    with closing(open_ledger(settings)) as ledger:
        tables = LinkTables(settings.places.links)
        sync_tables(tables, ledger, report)
        if file is not None:
            return Judge(latest_ms(tables, ledger) if options.as_of_ms is None else options.as_of_ms, file)
        return _by_labels(tables, [stored.label for stored in ledger.labels()], options.as_of_ms)


def _by_labels(tables: LinkTables, labels: Sequence[LabelRecord], as_of_ms: int | None) -> Judge:
    """Accounts with a label by then are left out: there is nothing left to tell of them, and their neighbours know."""
    notes = []
    if as_of_ms is None:
        found = tables.moments((LABELS_FROM,), tables.latest_ms)
        if not found:
            raise BadInput("There are no events.", hint="Ingest some first: graphsvc ingest FILE.")
        as_of_ms = found[0]
        notes.append(f"Looked at when {LABELS_FROM:.0%} of the events had occurred; what was decided later judges.")
    decided = {label.account_id for label in labels if label.decided_ms <= as_of_ms}
    later = tuple(label for label in labels if label.decided_ms > as_of_ms and label.account_id not in decided)
    notes.append(
        "Only accounts that people decided on later are counted: whom they looked at was no draw by lot, and an "
        "account that nobody looked at is in no figure."
    )
    return Judge(as_of_ms, None, later, tuple(notes))


def _watched(earlier: Iterable[Look], last: Look, sights: list[Sight]) -> Iterator[Look]:
    """All looks in order of time; of each, what tells rings found is added to `sights`, and the rest can go."""
    for look in chain(earlier, (last,)):
        sights.append(Sight.of(look))
        yield look


def moment_text(moment_ms: int) -> str:
    """RFC 3339, UTC, to the second."""
    return datetime.fromtimestamp(moment_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
