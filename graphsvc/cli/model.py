"""`graphsvc train`."""

from __future__ import annotations

from typing import Annotated

import typer

from graphsvc.cli.console import progress, say
from graphsvc.cli.detect import AsOf, moment
from graphsvc.config import load_settings


def train(
    as_of: AsOf = None,
    forecast: Annotated[
        bool, typer.Option("--forecast", help="Learn what was decided after each look only, and show no labels.")
    ] = False,
    simulated: Annotated[bool, typer.Option("--simulated", help="Learn from simulated worlds.")] = False,
    worlds: Annotated[str, typer.Option(help="Names of the simulated worlds, with commas.")] = "plain",
    seeds: Annotated[str, typer.Option(help="Seeds of the simulated worlds, with commas.")] = "1,2,3",
    accounts: Annotated[int, typer.Option(min=200, help="Accounts of each simulated world.")] = 6_000,
    days: Annotated[int, typer.Option(min=7, help="Days of each simulated world.")] = 30,
    seed: Annotated[int, typer.Option(help="Seed of the training.")] = 0,
) -> None:
    """Train a model on the labels decided so far and put it in use.

    --forecast is for logs whose attributes tell of the decisions themselves, such as ratings: it learns to foresee.

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
            version, model = job.train_on_ledger(settings, moment(as_of), seed, report, forecast)
    say(f"Model {version} is in use.")
    for name, value in dict(model.notes.get("metrics", {})).items():
        say(f"  {name}: {value:.4g}" if isinstance(value, float) else f"  {name}: {value}")
