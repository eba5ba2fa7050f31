"""What is read off an evaluation in more than one place: who is accused, who is worst off, how many rings are found."""

from __future__ import annotations

import math
from collections.abc import Sequence

from graphsvc.evaluation.figures import Estimate, Evaluation, GroupFigures

SHIPPED = "shipped"


def found_rings(one: Evaluation) -> int:
    """How many rings have half of their members in one flagged cluster at the end."""
    recall = one.clusters.ring_recall.value
    return 0 if math.isnan(recall) else round(recall * one.clusters.rings)


def worst_first(groups: Sequence[GroupFigures]) -> list[GroupFigures]:
    """By the upper end of the interval."""
    return sorted(groups, key=lambda group: (-upper_end(group.rate), group.group))


def worst_off(groups: Sequence[GroupFigures]) -> GroupFigures | None:
    """The group that is most surely worst off, by the lower end of its interval; without an accused account, any."""
    return max(groups, key=badness, default=None)


def accused(one: Evaluation) -> Estimate:
    """The share of all innocents that the shipped model accuses, with its interval where `methods` has one."""
    shipped = [method.accused_innocents for method in one.methods if method.name == SHIPPED]
    if shipped:
        return shipped[0]
    accounts = sum(group.accounts for group in one.innocents)
    share = sum(group.accused for group in one.innocents) / accounts if accounts else math.nan
    return Estimate(share, math.nan, math.nan)


def badness(group: GroupFigures) -> tuple[float, float, int]:
    """What orders groups from the one that is best off to the one that is worst off. Of one accused in a unit of a kind
    the upper end says next to nothing, of a share of many units the lower end says much."""
    low, value = (-math.inf if math.isnan(end) else end for end in (group.rate.low, group.rate.value))
    return low, value, group.accused


def upper_end(figure: Estimate) -> float:
    """The upper end; of a figure without an interval its value, and below all others where it has none."""
    ends = [end for end in (figure.value, figure.high) if not math.isnan(end)]
    return max(ends, default=-math.inf)
