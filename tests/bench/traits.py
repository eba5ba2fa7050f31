"""Traits of prompts against labels that a person wrote: `python -m tests.bench.traits [../shared/data/prompts]`.

One JSON line a case: areas, techniques and template-likeness on the public prompts and on our own examples. The parts: `fit` made the weights; `held`
did not, but whoever wrote the lexicon had read it; `tuned` was labelled when the lexicon was made and chose the penalty
and the least probability; `fresh` was labelled when all was fixed, and is the one to believe. Our own examples come from
the lexicon's author, and flatter it. Then the time of a prompt of 1 kB, the best of five rounds. Without the public
prompts their cases are left out, and a line says so.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from sklearn.metrics import f1_score, precision_recall_fscore_support, roc_auc_score

from graphsvc.events.lexicon import TECHNIQUES, UNKNOWN
from graphsvc.events.traits import TraitReader
from graphsvc.events.types import Message
from tests.bench.traits_sample import Labelled, examples, public
from tests.examples import technique_names

TIMED, ROUNDS = 4_000, 5
LATIN = 0x250
"""Prompts with a fifth of their letters beyond this code point are counted as of another script."""


def main(folder: Path | None) -> None:
    reader = TraitReader()
    sample = list(examples())
    if folder is None or not folder.is_dir():
        print(json.dumps({"case": "traits/public", "skipped": "the public prompts are not at hand"}), flush=True)
    else:
        sample += public(folder)
    for origin in ("public", "examples"):
        for half in ("fit", "held", "tuned", "fresh"):
            mine = [one for one in sample if one.half == half and (one.origin == "examples") == (origin == "examples")]
            if mine:
                _areas(f"{origin}/{half}", reader, mine)
                _techniques(f"{origin}/{half}", reader, mine)
                _templated(f"{origin}/{half}", reader, mine)
    _other_scripts(reader, sample)
    _speed(reader, [one.text for one in sample])


def _areas(case: str, reader: TraitReader, sample: list[Labelled]) -> None:
    true = [one.area for one in sample]
    found = [_traits(reader, one.text)[0] for one in sample]
    names = sorted({*true} - {UNKNOWN})
    answered = [(t, f) for t, f in zip(true, found, strict=True) if f != UNKNOWN]
    precision, recall, f1, support = precision_recall_fscore_support(true, found, labels=names, zero_division=0)
    _line(
        f"area/{case}",
        prompts=len(true),
        accuracy=np.mean([t == f for t, f in zip(true, found, strict=True)]),
        macro_f1=f1_score(true, found, labels=names, average="macro", zero_division=0),
        answered=len(answered) / len(true),
        accuracy_of_answered=np.mean([t == f for t, f in answered]) if answered else 0.0,
        areas={
            name: {"precision": p, "recall": r, "f1": f, "prompts": int(n)}
            for name, p, r, f, n in zip(names, precision, recall, f1, support, strict=True)
        },
    )


def _techniques(case: str, reader: TraitReader, sample: list[Labelled]) -> None:
    found = [_traits(reader, one.text)[1] for one in sample]
    table = {}
    for name in TECHNIQUES:
        true = np.array([name in one.techniques for one in sample])
        told = np.array([name in one for one in found])
        hit = int((true & told).sum())
        table[name] = {
            "precision": hit / told.sum() if told.any() else None,
            "recall": hit / true.sum() if true.any() else None,
            "found": int(told.sum()),
            "prompts": int(true.sum()),
        }
    _line(f"technique/{case}", prompts=len(sample), techniques=table)


def _templated(case: str, reader: TraitReader, sample: list[Labelled]) -> None:
    true = [one.templated for one in sample]
    found = [_traits(reader, one.text)[2] for one in sample]
    right = np.mean([t == (f >= 0.5) for t, f in zip(true, found, strict=True)])
    _line(f"templated/{case}", prompts=len(true), auroc=roc_auc_score(true, found), accuracy=right)


def _other_scripts(reader: TraitReader, sample: Iterable[Labelled]) -> None:
    """How prompts of other scripts fare: answered rightly, left unknown, or wrong."""
    chosen = [one for one in sample if one.half != "fit" and sum(ord(c) > LATIN for c in one.text) * 5 > len(one.text)]
    found = [_traits(reader, one.text)[0] for one in chosen]
    right = sum(one.area == area for one, area in zip(chosen, found, strict=True))
    unknown = sum(area == UNKNOWN != one.area for one, area in zip(chosen, found, strict=True))
    _line("area/other_scripts", prompts=len(chosen), right=right, unknown=unknown, wrong=len(chosen) - right - unknown)


def _speed(reader: TraitReader, texts: list[str]) -> None:
    """Time of a prompt of about 1 kB, made of the sample's texts one behind the other."""
    whole = "\n".join(texts)
    starts = np.linspace(0, len(whole) - 1_000, TIMED).astype(int)
    prompts = [[Message("user", whole[start : start + 1_000])] for start in starts]
    reader.of_messages(prompts[0])
    seconds = min(_seconds(reader, prompts) for _ in range(ROUNDS))
    _line("speed/1kB", prompts=TIMED, microseconds_a_prompt=seconds / TIMED * 1e6, prompts_a_second=TIMED / seconds)


def _seconds(reader: TraitReader, prompts: list[list[Message]]) -> float:
    started = time.perf_counter()
    for prompt in prompts:
        reader.of_messages(prompt)
    return time.perf_counter() - started


def _traits(reader: TraitReader, text: str) -> tuple[str, list[str], float]:
    traits = reader.of_messages([Message("user", text)])
    return traits.area, technique_names(traits.techniques), traits.templated


def _line(case: str, **figures: object) -> None:
    print(json.dumps({"case": f"traits/{case}", **_rounded(figures)}), flush=True)


def _rounded(value: dict[str, object]) -> dict[str, object]:
    return {
        name: _rounded(one) if isinstance(one, dict) else round(float(one), 3) if isinstance(one, float) else one
        for name, one in value.items()
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
