"""Training of the real-time head: several small monotone networks, each with another fold of operators held out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from gnn.calibrate import fit_platt
from gnn.head import HEAD_FEATURES, RISING_COUNT, Head
from gnn.head_data import ROWS_MAX, HeadData

Floats = npt.NDArray[np.float32]

_HIDDEN = 16
_STEPS = 300
_TIMES = 2
"""So many networks a fold: one alone may come to read what shared things mean by chance, and does so differently each
time; what several agree on holds on logs of another making."""


class _Weights(NamedTuple):
    """`w1` [H, hidden], `b1` [hidden], `w2` [hidden], `b2` [1]."""

    w1: Floats
    b1: Floats
    w2: Floats
    b2: Floats


class _Monotone(nn.Module):
    """The head in training: weights of rising features and of hidden units pass through softplus."""

    def __init__(self) -> None:
        super().__init__()
        self.w1 = nn.Parameter(torch.randn(len(HEAD_FEATURES), _HIDDEN) * 0.1)
        self.b1 = nn.Parameter(torch.zeros(_HIDDEN))
        self.w2 = nn.Parameter(torch.zeros(_HIDDEN) - 1.0)
        self.b2 = nn.Parameter(torch.zeros(1))

    def weights(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        rising = functional.softplus(self.w1[:RISING_COUNT] - 2.0)
        return torch.cat([rising, self.w1[RISING_COUNT:]]), self.b1, functional.softplus(self.w2), self.b2

    def forward(self, x: Tensor) -> Tensor:
        w1, b1, w2, b2 = self.weights()
        logit: Tensor = torch.tanh(x @ w1 + b1) @ w2 + b2
        return logit


def fit_head(data: HeadData, seed: int) -> Head:
    """The mean of all networks' log odds, calibrated by what each said of the fold it held out. Monotone in each rising
    feature whatever the data."""
    if len(data.x) > ROWS_MAX:
        data = data.some(np.random.default_rng(seed).choice(len(data.x), ROWS_MAX, replace=False))
    mean, scale = data.x.mean(axis=0), np.maximum(data.x.std(axis=0), 0.05)
    x = torch.from_numpy(((data.x - mean) / scale).astype(np.float32))
    abusive, held = torch.from_numpy(data.abusive.astype(np.float32)), np.zeros(len(data.x), dtype=np.float32)
    networks = []
    for fold in np.unique(data.fold).tolist():
        mine = data.fold == fold
        weight = np.where(mine, 0.0, data.weight)
        for time in range(_TIMES):
            torch.manual_seed(seed * 1000 + fold * _TIMES + time)
            weights, logits = _fit(x, abusive, weight)
            networks.append(weights)
            held[mine] += logits[mine] / _TIMES
    platt = fit_platt(held, data.abusive, data.weight)
    calibration = np.array([max(platt.slope, 1e-3), platt.shift], dtype=np.float32)
    return Head("", mean.astype(np.float32), scale.astype(np.float32), *_together(networks), calibration)


def _fit(x: Tensor, abusive: Tensor, weight: npt.NDArray[np.floating]) -> tuple[_Weights, Floats]:
    """One network, and its log odds of all rows."""
    share = torch.from_numpy((weight / max(float(weight.sum()), 1e-9)).astype(np.float32))
    network = _Monotone()
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.03, weight_decay=1e-3)
    for _ in range(_STEPS):
        optimizer.zero_grad()
        loss = functional.binary_cross_entropy_with_logits(network(x), abusive, weight=share, reduction="sum")
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.inference_mode():
        return _Weights(*(part.numpy().astype(np.float32) for part in network.weights())), network(x).numpy()


def _together(networks: list[_Weights]) -> _Weights:
    """One network whose log odds are the mean of theirs."""
    w1, b1, w2, b2 = zip(*networks, strict=True)
    return _Weights(
        np.concatenate(w1, axis=1),
        np.concatenate(b1),
        (np.concatenate(w2) / len(networks)).astype(np.float32),
        np.mean(b2, axis=0),
    )
