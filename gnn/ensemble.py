"""A trained model: a few networks that each held other operators out, their calibration, and the real-time head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from gnn.calibrate import Interval, Platt
from gnn.dataset import Graph
from gnn.head import Head
from gnn.model import AccountNetwork, Shape

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Model:
    """`features` are the names of the columns that the networks read; `notes` (configuration, data window, metrics)
    go into the manifest as they are. `version` is empty until the model is saved."""

    networks: tuple[AccountNetwork, ...]
    shape: Shape
    features: tuple[str, ...]
    account: Platt
    cluster: Platt
    interval: Interval
    head: Head
    notes: Mapping[str, Any]
    version: str = ""


@dataclass(frozen=True)
class Raw:
    """Uncalibrated outputs of each of K networks: `account` float32[K, N], `embedding` float32[N, d] of the first
    network, `kinds` float32[K, C, 9]."""

    account: Floats
    embedding: Floats
    kinds: Floats


def run(networks: tuple[AccountNetwork, ...], graph: Graph) -> Raw:
    """Forward passes without gradients; one network at a time, so that memory stays that of one."""
    accounts, kinds = [], []
    embedding = np.zeros((0, 0), dtype=np.float32)
    with torch.inference_mode():
        for index, network in enumerate(networks):
            network.eval()
            output = network(graph)
            accounts.append(output.account_logit.cpu().numpy())
            kinds.append(output.kind_logits.cpu().numpy())
            if index == 0:
                embedding = output.embedding.cpu().numpy()
    return Raw(np.stack(accounts), embedding, np.stack(kinds))
