"""Families of networks and losses on the same splits: `python -m tests.bench.families [--worlds plain,evasive,…]`.

Each learns from the same varied worlds with the same operators held out, and is judged on those, and on whole worlds of
other seeds, by its networks alone; beside it boosted trees on the same features, label propagation and the rules. One
JSON line a method: average precision of accounts nobody had decided on, and of clusters; seconds of fitting.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from gnn.adjacency import pair_ties
from gnn.baselines import propagate_labels
from gnn.checkpoint import Checkpoints
from gnn.dataset import Graph, build
from gnn.ensemble import run
from gnn.evaluate import average_precision
from gnn.features import FEATURES
from gnn.fit import Way, fit
from gnn.labels import Known, known
from gnn.model import AccountNetwork, Shape
from gnn.network import Network
from gnn.rules import by_rules
from gnn.train import Example, TrainConfig
from gnn.trees import TreeConfig, fit_folds, tree_logits
from gnn.views import View, views_of
from graphsvc.config import Settings, load_settings
from graphsvc.evaluation.truth import read_truth_file
from graphsvc.evaluation.worlds import Worlds, made_world
from graphsvc.jobs.observe import latest_ms, observe, quiet
from graphsvc.jobs.train import Worlds as Taught
from graphsvc.jobs.train import config_of, examples_of_worlds
from graphsvc.ledger import open_ledger
from graphsvc.links.tables import LinkTables
from tests.bench.other_networks import Attentive, Decoupled, balanced, focal, non_negative_pu

WAYS = {
    "gated": Way(),
    "decoupled": Way(make=Decoupled),
    "attention": Way(make=Attentive),
    "gated-focal": Way(accounts=focal),
    "gated-balanced": Way(accounts=balanced),
    "gated-pu": Way(accounts=non_negative_pu),
}
Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Unseen:
    """A world that no training saw: what is known of its N accounts, whether each is abusive, and whether to ask it."""

    name: str
    network: Network
    known: Known
    graph: Graph
    abusive: npt.NDArray[np.bool_]
    asked: npt.NDArray[np.bool_]

    def precision(self, scores: Floats) -> float:
        return float(average_precision(self.abusive[self.asked], scores[self.asked]))


def unseen(settings: Settings, worlds: Worlds) -> Iterator[Unseen]:
    """Each world as of its end; accounts that were decided or banned by then are not asked."""
    for spec in worlds.specs():
        with made_world(settings, spec) as (own, truth), closing(open_ledger(own)) as ledger:
            tables = LinkTables(own.places.links)
            network = observe(tables, ledger, latest_ms(tables, ledger), quiet).network
            told = read_truth_file(truth).of(network.accounts["account_id"].to_pylist())
            seen = known(network)
            asked = told.known & (seen.bad < 0.5) & (seen.good < 0.5)
            yield Unseen(f"{spec.name} {spec.seed}", network, seen, build(network, seen), told.abusive, asked)


def held_out(views: Sequence[View], scores: Callable[[View], Floats]) -> float:
    """Average precision on held-out operators, `scores` [folds, N] of a view."""
    parts = [(view, scores(view)[view.fold, np.arange(len(view.fold))], view.weight > 0) for view in views]
    truth = np.concatenate([view.targets.abusive[rows] for view, _, rows in parts])
    return float(average_precision(truth, np.concatenate([said[rows] for _, said, rows in parts])))


def told(method: str, seconds: float, held: float | None, found: Sequence[float], names: Sequence[str]) -> None:
    line = {"case": "families", "method": method, "seconds": round(seconds, 1)}
    line |= {"held_out_operators": None if held is None else round(held, 4)}
    line |= {"mean": round(float(np.nanmean(found)), 4)}
    print(json.dumps(line | dict(zip(names, (round(one, 4) for one in found), strict=True))), flush=True)


def networks(way: Way, views: Sequence[View], config: TrainConfig) -> tuple[AccountNetwork, ...]:
    shape = Shape(len(FEATURES), config.hidden, config.rounds, config.dropout)
    return fit(views, shape, config, Checkpoints(), lambda fold, share: None, way)


def judged(examples: Sequence[Example], worlds: Sequence[Unseen], ways: Sequence[str], config: TrainConfig) -> None:
    names = [world.name for world in worlds]
    views = views_of(examples, config.folds, config.hidden_shares, config.unlabelled_weight, config.seed)
    for name in ways:
        begun = time.perf_counter()
        fitted = networks(WAYS[name], views, config)
        seconds = time.perf_counter() - begun
        held = held_out(views, lambda view, by=fitted: run(by, (), view.graph).account)  # type: ignore[misc]
        told(name, seconds, held, [one.precision(run(fitted, (), one.graph).account_logit) for one in worlds], names)
    begun = time.perf_counter()
    trees = fit_folds(views, config.folds, TreeConfig(seed=config.seed))
    seconds = time.perf_counter() - begun

    def by_trees(graph: Graph) -> Floats:
        return np.stack([tree_logits(one, graph.x.numpy()) for one in trees])

    held = held_out(views, lambda view: by_trees(view.graph))
    told("boosted trees", seconds, held, [one.precision(by_trees(one.graph).mean(axis=0)) for one in worlds], names)
    spread = [propagate_labels(pair_ties(one.network), one.known.bad, one.known.good) for one in worlds]
    told("label propagation", 0.0, None, [one.precision(s) for one, s in zip(worlds, spread, strict=True)], names)
    told("rules", 0.0, None, [one.precision(by_rules(one.network).account) for one in worlds], names)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", default="plain,evasive,poisoned,drift,flash")
    parser.add_argument("--taught", default="1,2", help="seeds to learn from")
    parser.add_argument("--judged", default="51", help="seeds to judge")
    parser.add_argument("--accounts", type=int, default=1900)
    parser.add_argument("--ways", default=",".join(WAYS), help=f"of: {', '.join(WAYS)}")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    worlds = tuple(asked.worlds.split(","))
    taught, judge = (tuple(map(int, seeds.split(","))) for seeds in (asked.taught, asked.judged))
    with tempfile.TemporaryDirectory(prefix="graphsvc-families-") as folder:
        settings = load_settings(data=Path(folder) / "data")
        examples = examples_of_worlds(settings, Taught(worlds, taught, asked.accounts, 30), quiet)
        others = list(unseen(settings, Worlds(worlds, judge, 4000, 30)))
        judged(examples, others, asked.ways.split(","), config_of(len(examples), seed=0))


if __name__ == "__main__":
    main()
