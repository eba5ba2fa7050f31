"""Trust on Bitcoin Alpha as of a moment, through import, train, detect:
`python -m tests.bench.bitcoin --data soc-sign-bitcoinalpha.csv [--shares 0.5,0.6,0.7,0.8]`.

At the moment T when a share of the ratings had been given, which accounts will come to be distrusted? Asked of the
accounts that are known by T and rated after it; distrusted is one whose ratings after T sum to less than zero. The model
is trained on what happened by T alone. Held against it: the mean of past ratings, and fairness and goodness (Kumar et
al. 2016), which weighs raters by how far they agree with others. Intervals: 1,000 bootstrap draws of accounts, 95 %.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gnn.evaluate import auroc, average_precision
from graphsvc.config import Settings, load_settings
from graphsvc.events.mapping import read_mapping
from graphsvc.jobs.detect import detect
from graphsvc.jobs.importing import import_table
from graphsvc.jobs.train import Way, train_on_ledger

MAPPING = Path(__file__).parents[2] / "examples/import/bitcoin_alpha.toml"
ATTRIBUTES = ("rates",)
DRAWS = 1_000
ROUNDS = 100
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rating:
    source: str
    target: str
    weight: float
    at_s: float


@dataclass(frozen=True)
class Question:
    """`accounts` that are asked about, and which `distrusted` bool[n] they come to be; `past` is what may be used."""

    moment_ms: int
    past: Sequence[Rating]
    accounts: tuple[str, ...]
    distrusted: npt.NDArray[np.bool_]


def read(path: Path) -> list[Rating]:
    with path.open(newline="") as file:
        rows = [
            Rating(r["source"], r["target"], float(r["weight"]), float(r["timestamp"])) for r in csv.DictReader(file)
        ]
    return sorted(rows, key=lambda one: (one.at_s, one.source, one.target))


def question(ratings: Sequence[Rating], share: float) -> Question:
    """The question at the moment when this share of the ratings had been given."""
    moment_s = ratings[int(share * len(ratings))].at_s
    past = [one for one in ratings if one.at_s <= moment_s]
    known = {name for one in past for name in (one.source, one.target)}
    later: dict[str, float] = defaultdict(float)
    for one in ratings[len(past) :]:
        if one.target in known:
            later[one.target] += one.weight
    accounts = tuple(sorted(later))
    return Question(int(moment_s * 1000), past, accounts, np.array([later[name] < 0 for name in accounts]))


def mean_received(asked: Question) -> Mapping[str, float]:
    """Less the mean of past ratings received."""
    received: dict[str, list[float]] = defaultdict(list)
    for one in asked.past:
        received[one.target].append(one.weight)
    return {name: -float(np.mean(weights)) for name, weights in received.items()}


def goodness(asked: Question) -> Mapping[str, float]:
    """Less the goodness of Kumar et al. 2016: the mean of ratings by the fairness of who gave them, to convergence."""
    names = sorted({name for one in asked.past for name in (one.source, one.target)})
    place = {name: index for index, name in enumerate(names)}
    source = np.array([place[one.source] for one in asked.past])
    target = np.array([place[one.target] for one in asked.past])
    weight = np.array([one.weight / 10 for one in asked.past])
    given, received = (np.maximum(np.bincount(end, minlength=len(names)), 1) for end in (source, target))
    fair, good = np.ones(len(names)), np.ones(len(names))
    for _ in range(ROUNDS):
        good = np.bincount(target, fair[source] * weight, minlength=len(names)) / received
        fair = 1 - np.bincount(source, np.abs(weight - good[target]) / 2, minlength=len(names)) / given
    return {name: -float(good[place[name]]) for name in names}


def model(settings: Settings, moment_ms: int, seed: int) -> Mapping[str, float]:
    """Probabilities of a model trained on what happened by the moment."""
    # Not a challenger of the model of an earlier moment: what it says is to be seen.
    train_on_ledger(settings, moment_ms, seed, lambda text, share: None, True, Way(challenger=False))
    accounts = detect(settings, moment_ms, lambda text, share: None).results.accounts
    return dict(zip(accounts["account_id"].to_pylist(), accounts["probability"].to_pylist(), strict=True))


def case(name: str, asked: Question, share: float, scorer: Callable[[], Mapping[str, float]]) -> Floats:
    """Prints one line, and returns the scores of the accounts asked about."""
    started = time.perf_counter()
    known = scorer()
    middle = float(np.median(list(known.values())))
    score = np.array([known.get(name, middle) for name in asked.accounts])
    draws = np.random.default_rng(0).integers(0, len(score), (DRAWS, len(score)))
    figures: dict[str, object] = {}
    for figure, measure in (("auroc", auroc), ("average_precision", average_precision)):
        drawn = [measure(asked.distrusted[rows], score[rows]) for rows in draws]
        low, high = np.quantile(drawn, (0.025, 0.975))
        figures |= {
            figure: round(measure(asked.distrusted, score), 3),
            f"{figure}_interval": [round(low, 3), round(high, 3)],
        }
    line = {
        "case": f"bitcoin_alpha/{name}",
        "share": share,
        "as_of": datetime.fromtimestamp(asked.moment_ms / 1000, UTC).date().isoformat(),
        "accounts": len(asked.accounts),
        "distrusted": int(asked.distrusted.sum()),
        **figures,
        "seconds": round(time.perf_counter() - started, 1),
    }
    print(json.dumps(line), flush=True)
    return score


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--shares", default="0.5,0.6,0.7,0.8")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mapping", type=Path, default=MAPPING)
    given = parser.parse_args()
    ratings = read(given.data)
    with tempfile.TemporaryDirectory(prefix="graphsvc-bitcoin-") as folder:
        settings = load_settings(data=Path(folder), attributes=ATTRIBUTES, neo4j_uri="off")
        import_table(settings, str(given.data), read_mapping(given.mapping))
        for share in (float(one) for one in given.shares.split(",")):
            asked = question(ratings, share)
            case("mean of past ratings", asked, share, lambda asked=asked: mean_received(asked))  # type: ignore[misc]
            case("fairness and goodness", asked, share, lambda asked=asked: goodness(asked))  # type: ignore[misc]
            case("graphsvc", asked, share, lambda asked=asked: model(settings, asked.moment_ms, given.seed))  # type: ignore[misc]


if __name__ == "__main__":
    main()
