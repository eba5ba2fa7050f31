"""The readable files behind the traits: phrases in groups (TOML) and the weights of a linear model (CSV)."""

from __future__ import annotations

import csv
import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from graphsvc.events.traits_scan import SHAPE, Phrases, phrases_of

LEXICON = Path(__file__).with_name("traits_lexicon.toml")
WEIGHTS = Path(__file__).with_name("traits_weights.csv")
TECHNIQUES = (
    "step_by_step",
    "rubric_grading",
    "dataset_generation",
    "tool_trace",
    "jailbreak",
    "prompt_extraction",
)
"""Bit 0 is the first. An area's name is as readable; both are stored by name or bit and never renumbered."""
TEMPLATED = "templated"

Float32s = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Lexicon:
    """`features` are area.named and area.near of each area, the template's, then SHAPE; `phrases` has these groups and
    behind them surely and maybe of each technique."""

    areas: tuple[str, ...]
    features: tuple[str, ...]
    phrases: Phrases

    @property
    def groups(self) -> int:
        """How many of the features are groups of phrases."""
        return len(self.features) - len(SHAPE)


@dataclass(frozen=True)
class Weights:
    """`area` float32[features + 1, areas], `templated` float32[features + 1]; the last row is the intercept."""

    area: Float32s
    templated: Float32s


@functools.cache
def lexicon() -> Lexicon:
    """The phrases that the package ships."""
    with LEXICON.open("rb") as file:
        read = tomllib.load(file)
    areas = tuple(read["area"])
    groups = [read["area"][area][part] for area in areas for part in ("named", "near")]
    groups.append(read["template"]["named"])
    asked = [read["technique"][name][part] for name in TECHNIQUES for part in ("surely", "maybe")]
    names = tuple(f"{area}.{part}" for area in areas for part in ("named", "near"))
    return Lexicon(areas, (*names, "template", *SHAPE), phrases_of([*groups, *asked]))


@functools.cache
def weights() -> Weights:
    """The weights that the package ships, for the lexicon that it ships."""
    known = lexicon()
    rows = {name: row for row, name in enumerate((*known.features, "intercept"))}
    columns = {name: column for column, name in enumerate((*known.areas, TEMPLATED))}
    table = np.zeros((len(rows), len(columns)), np.float32)
    with WEIGHTS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for name, column in columns.items():
                table[rows[row["feature"]], column] = float(row[name])
    return Weights(np.ascontiguousarray(table[:, :-1]), np.ascontiguousarray(table[:, -1]))
