"""Fits the linear model of the traits on the fitting half of the hand-labelled samples, and writes its weights.

    python -m tests.bench.traits_fit ../shared/data/prompts

The weights are small numbers in a CSV file that a person can read and change; equal samples give equal weights.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from graphsvc.events.lexicon import AREAS, TEMPLATED, UNKNOWN, WEIGHTS, Lexicon, lexicon
from graphsvc.events.traits import features_of
from graphsvc.events.types import Message
from tests.bench.traits_sample import examples, public

STRENGTH = 0.1
"""A strong penalty. Cross-validation within the fitting half asks for a weaker one, but the lexicon was written by someone
who had read that half; on prompts that were labelled after, this one is right more often."""
SMALLEST = 0.005
"""A weight below this is written as 0: it turns no answer, and a shorter table reads better."""


def main(folder: Path) -> None:
    known = lexicon()
    sample = [one for one in (*public(folder), *examples()) if one.half == "fit"]
    inputs = np.stack([features_of([Message("user", one.text)], known)[0] for one in sample])
    named = np.array([one.area != UNKNOWN for one in sample])
    area = _fit(inputs[named], [one.area for one in sample if one.area != UNKNOWN])
    templated = _fit(inputs, [str(one.templated) for one in sample])
    order = [list(area.classes_).index(name) for name in AREAS]
    table = np.column_stack([*(_weights(area, row) for row in order), _weights(templated, 0)])
    _write(known, table)
    print(json.dumps({"case": "traits/fit", "prompts": len(sample), "with_area": int(named.sum())}))


def _fit(inputs: np.ndarray, classes: list[str]) -> LogisticRegression:
    return LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=5_000).fit(inputs, np.array(classes))


def _weights(model: LogisticRegression, row: int) -> np.ndarray:
    weights = np.append(model.coef_[row], model.intercept_[row]).astype(np.float64)
    return np.where(np.abs(weights) < SMALLEST, 0.0, np.round(weights, 3))


def _write(known: Lexicon, table: np.ndarray) -> None:
    with WEIGHTS.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("feature", *AREAS, TEMPLATED))
        for name, row in zip((*known.features, "intercept"), table.tolist(), strict=True):
            writer.writerow((name, *row))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
