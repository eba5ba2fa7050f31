"""What a deployment's own labels add to a trained model: a linear term over the features of accounts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_CLIP = 3.0


@dataclass(frozen=True)
class Correction:
    """Log odds = standardised features · `weight`; `weight`, `mean` and `scale` float32[F]. A scale of 0 leaves a
    feature out: it had one value where the correction was learnt."""

    weight: Floats
    mean: Floats
    scale: Floats

    @staticmethod
    def nothing(x: Floats) -> Correction:
        """Zero, over features that are standardised as those float32[N, F] are spread."""
        scale = x.std(axis=0, dtype=np.float64).astype(np.float32)
        mean = x.mean(axis=0, dtype=np.float64).astype(np.float32)
        return Correction(np.zeros(x.shape[1], dtype=np.float32), mean, np.where(scale > 1e-6, scale, 0.0))

    @staticmethod
    def of(tensors: Mapping[str, Floats]) -> Correction | None:
        """What `tensors` gave; None where there is none."""
        return Correction(**{name: tensors[name] for name in ("weight", "mean", "scale")}) if tensors else None

    def tensors(self) -> dict[str, Floats]:
        return {"weight": self.weight, "mean": self.mean, "scale": self.scale}

    @property
    def used(self) -> int:
        """How many features are read."""
        return int((self.scale > 0).sum())

    def standard(self, x: Floats) -> Floats:
        """float32[N, F]: what the weights are for; no single fact of an account counts beyond three deviations."""
        used = self.scale > 0
        standard = (x - self.mean) / np.where(used, self.scale, np.float32(1.0))
        return np.asarray(np.clip(standard, -_CLIP, _CLIP) * used, dtype=np.float32)

    def spread(self, x: Floats) -> Floats:
        """float32[N, F]: the same by the root of how many there are, so that more features do not weigh more."""
        return np.asarray(self.standard(x) / np.float32(np.sqrt(max(self.used, 1))), dtype=np.float32)

    def log_odds(self, x: Floats) -> Floats:
        """float32[N], for features float32[N, F]; they add to what networks and trees say together."""
        return np.asarray(self.standard(x) @ self.weight, dtype=np.float32)
