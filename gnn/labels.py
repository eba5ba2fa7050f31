"""What is known of accounts: labels as vectors, and what of them a model may see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gnn.groups import KINDS
from gnn.network import Network, column

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

UNLABELLED, BENIGN, ABUSIVE = -1, 0, 1
KNOWN_BAD = 0.5
"""How sure it must be that an account is abusive for it to count as known to be."""
KNOWN_GOOD = 0.5
"""Likewise that it is innocent."""


@dataclass(frozen=True)
class Verdicts:
    """One verdict an account: `verdict` int8[N] (UNLABELLED, BENIGN, ABUSIVE), `kind` int8[N] (ordinal in KINDS or
    -1), `confidence` float32[N] (0 where unlabelled), `operator` int32[N] (a number for each operator_id, or -1)."""

    verdict: npt.NDArray[np.int8]
    kind: npt.NDArray[np.int8]
    confidence: Floats
    operator: npt.NDArray[np.int32]

    def without(self, hidden: Bools) -> Verdicts:
        """The same with the accounts in `hidden` bool[N] unlabelled."""
        return Verdicts(
            np.where(hidden, UNLABELLED, self.verdict).astype(np.int8),
            np.where(hidden, -1, self.kind).astype(np.int8),
            np.where(hidden, 0.0, self.confidence).astype(np.float32),
            np.where(hidden, -1, self.operator).astype(np.int32),
        )


def settle(labels: pa.Table, accounts: int) -> Verdicts:
    """One verdict an account from a label table: the most confident one, of equals the one decided last."""
    confidence = column(labels, "confidence", np.float32)
    order = np.lexsort((column(labels, "decided_ms", np.int64), confidence))
    rows = column(labels, "account", np.int64)[order]
    out = Verdicts(
        np.full(accounts, UNLABELLED, dtype=np.int8),
        np.full(accounts, -1, dtype=np.int8),
        np.zeros(accounts, dtype=np.float32),
        np.full(accounts, -1, dtype=np.int32),
    )
    out.verdict[rows] = (_codes(labels["verdict"], ("benign", "abusive")))[order]
    out.kind[rows] = _codes(labels["kind"], KINDS)[order]
    out.confidence[rows] = confidence[order]
    out.operator[rows] = _numbers(labels["operator_id"])[order]
    return out


def _codes(values: pa.ChunkedArray, names: tuple[str, ...]) -> npt.NDArray[np.int8]:
    found = {name: index for index, name in enumerate(names)}
    return np.array([found.get(value, -1) for value in values.to_pylist()], dtype=np.int8)


def _numbers(values: pa.ChunkedArray) -> npt.NDArray[np.int32]:
    indices = values.combine_chunks().dictionary_encode().indices
    return np.asarray(indices.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int32)


@dataclass(frozen=True)
class Known:
    """Evidence about accounts that features may use for their neighbours: `bad` and `good` float32[N] in 0..1."""

    bad: Floats
    good: Floats


def known(network: Network, hidden: Bools | None = None) -> Known:
    """Labels and bans as of the network's time. Accounts in `hidden` bool[N] count as unknown: a training target must
    not be seen by its neighbours either, since their features flow back to it through the layers."""
    found = standing(network.accounts, network.labels)
    if hidden is None:
        return found
    return Known(*(np.where(hidden, 0.0, side).astype(np.float32) for side in (found.bad, found.good)))


def standing(accounts: pa.Table, labels: pa.Table) -> Known:
    """What labels and bans (`banned` of accounts) say; a label that calls an account innocent outweighs its ban."""
    verdicts = settle(labels, len(accounts))
    banned = column(accounts, "banned", np.float32)
    bad = np.maximum(np.where(verdicts.verdict == ABUSIVE, verdicts.confidence, 0.0), np.minimum(banned, 1.0))
    good = np.where(verdicts.verdict == BENIGN, verdicts.confidence, 0.0)
    return Known(np.where(good > 0, 0.0, bad).astype(np.float32), good.astype(np.float32))
