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
AREAS = (
    "code",
    "mathematics",
    "reasoning",
    "tool_use",
    "agents",
    "writing",
    "translation",
    "text_analysis",
    "knowledge",
    "roleplay",
    "safety",
)
UNKNOWN = "unknown"
"""The area of a prompt that says too little, or says it in words that the lexicon lacks."""
TECHNIQUES = (
    "step_by_step",
    "rubric_grading",
    "dataset_generation",
    "tool_trace",
    "jailbreak",
    "prompt_extraction",
)
"""Ways to elicit, by bit: the first is bit 0. Masks lie in ledgers, so that bits never change their meaning."""
TEMPLATED = "templated"

Float32s = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Lexicon:
    """The phrases. `features` are area.named and area.near of each area, the template's, then SHAPE; `phrases` has
    these groups and behind them surely and maybe of each technique."""

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
    groups = [read["area"][area][part] for area in AREAS for part in ("named", "near")]
    groups.append(read["template"]["named"])
    asked = [read["technique"][name][part] for name in TECHNIQUES for part in ("surely", "maybe")]
    names = tuple(f"{area}.{part}" for area in AREAS for part in ("named", "near"))
    return Lexicon((*names, "template", *SHAPE), phrases_of([*groups, *asked]))


@functools.cache
def weights() -> Weights:
    """The weights that the package ships, for the lexicon that it ships."""
    known = lexicon()
    rows = {name: row for row, name in enumerate((*known.features, "intercept"))}
    columns = {name: column for column, name in enumerate((*AREAS, TEMPLATED))}
    table = np.zeros((len(rows), len(columns)), np.float32)
    with WEIGHTS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for name, column in columns.items():
                table[rows[row["feature"]], column] = float(row[name])
    return Weights(np.ascontiguousarray(table[:, :-1]), np.ascontiguousarray(table[:, -1]))
