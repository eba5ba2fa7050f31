"""Training of the real-time head from a network: each account as it looked to those who were there before it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from gnn.adjacency import Incidence, incidence
from gnn.calibrate import fit_platt
from gnn.head import HEAD_FEATURES, RISING_COUNT, Head, SharedRows, batch_features
from gnn.kernels import before
from gnn.labels import Known
from gnn.network import Network, column

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

_HIDDEN = 16
_STEPS = 300
_SIGNUP_MS = 3_600_000
_LARGER_POPULATION_BITS = 4.0
_HELD_OUT_FOLD = 0
_ROWS_MAX = 400_000
"""More rows than this teach so small a network nothing more; they are drawn blindly."""


@dataclass(frozen=True)
class HeadData:
    """Rows of one network: `x` float32[M, H], `abusive` bool[M], `weight` float32[M], `fold` int64[M]."""

    x: Floats
    abusive: Bools
    weight: Floats
    fold: npt.NDArray[np.int64]


def head_data(
    network: Network, known: Known, probability: Floats, abusive: Bools, weight: Floats, fold: npt.NDArray[np.int64]
) -> HeadData:
    """Each account four times: at signup, at signup in a population sixteen times as large, at signup when nobody has
    been judged yet, as in a burst between two detections, and with all its links.

    `probability` float32[N] must come from networks that held the account's own operator out. Of a network so large
    that it alone has rows enough, some accounts are drawn blindly."""
    links = incidence(network)
    first = column(network.accounts, "first_ms", np.int64)
    at_signup = links.first_ms <= first[links.account] + _SIGNUP_MS
    bits = column(network.identifiers, "bits", np.float32)
    larger = np.where(bits > 0, bits + np.float32(_LARGER_POPULATION_BITS), bits)
    every = np.ones(len(links.account), dtype=np.bool_)
    unjudged = np.full_like(probability, probability.mean())
    looks = [
        (probability, bits, at_signup),
        (probability, larger, at_signup),
        (unjudged, bits, at_signup),
        (probability, bits, every),
    ]
    times = len(looks)
    rows = _accounts(len(fold), _ROWS_MAX // times)
    x = [prior_features(links, known, judged, bits_, chosen)[rows] for judged, bits_, chosen in looks]
    abusive, weight, fold = abusive[rows], weight[rows], fold[rows]
    return HeadData(np.concatenate(x), np.tile(abusive, times), np.tile(weight, times), np.tile(fold, times))


def _accounts(count: int, most: int) -> slice | npt.NDArray[np.int64]:
    return slice(None) if count <= most else np.random.default_rng(0).choice(count, most, replace=False)


def prior_features(links: Incidence, known: Known, probability: Floats, bits: Floats, chosen: Bools) -> Floats:
    """float32[N, H]: head features of each account from its `chosen` bool[L] links, counting on each identifier only
    accounts that used it earlier."""
    seen = before(links.identifier_starts, links.by_time, links.account, probability, known.bad, known.good)
    rows = np.flatnonzero(chosen & (seen[0] > 0))
    others, total, highest, bad, good = (part[rows] for part in seen)
    nodes = links.identifier[rows]
    shared = SharedRows(
        group=links.group[nodes].astype(np.int64),
        bits=bits[nodes],
        others=others.astype(np.int64),
        mean_probability=(total / others).astype(np.float32),
        max_probability=highest.astype(np.float32),
        confirmed_abusive=np.round(bad).astype(np.int64),
        confirmed_benign=np.round(good).astype(np.int64),
    )
    return batch_features(shared, links.account[rows].astype(np.int64), links.accounts)


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
    """Fit on all folds but one and calibrate on that one. Monotone in each rising feature whatever the data."""
    torch.manual_seed(seed)
    if len(data.x) > _ROWS_MAX:
        data = _some(data, np.random.default_rng(seed).choice(len(data.x), _ROWS_MAX, replace=False))
    mean, scale = data.x.mean(axis=0), np.maximum(data.x.std(axis=0), 0.05)
    x = torch.from_numpy(((data.x - mean) / scale).astype(np.float32))
    truth = torch.from_numpy(data.abusive.astype(np.float32))
    fitted = np.where(data.fold != _HELD_OUT_FOLD, data.weight, 0.0).astype(np.float32)
    weight = torch.from_numpy(fitted / max(float(fitted.sum()), 1e-9))
    network = _Monotone()
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.03, weight_decay=1e-3)
    for _ in range(_STEPS):
        optimizer.zero_grad()
        loss = functional.binary_cross_entropy_with_logits(network(x), truth, weight=weight, reduction="sum")
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.inference_mode():
        w1, b1, w2, b2 = (part.numpy().astype(np.float32) for part in network.weights())
        logits = network(x).numpy()
    held = data.fold == _HELD_OUT_FOLD
    platt = fit_platt(logits[held], data.abusive[held], data.weight[held])
    calibration = np.array([max(platt.slope, 1e-3), platt.shift], dtype=np.float32)
    return Head("", mean.astype(np.float32), scale.astype(np.float32), w1, b1, w2, b2, calibration)


def _some(data: HeadData, rows: npt.NDArray[np.int64]) -> HeadData:
    return HeadData(data.x[rows], data.abusive[rows], data.weight[rows], data.fold[rows])
