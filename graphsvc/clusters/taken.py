"""The statement of what a cluster took, out of the rows that a detection run keeps of it, with one plain sentence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from graphsvc.events.lexicon import AREAS, UNKNOWN
from graphsvc.links.asking import breadth_bits, uniform
from graphsvc.links.taken import ALL_WEEKS, WEEK_MS

MOST, MANY, SOME = 0.5, 0.2, 0.05
"""Shares from which a technique is said of most, of many and of some exchanges; a rarer one is left out of the
sentence, and stands in the table."""
NAMED = 2
"""How many areas and models the sentence names."""
AREA_WORDS = {"tool_use": "tool use", "agents": "agent work", "text_analysis": "text analysis", UNKNOWN: "unknown"}
TECHNIQUE_WORDS = {
    "step_by_step": "asking for step-by-step reasoning",
    "rubric_grading": "asking for grades by a rubric",
    "dataset_generation": "asking for training data",
    "tool_trace": "asking for traces of tool use",
    "jailbreak": "trying to lift the model's limits",
    "prompt_extraction": "asking for hidden instructions",
}


@dataclass(frozen=True)
class TakenRow:
    """A row of TAKEN, see graphsvc.links.taken."""

    cluster: int
    part: str
    name: str
    week_ms: int
    accounts: int
    exchanges: int
    input_tokens: int
    output_tokens: int
    templated: float
    repeated: float


@dataclass(frozen=True)
class Share:
    """One area, technique or model. `share`: of the exchanges whose text was seen; for a model, of all."""

    name: str
    accounts: int
    exchanges: int
    input_tokens: int
    output_tokens: int
    share: float


@dataclass(frozen=True)
class Amount:
    """What was taken within a time, most first; `starts_ms` is the Monday of a week, or of the first of all weeks."""

    starts_ms: int
    accounts: int
    exchanges: int
    input_tokens: int
    output_tokens: int
    areas: tuple[Share, ...]
    techniques: tuple[Share, ...]
    models: tuple[Share, ...]


@dataclass(frozen=True)
class Taken:
    """What a cluster took in all and by week (weeks without an exchange left out).

    `breadth_bits` is the entropy of its known areas; `uniformity`, 0 to 1, says how like a template its prompts are, by
    their words or by repeating one another. A plan that is worked off has much of both, a person's work little.
    """

    whole: Amount
    weeks: tuple[Amount, ...]
    breadth_bits: float
    uniformity: float

    @property
    def sentence(self) -> str:
        """What was taken, in one sentence that a person can read."""
        whole = self.whole
        if not whole.exchanges:
            return "No exchange of these accounts is known."
        accounts, exchanges = _counted(whole.accounts, "account"), _counted(whole.exchanges, "exchange")
        parts = [
            f"In {_span(self.weeks)} {accounts} took {exchanges}",
            *([f"{large(whole.output_tokens)} output tokens"] if whole.output_tokens else []),
            *_areas(whole.areas),
            *_techniques(whole.techniques),
        ]
        return f"{', '.join(parts)}{_models(whole.models)}."


def taken_from(table: pa.Table) -> Taken:
    """The statement from all rows of TAKEN of one cluster; one of nothing where there are none."""
    rows = [TakenRow(**row) for row in table.to_pylist()]
    by_week: dict[int, list[TakenRow]] = {}
    for row in rows:
        by_week.setdefault(row.week_ms, []).append(row)
    weeks = tuple(_amount(week_ms, by_week[week_ms]) for week_ms in sorted(by_week) if week_ms != ALL_WEEKS)
    whole = _amount(weeks[0].starts_ms if weeks else 0, by_week.get(ALL_WEEKS, []))
    known = {share.name: share.exchanges for share in whole.areas}
    counts = np.array([[known.get(name, 0)] for name in AREAS], np.float64)
    every = [row for row in by_week.get(ALL_WEEKS, []) if row.part == "all"]
    likeness, repeated = (np.array([getattr(row, name) for row in every]) for name in ("templated", "repeated"))
    uniformity = float(uniform(likeness, repeated).sum())
    return Taken(whole, weeks, round(float(breadth_bits(counts)[0]), 3), round(uniformity, 3))


def area_words(name: str) -> str:
    """An area as a person reads it."""
    return AREA_WORDS.get(name, name)


def large(count: int) -> str:
    """A large count as a person reads it: 9.1 million, 12,400."""
    for unit, size in (("billion", 10**9), ("million", 10**6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count:,}"


def _amount(starts_ms: int, rows: Iterable[TakenRow]) -> Amount:
    parts: dict[str, list[TakenRow]] = {}
    for row in rows:
        parts.setdefault(row.part, []).append(row)
    whole = parts["all"][0] if "all" in parts else TakenRow(-1, "all", "", starts_ms, 0, 0, 0, 0, 0.0, 0.0)
    seen = sum(row.exchanges for row in parts.get("area", []))
    return Amount(
        starts_ms,
        whole.accounts,
        whole.exchanges,
        whole.input_tokens,
        whole.output_tokens,
        areas=_shares(parts.get("area", []), seen),
        techniques=_shares(parts.get("technique", []), seen),
        models=_shares(parts.get("model", []), whole.exchanges),
    )


def _shares(rows: list[TakenRow], among: int) -> tuple[Share, ...]:
    ordered = sorted(rows, key=lambda row: (-row.exchanges, row.name))
    return tuple(
        Share(row.name, row.accounts, row.exchanges, row.input_tokens, row.output_tokens, row.exchanges / among)
        for row in ordered
    )


def _span(weeks: Sequence[Amount]) -> str:
    count = (weeks[-1].starts_ms - weeks[0].starts_ms) // WEEK_MS + 1
    return "one week" if count == 1 else f"{count:,} weeks"


def _counted(count: int, thing: str) -> str:
    return f"{large(count)} {thing}{'' if count == 1 else 's'}"


def _areas(areas: Sequence[Share]) -> list[str]:
    known = [area for area in areas if area.name != UNKNOWN and area.share >= SOME][:NAMED]
    if not known:
        return []
    named = " and ".join(f"{area_words(area.name)} ({area.share:.0%})" for area in known)
    return [f"mostly {named}" if sum(area.share for area in known) >= MOST else f"among them {named}"]


def _techniques(techniques: Sequence[Share]) -> list[str]:
    told = [one for one in techniques if one.share >= SOME][:NAMED]
    return [f"{_how_many(one.share)} {TECHNIQUE_WORDS.get(one.name, one.name)}" for one in told]


def _how_many(share: float) -> str:
    return "most" if share >= MOST else "many" if share >= MANY else "some"


def _models(models: Sequence[Share]) -> str:
    if not models:
        return ""
    if len(models) <= NAMED:
        return ", from " + " and ".join(model.name for model in models)
    return f", from {len(models):,} models, first of all {models[0].name} ({models[0].share:.0%})"
