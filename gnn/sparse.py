"""Sparse aggregation on PyTorch Geometric: sums over neighbours as one sparse product, without a row a message."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import coo_array
from torch import Tensor

with warnings.catch_warnings():
    # The library compiles some helpers in a way that PyTorch announces to retire; nothing a caller could act on.
    warnings.simplefilter("ignore")
    from torch_geometric.nn import MessagePassing
    from torch_geometric.utils import softmax, spmm

__all__ = ["Aggregate", "compressed", "csr", "device_of", "softmax"]


class Aggregate(MessagePassing):  # type: ignore[misc]
    """Weighted sums of neighbours' rows: out[i] = sum over j of adjacency[i, j] · x[j]."""

    def __init__(self) -> None:
        super().__init__(aggr="sum")

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        """float32[rows, d] for x float32[columns, d] and a sparse adjacency [rows, columns]."""
        out: Tensor = self.propagate(adjacency, x=x)
        return out

    def message_and_aggregate(self, adjacency: Tensor, x: Tensor) -> Tensor:
        # In mixed precision sums over neighbours stay float32: sparse products know no other, and sums would drift.
        with torch.autocast(x.device.type, enabled=False):
            out: Tensor = spmm(adjacency, x.to(adjacency.dtype), reduce="sum")
        return out


def csr(
    rows: npt.NDArray[np.integer],
    columns: npt.NDArray[np.integer],
    weights: npt.NDArray[np.floating],
    shape: tuple[int, int],
) -> Tensor:
    """A sparse float32 matrix in compressed rows from coordinates in any order."""
    matrix = coo_array((weights.astype(np.float32), (rows, columns)), shape=shape).tocsr()
    matrix.sort_indices()
    return compressed(matrix.indptr, matrix.indices, matrix.data, shape)


def compressed(
    starts: npt.NDArray[np.integer],
    columns: npt.NDArray[np.integer],
    weights: npt.NDArray[np.floating],
    shape: tuple[int, int],
) -> Tensor:
    """The sparse float32 matrix whose row r has `weights[starts[r]:starts[r + 1]]` in `columns` of the same places. Its
    indices are int32, with which products take half the time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch calls its compressed format a beta on first use
        return torch.sparse_csr_tensor(
            torch.from_numpy(starts.astype(np.int32)),
            torch.from_numpy(columns.astype(np.int32)),
            torch.from_numpy(weights.astype(np.float32)),
            size=shape,
            check_invariants=False,
        )


def device_of(name: str) -> torch.device:
    """The device of a configured name; `auto` takes an accelerator when there is one."""
    return torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)
