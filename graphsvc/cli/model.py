"""`graphsvc train` and `graphsvc evaluate`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphsvc.cli.console import progress, say
from graphsvc.cli.detect import AsOf, moment
from graphsvc.config import load_settings

if TYPE_CHECKING:
    from graphsvc.jobs.evaluate import Evaluation


def train(
    as_of: AsOf = None,
    simulated: Annotated[bool, typer.Option("--simulated", help="Learn from simulated worlds.")] = False,
    worlds: Annotated[str, typer.Option(help="Names of the simulated worlds, with commas.")] = "plain",
    seeds: Annotated[str, typer.Option(help="Seeds of the simulated worlds, with commas.")] = "1,2,3",
    accounts: Annotated[int, typer.Option(min=200, help="Accounts of each simulated world.")] = 6_000,
    days: Annotated[int, typer.Option(min=7, help="Days of each simulated world.")] = 30,
    seed: Annotated[int, typer.Option(help="Seed of the training.")] = 0,
) -> None:
    """Train a model on the labels decided so far and put it in use.

    Example: graphsvc train
    Example: graphsvc train --simulated --worlds plain,quiet --seeds 1,2,3
    """
    from graphsvc.jobs import train as job

    settings = load_settings()
    with progress("train") as report:
        if simulated:
            names = tuple(name.strip() for name in worlds.split(","))
            chosen = job.Worlds(names, tuple(int(one) for one in seeds.split(",")), accounts, days)
            version, model = job.train_on_worlds(settings, chosen, seed, report)
        else:
            version, model = job.train_on_ledger(settings, moment(as_of), seed, report)
    say(f"Model {version} is in use.")
    for name, value in dict(model.notes.get("metrics", {})).items():
        say(f"  {name}: {value:.4g}" if isinstance(value, float) else f"  {name}: {value}")


def evaluate(
    truth: Annotated[Path, typer.Option(metavar="truth.csv", help="A simulated world's truth.")],
    as_of: AsOf = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Detect as of a moment and hold the result against a world's truth.

    Example: graphsvc evaluate --truth world/truth.csv --json
    """
    from graphsvc.jobs import detect as detection
    from graphsvc.jobs import evaluate as job

    settings = load_settings()
    with progress("evaluate") as report:
        found = detection.detect(settings, moment(as_of), report)
    figures = job.evaluate(found.results, truth)
    if as_json:
        say(json.dumps(asdict(figures)))
    else:
        _show(figures)


def _show(figures: Evaluation) -> None:
    clusters = figures.clusters
    say(f"accounts                    {figures.accounts:,}, {figures.abusive:,} of them abusive")
    say(f"average precision           {figures.average_precision:.3f}")
    say(f"AUROC                       {figures.auroc:.3f}")
    say(f"recall at 0.1 % / 1 % FPR   {figures.recall_at_fpr_01:.3f} / {figures.recall_at_fpr_1:.3f}")
    say(f"calibration error           {figures.calibration_error:.3f}")
    say(f"rings found                 {clusters.ring_recall:.3f}")
    say(f"in flagged clusters: precision {clusters.account_precision:.3f}, recall {clusters.account_recall:.3f}")
    say(f"B-cubed precision / recall  {clusters.bcubed_precision:.3f} / {clusters.bcubed_recall:.3f}")
    say(f"kind accuracy               {figures.kind_accuracy:.3f}")
    say("innocents accused, with the 95 % interval:")
    for name, rate in figures.innocents.items():
        say(f"  {name:<24} {rate.count:>5} of {rate.total:>6}   {rate.low:.2%} to {rate.high:.2%}")
