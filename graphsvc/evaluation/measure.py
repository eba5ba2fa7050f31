"""From scores, clusters and the truth to figures with intervals.

An account is accused when its own probability reaches FLAGGED, or that of its cluster does: both are what a person who
reviews would be shown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gnn.membership import FLAGGED
from graphsvc.evaluation.bootstrap import Drawn, Units, bootstrap, counts, ratios, weighted_median, wider
from graphsvc.evaluation.figures import (
    AccountFigures,
    ClusterFigures,
    Estimate,
    GroupFigures,
    MethodFigures,
    RingFound,
)
from graphsvc.evaluation.matching import Match
from graphsvc.evaluation.ranking import Bins, Ranking
from graphsvc.evaluation.truth import Truth

if TYPE_CHECKING:
    from gnn.judgement import Judgement

BUDGET_SHARE, BUDGET_LEAST = 0.01, 20
RECALL = 0.8
ENOUGH_HIT = 5
"""So many units with a false accusation show how much they differ; fewer do not."""

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating]
Integers = npt.NDArray[np.integer]


def default_budget(accounts: int) -> int:
    """How many accounts reviewers go through where nobody says: one in a hundred, and twenty at least."""
    return max(BUDGET_LEAST, round(BUDGET_SHARE * accounts))


def account_figures(
    truth: Truth, scores: Floats, rows: Bools | None = None, *, budget: int | None = None
) -> AccountFigures:
    """How well scores [N] tell accounts apart, over `rows` bool[N] of them and those that are known.

    Figures that need both classes are nan without one. With fewer than two operators they have no interval: one
    operator says nothing of the next. Recall at a false-positive rate is the most that a threshold reaches while at
    most that share of innocents lies at or above it; precision at the budget shares out ties at its edge.
    """
    chosen = truth.known if rows is None else truth.known & rows
    truth, scores = truth.rows(chosen), np.asarray(scores, np.float64)[chosen]
    units = Units.of_truth(truth)
    room = default_budget(len(scores)) if budget is None else budget
    ranking, bins = Ranking.of(truth.abusive, scores), Bins.of(truth.abusive, scores)
    ranks = bootstrap(lambda drawn: ranking.figures(drawn[:, units.of], room), units, len(scores))
    auroc, precision, strict, loose, within = (ranks.share(place, units.operators) for place in range(5))
    return AccountFigures(
        accounts=len(scores),
        abusive=int(truth.abusive.sum()),
        operators=units.operators,
        auroc=auroc,
        average_precision=precision,
        recall_at_fpr_01=strict,
        recall_at_fpr_1=loose,
        budget=room,
        precision_at_budget=within,
        calibration_error=bootstrap(bins.figures(units), units).number(0, units.count),
        reliability=bins.curve,
        roc=ranking.roc,
        precision_recall=ranking.precision_recall,
    )


def cluster_figures(
    truth: Truth, clusters: Integers, probability: Floats, kinds: Sequence[str], found: Sequence[RingFound]
) -> ClusterFigures:
    """How well rings are found: `clusters` int[N] (-1 for none), `probability` [C] and `kinds` of each cluster, and
    when rings were `found`.

    A ring has two known accounts or more. A cluster is truly abusive where more than half of its known members are; one
    without a known member is not counted. Drawn operators bring their accounts, rings and clusters: a cluster goes with
    the unit that most of its members are of. Of rings found never, hours and accounts say nothing.
    """
    said: npt.NDArray[np.float64] = np.asarray(probability, np.float64)
    match = Match.of(truth, clusters, said >= FLAGGED)
    shares, operators = _shares(match, kinds), match.units.operators
    counted = match.size > 0
    bins = Bins.of(match.abusive[counted], said[counted])
    owners = Units(match.owner[counted], operators, match.units.innocents)
    recall, precision, of_abusive, bcubed_precision, bcubed_recall, kind = (
        shares.share(place, operators) for place in range(6)
    )
    hours, accounts = _until_found(match, found)
    return ClusterFigures(
        clusters=int(counted.sum()),
        flagged=int((match.flagged & counted).sum()),
        rings=len(match.rings.ring),
        ring_recall=recall,
        account_precision=precision,
        account_recall=of_abusive,
        precision_at_recall_80=_precision_at_recall(truth, clusters, said, RECALL),
        bcubed_precision=bcubed_precision,
        bcubed_recall=bcubed_recall,
        kind_accuracy=kind,
        calibration_error=bootstrap(bins.figures(owners), owners).number(0, len(np.unique(owners.of))),
        reliability=bins.curve,
        hours_until_found=hours,
        accounts_until_found=accounts,
        each_ring=tuple(found),
    )


def innocent_figures(truth: Truth, scores: Floats, clusters: Integers, probability: Floats) -> tuple[GroupFigures, ...]:
    """False accusations in each group of innocents, by name: `scores` [N], `clusters` int[N], `probability` [C]."""
    in_flagged = np.append(np.asarray(probability) >= FLAGGED, False)[clusters]
    accused = (np.asarray(scores) >= FLAGGED) | in_flagged
    innocent = truth.known & ~truth.abusive
    return tuple(
        _group(str(name), truth, innocent & (truth.group == name), accused, in_flagged)
        for name in np.unique(truth.group[innocent])
    )


def method_figures(
    name: str,
    what: str,
    truth: Truth,
    judgement: Judgement,
    clusters: Integers,
    *,
    rows: Bools | None = None,
    budget: int | None = None,
) -> MethodFigures:
    """One way of judging the same accounts and clusters int[N]; figures of accounts are over `rows` bool[N] of them."""
    in_flagged = np.append(judgement.cluster >= FLAGGED, False)[clusters]
    accused = (judgement.account >= FLAGGED) | in_flagged
    match = Match.of(truth, clusters, judgement.cluster >= FLAGGED)
    return MethodFigures(
        name=name,
        what=what,
        accounts=account_figures(truth, judgement.account, rows, budget=budget),
        ring_recall=ratios(match.units, [_rings(match)]).share(0, match.units.operators),
        accused_innocents=_rate(truth, truth.known & ~truth.abusive, accused),
    )


def _shares(match: Match, kinds: Sequence[str]) -> Drawn:
    """Ring recall, account precision and recall, B-cubed precision and recall, kind accuracy."""
    units, abusive, called = match.units, match.truth.abusive, match.called
    right, judged = match.kinds_right(kinds)
    owner = match.owner[judged]
    caught = units.sums(abusive & called)
    return ratios(
        units,
        [
            _rings(match),
            (caught, units.sums(called)),
            (caught, units.sums(abusive)),
            *((units.sums(np.where(counted, share, 0.0)), units.sums(counted)) for share, counted in match.bcubed()),
            (counts(owner, units.count, right[judged]), counts(owner, units.count)),
        ],
    )


def _precision_at_recall(truth: Truth, clusters: Integers, probability: Floats, recall: float) -> Estimate:
    """Precision of membership in clusters flagged from the highest line on at which so many of the abusive accounts lie
    in them; nan where no line reaches that."""
    chance = np.append(probability, -1.0)[clusters]
    found = np.sort(chance[truth.known & truth.abusive])[::-1]
    line = found[max(math.ceil(recall * len(found)) - 1, 0)] if len(found) else -1.0
    units = Units.of_truth(truth)
    called = truth.known & (chance >= line) & (line >= 0)
    caught = units.sums(called & truth.abusive)
    return ratios(units, [(caught, units.sums(called))]).share(0, units.operators)


def _rings(match: Match) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """float64[units] twice: rings of each operator that were found, and all of them."""
    rings, units = match.rings, match.units
    owner = units.of[rings.member]
    return counts(owner, units.count, rings.found), counts(owner, units.count)


def _until_found(match: Match, found: Sequence[RingFound]) -> tuple[Estimate, Estimate]:
    """The medians of hours and accounts until rings were found, over those that were."""
    place = {name: number for number, name in enumerate(match.truth.ring_names)}
    owner = dict(zip(match.rings.ring.tolist(), match.units.of[match.rings.member].tolist(), strict=True))
    ever = [ring for ring in found if ring.hours is not None and ring.accounts is not None]
    owners = np.array([owner[place[ring.ring]] for ring in ever], np.int64)
    hours = np.array([ring.hours for ring in ever], np.float64)
    accounts = np.array([ring.accounts for ring in ever], np.float64)

    def medians(drawn: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        weights = drawn[:, owners]
        return np.stack([weighted_median(weights, hours), weighted_median(weights, accounts)], axis=1)

    drawn = bootstrap(medians, match.units)
    operators = len(np.unique(owners))
    return drawn.number(0, operators), drawn.number(1, operators)


def _group(name: str, truth: Truth, members: Bools, accused: Bools, in_flagged: Bools) -> GroupFigures:
    hit = members & accused
    return GroupFigures(
        group=name,
        accounts=int(members.sum()),
        people=len(np.unique(truth.person[members])),
        units=len(np.unique(truth.unit[members])),
        accused=int(hit.sum()),
        people_accused=len(np.unique(truth.person[hit])),
        in_flagged_clusters=int((members & in_flagged).sum()),
        rate=_rate(truth, members, accused),
    )


def _rate(truth: Truth, members: Bools, accused: Bools) -> Estimate:
    """The accused share of some innocents. Where few units are hit, draws of units know nothing of what may happen to
    the next one; there the interval is the wider of theirs and that of a share counted over units (Wilson 1927), those
    of different size being as many of one size (Kish 1965): a whole campus may be accused at once."""
    some, hit = truth.rows(members), accused[members]
    units = Units.of_truth(some)
    size = units.sums(np.ones(len(hit)))
    rate = ratios(units, [(units.sums(hit), size)]).number(0, units.count)
    if len(np.unique(units.of[hit])) >= ENOUGH_HIT:
        return rate
    return wider(rate, float(size.sum() ** 2 / np.square(size).sum()) if len(size) else 0.0)
