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
from graphsvc.links.engine import Database

FACTS = ("area_breadth", "uniformity", "systematic", *(f"{name}_share" for name in TECHNIQUES))
"""Float32 facts of accounts, each 0 where no prompt's text was seen."""
TEACHING = ("step_by_step", "rubric_grading", "dataset_generation", "tool_trace")
"""Techniques that make answers worth learning from; the others attack the model."""
HALF_BELIEVED = 8
"""With so many prompts half of a systematic look is believed: fewer look alike by chance."""
THOUSANDTHS = 1_000

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]

_AREA_COUNTS = ", ".join(f"count(*) FILTER (WHERE area = '{name}') AS area_{name}" for name in AREAS)
_TECHNIQUE_COUNTS = ", ".join(
    f"count(*) FILTER (WHERE techniques & {1 << bit} <> 0) AS asks_{name}" for bit, name in enumerate(TECHNIQUES)
)
_TEACHING_MASK = sum(1 << TECHNIQUES.index(name) for name in TEACHING)
TEMPLATED = f"""
CAST(sum(CAST(round({THOUSANDTHS} * CAST(templated AS DOUBLE)) AS BIGINT)) AS DOUBLE)
    / ({THOUSANDTHS} * count(templated))
"""
"""Mean likeness to a template, 0 to 1, from a sum of integers."""

COUNTS = f"""
SELECT asked.*
FROM account LEFT JOIN (
    SELECT account_id, count(*) AS prompts, {_AREA_COUNTS}, {_TECHNIQUE_COUNTS},
        count(*) FILTER (WHERE techniques & {_TEACHING_MASK} <> 0) AS teaching,
        {TEMPLATED} AS templated
    FROM events WHERE area IS NOT NULL GROUP BY account_id
) AS asked USING (account_id)
ORDER BY account.row
"""  # noqa: S608


def facts(database: Database, repeated: Float32s) -> dict[str, Float32s]:
    """FACTS of each account of the view, float32[N], from its prompts by the view's moment; `repeated` is the share of
    an account's prompts that repeat a family of its earlier ones.

    - area_breadth: entropy in bits of the areas asked about.
    - uniformity: see `uniform`.
    - systematic: uniformity × (breadth, as a share of the most, or techniques that teach) × how far it is believed.
    - shares of prompts that use each technique.
    """
    counts = database.table(COUNTS)
    prompts = _column(counts, "prompts")
    shown = np.maximum(prompts, 1)
    breadth = breadth_bits(np.stack([_column(counts, f"area_{name}") for name in AREAS]))
    uniformity = np.where(prompts > 0, uniform(_column(counts, "templated"), repeated.astype(np.float64)), 0.0)
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
    values: Float64s = table[name].cast(pa.float64()).fill_null(0).to_numpy()
    return values
