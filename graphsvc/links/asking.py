"""What an account's prompts have in common, from their traits: the facts that tell extraction from a person's work.

A person asks in their own words, mostly about what they are at: few areas, little template, nothing twice. Who copies a
model walks through its abilities by lists: many areas, or one drilled, in frames that are filled in over and over, and
asks for what a student model learns from (reasoning written out, grades, data, traces of tools). No single fact
accuses: a firm's product asks by templates too, but of one kind; a curious person asks about everything, but by none.
Prompts whose area is unknown count in no breadth, so that a language with fewer phrases in the lexicon makes nobody
narrower or broader.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphsvc.events.lexicon import AREAS, TECHNIQUES

FACTS = ("area_breadth", "uniformity", "systematic", *(f"{name}_share" for name in TECHNIQUES))
"""Float32 facts of accounts, each 0 where no prompt's text was seen."""
TEACHING = ("step_by_step", "rubric_grading", "dataset_generation", "tool_trace")
"""Techniques that make answers worth learning from; the others attack the model."""
HALF_BELIEVED = 8
"""With so many prompts half of a systematic look is believed: fewer look alike by chance."""
THOUSANDTHS = 1_000

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]

TEACHING_MASK = sum(1 << TECHNIQUES.index(name) for name in TEACHING)
_THOUSANDTHS_SUM = f"CAST(sum(CAST(round({THOUSANDTHS} * CAST(templated AS DOUBLE)) AS BIGINT)) AS BIGINT)"
TEMPLATED = f"CAST({_THOUSANDTHS_SUM} AS DOUBLE) / ({THOUSANDTHS} * count(templated))"
"""Mean likeness to a template, 0 to 1, from a sum of integers."""
SUMMED = {
    "shown": "CAST(count(area) AS INTEGER)",
    **{f"area_{name}": f"CAST(count(*) FILTER (WHERE area = '{name}') AS INTEGER)" for name in AREAS},
    **{
        f"asks_{name}": f"CAST(count(*) FILTER (WHERE techniques & {1 << bit} <> 0) AS INTEGER)"
        for bit, name in enumerate(TECHNIQUES)
    },
    "teaching": f"CAST(count(*) FILTER (WHERE techniques & {TEACHING_MASK} <> 0) AS INTEGER)",
    "templated_told": "CAST(count(templated) AS INTEGER)",
    "templated_thousandths": f"coalesce({_THOUSANDTHS_SUM}, 0)",
}
"""What is counted of each account's prompts, by SQL over events."""


def facts(counts: pa.Table, repeated: Float32s) -> dict[str, Float32s]:
    """FACTS of each account of the view, float32[N], from what SUMMED counts of its prompts by the view's moment;
    `repeated` is the share of an account's prompts that repeat a family of its earlier ones.

    - area_breadth: entropy in bits of the areas asked about.
    - uniformity: see `uniform`.
    - systematic: uniformity × (breadth, as a share of the most, or techniques that teach) × how far it is believed.
    - shares of prompts that use each technique.
    """
    prompts = _column(counts, "shown")
    shown = np.maximum(prompts, 1)
    # In the order of operations in which SQL gives a mean.
    templated = _column(counts, "templated_thousandths") / (
        THOUSANDTHS * np.maximum(_column(counts, "templated_told"), 1)
    )
    breadth = breadth_bits(np.stack([_column(counts, f"area_{name}") for name in AREAS]))
    uniformity = np.where(prompts > 0, uniform(templated, repeated.astype(np.float64)), 0.0)
    found = {
        "area_breadth": breadth,
        "uniformity": uniformity,
        "systematic": systematic(breadth, uniformity, _column(counts, "teaching") / shown, prompts),
        **{f"{name}_share": _column(counts, f"asks_{name}") / shown for name in TECHNIQUES},
    }
    return {name: values.astype(np.float32) for name, values in found.items()}


def breadth_bits(counts: Float64s) -> Float64s:
    """Shannon's entropy of the areas in bits, from counts [areas, N]; 0 where nothing is counted."""
    total = np.maximum(counts.sum(axis=0), 1)
    share = counts / total
    bits: Float64s = (share * -np.log2(np.where(share > 0, share, 1))).sum(axis=0)
    return bits


def uniform(templated: Float64s, repeated: Float64s) -> Float64s:
    """How even prompts are, 0 to 1: like a template by their own words, or by repeating one another. Their lengths are
    left out: tokens in count the history of a conversation too, which grows for everybody."""
    either: Float64s = 1 - (1 - templated) * (1 - repeated)
    return either


def systematic(breadth: Float64s, uniformity: Float64s, teaching: Float64s, prompts: Float64s) -> Float64s:
    """How much prompts look like extraction by plan, 0 to 1: uniform ones that either walk through many areas or ask
    for what a student learns from, and enough of them."""
    aimed = 1 - (1 - breadth / np.log2(len(AREAS))) * (1 - teaching)
    score: Float64s = uniformity * aimed * prompts / (prompts + HALF_BELIEVED)
    return score


def _column(table: pa.Table, name: str) -> Float64s:
    values: Float64s = table[name].cast(pa.float64()).to_numpy()
    return values
