"""The head's arithmetic for one account, compiled: what gnn.head reckons for many, in microseconds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from gnn.groups import MODEL_GROUPS, STRENGTH_CAP_BITS
from gnn.head import HEAD_FEATURES, Head, SharedRows

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
GROUPS, FEATURES = len(MODEL_GROUPS), len(HEAD_FEATURES)
RISK_SUM, RISK_BEST, RISK_PEAK, ABUSIVE_SHARE, ABUSIVE_COUNT, LESS_BENIGN = range(GROUPS, GROUPS + 6)
TIE = GROUPS + 6
TIE_SUM, OTHERS_LOG = TIE + GROUPS, TIE + GROUPS + 1
CAP = np.float32(STRENGTH_CAP_BITS)


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
    logit = np.float64(weights.b2[0])
    for unit in range(len(weights.w2)):
        total = np.float64(weights.b1[unit])
        for place in range(FEATURES):
            total += (features[place] - weights.mean[place]) / weights.scale[place] * weights.w1[place, unit]
        logit += np.tanh(total) * weights.w2[unit]
    return float(1.0 / (1.0 + np.exp(-(logit * weights.calibration[0] + weights.calibration[1]))))
