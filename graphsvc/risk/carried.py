"""What each reason carries, by the head alone: the score anew without one identifier, and without each set of a few.

All of it is two batches of a small network, which take a fraction of a millisecond. What gnn.explain does for the whole
model; here all sets of the eight identifiers that carry most are tried, so that no smaller one is missed.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from msgspec.structs import asdict

from gnn.membership import FLAGGED
from graphsvc.risk.answer import Carried, CarriedReason, Reason, Without
from graphsvc.risk.index import Look
from graphsvc.risk.judge import from_log_odds, log_odds
from graphsvc.risk.keys import ABSENT
from graphsvc.risk.reasons import MOST, placed_reasons
from graphsvc.risk.score import Scorer, network_probability, with_label

Bools = npt.NDArray[np.bool_]

ROWS_MOST = 2_048
"""Rows that the head reads for all sets together: an account that shares very much has fewer of them tried."""


def carried(look: Look, scorer: Scorer) -> Carried:
    """The reasons of `graphsvc.risk.reasons` with what each carries, and the counterfactual."""
    told = placed_reasons(look)
    probability = network_probability(look, scorer)
    size = len(look.now.rows.group)
    places = [place for _, place in told if place != ABSENT]
    # Everything, nothing, and all but one.
    kept = np.ones((2 + len(places), size), bool)
    kept[1] = False
    kept[np.arange(2, len(kept)), places] = False
    now, alone, *without = _moved(look, scorer, probability, kept)
    fell = dict(zip(places, without, strict=True))
    decided = look.standing.abusive or look.standing.benign
    flagged = now >= FLAGGED and not decided
    return Carried(
        items=tuple(_with(reason, now, fell.get(place)) for reason, place in told),
        probability=round(with_label(probability, look), 6),
        probability_alone=round(alone, 6),
        flagged_from=FLAGGED,
        counterfactual=_fewest(look, scorer, probability, told, fell) if flagged else None,
    )


def _moved(look: Look, scorer: Scorer, probability: float, kept: Bools) -> list[float]:
    """The account's probability for each choice bool[choices, rows] of what it shares, the first choice being all."""
    now, *rest = (log_odds(one) for one in scorer.score_parts(look.now.rows, kept))
    base = log_odds(probability)
    return [from_log_odds(base), *(from_log_odds(base + one - now) for one in rest)]


def _with(reason: Reason, now: float, without: float | None) -> CarriedReason:
    if without is None:
        return CarriedReason(**asdict(reason), log_odds=None, probability_points=None)
    fell = log_odds(now) - log_odds(without)
    return CarriedReason(
        **asdict(reason), log_odds=round(fell, 3), probability_points=round(100.0 * (now - without), 2)
    )


def _fewest(
    look: Look, scorer: Scorer, probability: float, told: list[tuple[Reason, int]], fell: dict[int, float]
) -> Without | None:
    """The smallest set of reasons without which the probability is below FLAGGED; of equals the one that lowers it
    most. `fell`: the probability without each row alone."""
    size, places = len(look.now.rows.group), [place for _, place in told]
    shared = sorted((fell[place], item) for item, place in enumerate(places) if place != ABSENT)
    most = max(min(MOST, int(np.log2(ROWS_MOST / max(size, 1)))), 1)
    chosen = sorted(item for _, item in shared[:most])
    gone = (np.arange(2 ** len(chosen))[:, None] >> np.arange(len(chosen))) & 1 > 0
    kept = np.ones((len(gone), size), bool)
    kept[:, [places[item] for item in chosen]] = ~gone
    left = np.array(_moved(look, scorer, probability, kept))
    below = np.flatnonzero(left < FLAGGED)
    if not len(below):
        return None
    best = below[np.lexsort((left[below], gone[below].sum(axis=1)))[0]]
    items = tuple(item for item, out in zip(chosen, gone[best].tolist(), strict=True) if out)
    return Without(items, round(float(left[best]), 6))
