"""The real-time head: the probability that a new account is abusive, from the state of the identifiers it shares.

It needs numpy only. A batch model gives every known account its probability; the head reads those through the shared
identifiers, so that a signup is judged before it is in any graph (batch embeddings and a real-time head as in BRIGHT,
Lu et al. 2022). The network is monotone by its signs (Archer and Wang 1993): more risky neighbours never lower the
score, more accounts confirmed benign never raise it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gnn.errors import ModelError
from gnn.files import read_tensors
from gnn.groups import MODEL_GROUPS, STRENGTH_CAP_BITS

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

_RISING = ("risk_sum", "risk_best", "risk_peak", "abusive_share", "abusive_count", "less_benign_share")
_FREE = ("tie_sum", "others_log")
HEAD_FEATURES: tuple[str, ...] = (
    *(f"{group}_risk" for group in MODEL_GROUPS),
    *_RISING,
    *(f"{group}_tie" for group in MODEL_GROUPS),
    *_FREE,
)
"""Names of the head's features, in order; the first RISING_COUNT can only raise the score."""
RISING_COUNT = len(MODEL_GROUPS) + len(_RISING)


@dataclass(frozen=True)
class SharedRows:
    """What is known of each identifier that an account shares with others, one row an identifier.

    group int64 (ordinal in MODEL_GROUPS), bits float32, others int64 (accounts besides this one), mean_probability and
    max_probability float32 of those others, confirmed_abusive and confirmed_benign int64 among them.
    """

    group: Ints
    bits: Floats
    others: Ints
    mean_probability: Floats
    max_probability: Floats
    confirmed_abusive: Ints
    confirmed_benign: Ints

    @staticmethod
    def empty() -> SharedRows:
        none, nothing = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
        return SharedRows(none, nothing, none, nothing, nothing, none, none)


def head_features(rows: SharedRows) -> Floats:
    """float32[H] for one account (H = len(HEAD_FEATURES))."""
    return batch_features(rows, np.zeros(len(rows.group), dtype=np.int64), 1).reshape(-1)


def batch_features(rows: SharedRows, account: Ints, accounts: int) -> Floats:
    """float32[accounts, H]; `account` int64[rows] says to which account each row belongs."""
    group_count = len(MODEL_GROUPS)
    strength = np.clip(rows.bits, 0.0, STRENGTH_CAP_BITS) / np.float32(STRENGTH_CAP_BITS)
    strength = np.where(rows.others > 0, strength, np.float32(0.0)).astype(np.float32)
    known = rows.others.astype(np.float32) + 1.0
    risk = _best(strength * rows.mean_probability, account * group_count + rows.group, accounts * group_count)
    tie = _best(strength, account * group_count + rows.group, accounts * group_count)
    risk, tie = risk.reshape(accounts, group_count), tie.reshape(accounts, group_count)
    benign = _best(strength * rows.confirmed_benign.astype(np.float32) / known, account, accounts)
    rising = (
        risk.sum(axis=1),
        risk.max(axis=1),
        _best(strength * rows.max_probability, account, accounts),
        _best(strength * rows.confirmed_abusive.astype(np.float32) / known, account, accounts),
        _best(strength * np.log1p(rows.confirmed_abusive.astype(np.float32)), account, accounts),
        1.0 - benign,
    )
    free = (tie.sum(axis=1), _best(np.log1p(rows.others.astype(np.float32)) * (strength > 0), account, accounts))
    parts = (risk, *(column[:, None] for column in rising), tie, *(column[:, None] for column in free))
    return np.concatenate(parts, axis=1, dtype=np.float32)


def _best(values: npt.NDArray[np.floating], slot: Ints, slots: int) -> Floats:
    out = np.zeros(slots, dtype=np.float32)
    np.maximum.at(out, slot, values.astype(np.float32, copy=False))
    return out


@dataclass(frozen=True)
class Head:
    """Weights of the head: hidden = tanh((x - mean) / scale · w1 + b1), logit = (hidden · w2 + b2) · slope + shift."""

    version: str
    mean: Floats
    scale: Floats
    w1: Floats
    b1: Floats
    w2: Floats
    b2: Floats
    calibration: Floats

    @staticmethod
    def load(folder: Path) -> Head:
        """The head of the model in `folder`. Raises ModelError when the files are missing or were changed."""
        manifest, tensors = read_tensors(folder, prefix="head.")
        if tuple(manifest.get("head_features", ())) != HEAD_FEATURES:
            raise ModelError(
                f"The model in {folder} was made for other head features than this version computes.",
                hint="Train it again with this version, or install the version that made it.",
            )
        return Head.of(str(manifest["version"]), tensors)

    @staticmethod
    def of(version: str, tensors: Mapping[str, npt.NDArray[np.float32]]) -> Head:
        names = ("mean", "scale", "w1", "b1", "w2", "b2", "calibration")
        return Head(version, *(np.asarray(tensors[name], dtype=np.float32) for name in names))

    def tensors(self) -> dict[str, Floats]:
        return {name: getattr(self, name) for name in ("mean", "scale", "w1", "b1", "w2", "b2", "calibration")}

    def score(self, features: Floats) -> Floats:
        """Calibrated probability of abuse, float32[...] for features float32[..., H]."""
        hidden = np.tanh((features - self.mean) / self.scale @ self.w1 + self.b1)
        logit = (hidden @ self.w2 + self.b2[0]) * self.calibration[0] + self.calibration[1]
        return np.asarray(1.0 / (1.0 + np.exp(-logit)), dtype=np.float32)
