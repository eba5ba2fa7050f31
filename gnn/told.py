"""What the labels of others tell of each account, where accounts are tied directly: a label never reaches its own.

By neighbours and by theirs, as rates drawn towards the rate of all; and by where accounts are in the network: those
between whom a walk over ties soon goes to and fro are near each other, and a ridge regression on these places learns
where known accounts are abusive. The latter is made out of fold for accounts with a label. To leave but the account
itself out would tell on it: what the rest says falls a little with each label that is taken from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.linalg import eigsh

from gnn.adjacency import Ties

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

COLUMNS = ("near_rate", "near_count", "near_bad", "rare_rate", "rarest_rate", "far_rate", "far_mean", "place_rate")
PLACES = 64
"""Dimensions of places."""
NEAR_PRIOR, FAR_PRIOR = 2.0, 50.0
"""So many neighbours, or neighbours of theirs, of the rate of all are added to those of an account."""
RIDGE = 100.0
"""How far the regression is drawn towards the rate of all, in accounts; places have a mean square of 1."""
FOLDS = 20


@dataclass(frozen=True)
class Surroundings:
    """Direct ties as matrices; made once a network."""

    ties: Ties

    @property
    def accounts(self) -> int:
        return len(self.ties.starts) - 1

    @cached_property
    def matrix(self) -> csr_array:
        """float64[N, N], symmetric, the weights of ties."""
        shape = self.accounts, self.accounts
        return csr_array((self.ties.weight.astype(np.float64), self.ties.other, self.ties.starts), shape=shape)

    @cached_property
    def degree(self) -> Doubles:
        """float64[N]: the weight of all ties of each account; at least a trifle."""
        return np.asarray(np.maximum(self.matrix.sum(axis=1), 1e-9))

    @cached_property
    def spectrum(self) -> tuple[Doubles, Doubles]:
        """float64[d] and float64[N, d]: how slowly the parts of a walk over ties fade, slowest first and the constant
        one left out, and what each is of an account; of unit length."""
        dimensions = min(PLACES, self.accounts - 2)
        half = self._half
        even = self.matrix.multiply(half[:, None]).multiply(half[None, :]).tocsr()
        start = np.random.default_rng(0).random(self.accounts)
        fades, vectors = eigsh(even, dimensions + 1, which="LA", v0=start)
        order = np.argsort(-fades)[1:]
        return fades[order], vectors[:, order]

    @cached_property
    def _half(self) -> Doubles:
        """float64[N]: one by the root of the weight of all ties; 0 without any."""
        degree = self.matrix.sum(axis=1)
        return np.asarray(np.where(degree > 0, 1.0 / np.sqrt(self.degree), 0.0))

    @cached_property
    def places(self) -> Doubles:
        """float64[N, d]: where a slow walk is likely to come from (Coifman and Lafon 2006), with a mean square of 1.
        Only comparable within one network."""
        walk = self.spectrum[1] * self._half[:, None]
        return np.asarray(walk / np.maximum(np.sqrt((walk**2).mean(axis=0)), 1e-12))

    @cached_property
    def _directions(self) -> Doubles:
        """float64[N, d + 1]: places as directions, slow ones long, beside a constant: however central an account is."""
        fades, vectors = self.spectrum
        slow = vectors * np.maximum(fades, 0.0)
        length = np.maximum(np.linalg.norm(slow, axis=1, keepdims=True), 1e-12)
        return np.hstack([np.ones((self.accounts, 1)), slow / length * np.sqrt(slow.shape[1])])

    def told(self, bad: Bools, known: Bools, seed: int) -> Floats:
        """float32[N, len(COLUMNS)] from the accounts that are `known`, bool[N], and which of them are `bad`."""
        matrix, degree = self.matrix, self.degree
        label, shown = (bad & known).astype(np.float64), known.astype(np.float64)
        rate = float(label.sum() / max(shown.sum(), 1.0))
        near_bad, near = matrix @ label, matrix @ shown
        out = [drawn(near_bad, near, rate, NEAR_PRIOR), np.log1p(near), np.log1p(near_bad)]
        for worth in (1.0 / np.log1p(np.maximum(degree, 1.0)), 1.0 / degree):
            prior = NEAR_PRIOR * float(worth.mean())
            out.append(drawn(matrix @ (worth * label), matrix @ (worth * shown), rate, prior))
        back = (matrix.multiply(matrix)).sum(axis=1)
        far_bad, far = matrix @ near_bad - back * label, matrix @ near - back * shown
        out.append(drawn(far_bad, far, rate, FAR_PRIOR))
        out.append(self._far_mean(label, shown, rate))
        out.append(self._by_place(label, known, seed))
        return np.stack(out, axis=1).astype(np.float32)

    def _far_mean(self, label: Doubles, shown: Doubles, rate: float) -> Doubles:
        """The rate among neighbours of neighbours, each neighbour saying as much as any other."""
        each = 1.0 / self.degree
        back = each * (self.matrix.multiply(self.matrix) @ each)
        bad, all_ = (each * (self.matrix @ (each * (self.matrix @ one))) - back * one for one in (label, shown))
        return np.where(all_ > 1e-9, bad / np.maximum(all_, 1e-9), rate)

    def _by_place(self, label: Doubles, known: Bools, seed: int) -> Doubles:
        x = self._directions
        rows = np.flatnonzero(known)
        fold = np.random.default_rng(seed).permutation(len(rows)) % FOLDS
        whole = x[rows].T @ x[rows], x[rows].T @ label[rows]
        ridge = np.diag([1e-3, *[RIDGE] * (x.shape[1] - 1)])
        out = np.asarray(x @ np.linalg.solve(whole[0] + ridge, whole[1]))
        for number in range(FOLDS):
            mine = rows[fold == number]
            rest = whole[0] - x[mine].T @ x[mine], whole[1] - x[mine].T @ label[mine]
            out[mine] = x[mine] @ np.linalg.solve(rest[0] + ridge, rest[1])
        return out


def drawn(bad: Doubles, count: Doubles, rate: float, prior: float) -> Doubles:
    """Rates of `bad` among `count`, drawn towards `rate` as if by `prior` more."""
    return np.asarray((bad + rate * prior) / (count + prior))
