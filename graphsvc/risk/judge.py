"""The head's arithmetic, compiled: what gnn.head reckons for many, for one account in microseconds; and for those that
gained links in one call, with the look before it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from gnn.groups import MODEL_GROUPS, STRENGTH_CAP_BITS
from gnn.head import HEAD_FEATURES, Head, SharedRows
from graphsvc.risk.kernels import ABSENT, Array, BaseArrays, OverlayArrays, TypeArrays, look, raise_to

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
GROUPS, FEATURES = len(MODEL_GROUPS), len(HEAD_FEATURES)
RISK_SUM, RISK_BEST, RISK_PEAK, ABUSIVE_SHARE, ABUSIVE_COUNT, LESS_BENIGN = range(GROUPS, GROUPS + 6)
TIE = GROUPS + 6
TIE_SUM, OTHERS_LOG = TIE + GROUPS, TIE + GROUPS + 1
CAP = np.float32(STRENGTH_CAP_BITS)
CLIP = 1e-6


class Weights(NamedTuple):
    """As in gnn.head.Head."""

    mean: Floats
    scale: Floats
    w1: Floats
    b1: Floats
    w2: Floats
    b2: Floats
    calibration: Floats


def weights_of(head: Head) -> Weights:
    return Weights(*(np.ascontiguousarray(one) for one in head.tensors().values()))


def judge(rows: SharedRows, weights: Weights) -> float:
    """Calibrated probability of abuse of the account that shares these."""
    return float(
        _judge(
            rows.group, rows.bits, rows.others, rows.mean_probability, rows.max_probability, rows.confirmed_abusive,
            rows.confirmed_benign, weights,
        )
    )  # fmt: skip


@njit(cache=True)  # type: ignore[untyped-decorator]
def _judge(
    group: Ints, bits: Floats, others: Ints, mean: Floats, peak: Floats, abusive: Ints, benign: Ints, weights: Weights
) -> float:
    features = np.zeros(FEATURES, np.float32)
    most_benign = np.float32(0.0)
    for row in range(len(group)):
        if others[row] <= 0:
            continue
        strength = np.float32(min(max(bits[row], np.float32(0.0)), CAP) / CAP)
        known = np.float32(others[row]) + np.float32(1.0)
        place = group[row]
        features[place] = max(features[place], strength * mean[row])
        features[TIE + place] = max(features[TIE + place], strength)
        features[RISK_PEAK] = max(features[RISK_PEAK], strength * peak[row])
        share = strength * np.float32(abusive[row]) / known
        features[ABUSIVE_SHARE] = max(features[ABUSIVE_SHARE], share)
        features[ABUSIVE_COUNT] = max(
            features[ABUSIVE_COUNT], strength * np.float32(np.log1p(np.float32(abusive[row])))
        )
        most_benign = max(most_benign, strength * np.float32(benign[row]) / known)
        if strength > 0:
            features[OTHERS_LOG] = max(features[OTHERS_LOG], np.float32(np.log1p(np.float32(others[row]))))
    for place in range(GROUPS):
        features[RISK_SUM] += features[place]
        features[RISK_BEST] = max(features[RISK_BEST], features[place])
        features[TIE_SUM] += features[TIE + place]
    features[LESS_BENIGN] = np.float32(1.0) - most_benign
    totals = weights.b1.astype(np.float64)
    for place in range(FEATURES):
        scaled = (features[place] - weights.mean[place]) / weights.scale[place]
        for unit in range(len(totals)):
            totals[unit] += scaled * weights.w1[place, unit]
    logit = np.float64(weights.b2[0])
    for unit in range(len(totals)):
        logit += np.tanh(totals[unit]) * weights.w2[unit]
    return float(1.0 / (1.0 + np.exp(-(logit * weights.calibration[0] + weights.calibration[1]))))


@njit(cache=True)  # type: ignore[untyped-decorator]
def _of(rows: Array, groups: Ints, weights: Weights) -> float:
    """Of rows of graphsvc.risk.kernels.SHARED; `groups` by the code of a type."""
    group = np.empty(len(rows), np.int64)
    for place in range(len(rows)):
        group[place] = groups[rows[place].type]
    told = _judge(
        group, rows["bits"], rows["others"], rows["mean"], rows["highest"], rows["abusive"], rows["benign"], weights
    )
    return float(told)


@njit(cache=True)  # type: ignore[untyped-decorator]
def log_odds(probability: float) -> float:
    """Of a probability, kept off 0 and 1."""
    clipped = min(max(probability, CLIP), 1.0 - CLIP)
    return float(np.log(clipped / (1.0 - clipped)))


@njit(cache=True)  # type: ignore[untyped-decorator]
def from_log_odds(logit: float) -> float:
    """The probability of these log odds."""
    return float(1.0 / (1.0 + np.exp(-logit)))


@njit(cache=True)  # type: ignore[untyped-decorator]
def moved(detected: float, then: float, now: float) -> float:
    """What a detection said of an account, moved up by as much as what came since moves the head's own opinion."""
    return float(from_log_odds(log_odds(detected) + max(log_odds(now) - log_odds(then), 0.0)))


@njit(cache=True)  # type: ignore[untyped-decorator]
def judge_gained(
    base: BaseArrays, over: OverlayArrays, types: TypeArrays, groups: Ints, stranger: float, accounts: Array,
    weights: Weights,
) -> None:  # fmt: skip
    """Raises these accounts to what the head says of each by what was before any of them was raised."""
    chances = np.empty(len(accounts), np.float64)
    keys, codes = np.empty(0, np.uint64), np.empty(0, np.int16)
    for place in range(len(accounts)):
        found = look(base, over, types, stranger, accounts[place], keys, codes)
        detected = np.nan if found.row == ABSENT else float(base.accounts[found.row].probability)
        now = found.now if found.changed else found.then
        if np.isnan(detected):
            chances[place] = _of(now, groups, weights)
        elif found.changed:
            chances[place] = moved(detected, _of(found.then, groups, weights), _of(now, groups, weights))
        else:
            chances[place] = detected
    for place in range(len(accounts)):
        raise_to(base, over, stranger, accounts[place], chances[place])
