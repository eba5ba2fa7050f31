"""`graphsvc train` and `graphsvc model`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from graphsvc.cli.console import note, progress, say
from graphsvc.cli.detect import AsOf, moment
from graphsvc.config import load_settings
from graphsvc.errors import BadUsage

if TYPE_CHECKING:
    from graphsvc.evaluation.shadow import Comparison, Side
    from graphsvc.jobs.drift import Comparison as Drift

app = typer.Typer(
    name="model", help="Models: list, show, compare, promote, roll back.", no_args_is_help=True, rich_markup_mode=None
)
Version = Annotated[
    str, typer.Argument(metavar="VERSION", help="As model list shows it, or champion, challenger, shipped.")
]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]


class Device(StrEnum):
    """Where to compute; auto takes CUDA where there is some."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


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
    challenger: Annotated[
        bool, typer.Option("--challenger", help="Let the model judge unseen beside the one in use, whichever that is.")
    ] = False,
    device: Annotated[Device, typer.Option(help="Where to compute; on cuda in mixed precision.")] = Device.AUTO,
    anew: Annotated[bool, typer.Option("--anew", help="Do not go on with a training that was cut short.")] = False,
    adapt: Annotated[
        bool | None,
        typer.Option("--adapt/--from-scratch", help="Adapt the model in use, or not; else as labels are few or many."),
    ] = None,
    suggest: Annotated[
        int | None,
        typer.Option("--suggest", min=1, metavar="N", help="Train nothing: list N clusters whose review teaches most."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The list of --suggest as JSON.")] = False,
) -> None:
    """Train a model on the labels decided so far.

    With few labels the model in use is adapted to them; with abuse in 40 rings or more a model is learnt from them
    alone. It says which and why. Where nothing does better on labels held out, the model in use stays as it is.

    The first model learnt from your labels alone is put in use; a later one, and an adapted one, becomes the challenger
    of the one in use: it judges unseen beside it in each detect, until graphsvc model promote. Cut short, the same
    command goes on where it was.

    --forecast is for logs whose attributes tell of the decisions themselves, such as ratings: it learns to foresee.

    Example: graphsvc train
    Example: graphsvc train --adapt
    Example: graphsvc train --simulated --worlds plain,quiet --seeds 1,2,3
    Example: graphsvc train --suggest 50
    """
    if suggest is not None:
        _suggest(suggest, as_json)
        return
    if as_json:
        raise BadUsage("--json goes with --suggest N.", hint="graphsvc train --suggest 50 --json")
    if simulated and adapt:
        raise BadUsage("--adapt is for labels of your own.", hint="Leave out --simulated or --adapt.")
    from graphsvc.jobs import train as job
    from graphsvc.jobs.models import champion_version

    settings = load_settings()
    way = job.Way(device=device.value, challenger=True if challenger else None, anew=anew, adapt=adapt, tell=note)
    with progress("train") as report:
        if simulated:
            names = tuple(name.strip() for name in worlds.split(","))
            chosen = job.Worlds(names, tuple(int(one) for one in seeds.split(",")), accounts, days)
            version, model = job.train_on_worlds(settings, chosen, seed, report, way)
        else:
            version, model = job.train_on_ledger(settings, moment(as_of), seed, report, forecast, way)
    used = champion_version(settings.places)
    if used == version:
        say(f"Model {version} is in use.")
    else:
        say(f"Model {version} is the challenger of {used}, which stays in use.")
        say("It judges unseen in each detect. To see how it does: graphsvc model compare.")
        say(f"To put it in use: graphsvc model promote {version}")
    for name, value in dict(model.notes.get("metrics", {})).items():
        say(f"  {name}: {value:.4g}" if isinstance(value, float) else f"  {name}: {value}")


@app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """List the models, the newest first.

    Example: graphsvc model list
    """
    from graphsvc.jobs.models import listed

    models = listed(load_settings().places)
    if as_json:
        rows = [{"version": m.version, "state": m.state, **m.manifest.get("registered", {})} for m in models]
        say(json.dumps(rows, indent=1))
        return
    say(f"{'version':<18}{'state':<20}{'made (UTC)':<18}{'AP':<7}{'AUROC':<7}labels")
    for one in models:
        notes = one.manifest.get("notes", {})
        figures = [notes.get("metrics", {}).get(name) for name in ("account_average_precision", "account_auroc")]
        said = "".join(f"{'–' if value is None else f'{value:.3f}':<7}" for value in figures)
        made = _time(one.manifest.get("registered", {}).get("created_ms"))
        labels = notes.get("window", {}).get("labels")
        say(f"{one.version:<18}{one.state:<20}{made:<18}{said}{'–' if labels is None else f'{labels:,}'}")


@app.command()
def show(
    version: Version = "champion",
    as_json: AsJson = False,
    drift: Annotated[
        bool, typer.Option("--drift", help="Whether accounts and scores of the last detection still look like before.")
    ] = False,
) -> None:
    """Show a model's card: what it is for, what it learnt from, how good and how unsafe it is.

    Example: graphsvc model show challenger
    Example: graphsvc model show --drift
    """
    if drift:
        _show_drift(version, as_json)
        return
    from gnn.card import card
    from graphsvc.jobs.models import read_states, shown

    places = load_settings().places
    one = shown(places, version)
    history = [change for change in read_states(places).history if one.version in (change.version, change.previous)]
    if as_json:
        facts = {"state": one.state, "manifest": one.manifest, "history": msgspec.to_builtins(history)}
        say(json.dumps(facts, indent=1))
        return
    say(card(one.manifest), end="")
    say(f"\n## What became of it\n\n- now: {one.state}")
    for change in history:
        after = f", after {change.previous}" if change.previous else ""
        why = f" ({change.reason})" if change.reason else ""
        say(f"- {_time(change.at_ms)} UTC: {change.version} {change.action}{after}{why}")


@app.command()
def compare(
    as_json: AsJson = False,
    rows: Annotated[int, typer.Option(min=0, help="How many accounts to name on each side.")] = 10,
) -> None:
    """Compare the challenger with the model in use on what both judged: whom they accuse, what labels said since.

    Example: graphsvc model compare
    """
    from graphsvc.evaluation.shadow import compare as compared

    found = compared(load_settings(), shown=rows)
    if as_json:
        say(msgspec.json.format(msgspec.json.encode(found), indent=1).decode())
    else:
        _say_comparison(found)


@app.command()
def challenge(version: Version) -> None:
    """Make a model the challenger: it judges unseen beside the one in use in each detect.

    Example: graphsvc model challenge gnn-0123456789ab
    """
    from graphsvc.jobs.models import challenge as job
    from graphsvc.jobs.models import shown

    places = load_settings().places
    found = shown(places, version).version
    job(places, found)
    say(f"Model {found} is the challenger.")


@app.command()
def promote(
    version: Version,
    force: Annotated[bool, typer.Option("--force", help="Even if a group of innocents fares worse.")] = False,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why it is forced; kept in the history.")] = "",
) -> None:
    """Put the challenger in use, if no group of innocents fares worse beyond its interval.

    Running services take it up by themselves.

    Example: graphsvc model promote challenger
    """
    from graphsvc.evaluation.promotion import promote as job
    from graphsvc.jobs.models import shown

    if force != bool(reason.strip()):
        raise BadUsage("--force and --reason TEXT go together.", hint="Say why; it is kept with the promotion.")
    settings = load_settings()
    found = shown(settings.places, version).version
    previous = job(settings, found, reason.strip())
    say(f"Model {found} is in use; before it was {previous}. To go back: graphsvc model rollback.")


@app.command()
def rollback(
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; kept in the history.")] = "",
) -> None:
    """Put the model in use again that was in use before this one.

    Example: graphsvc model rollback --reason "too many offices in the queue"
    """
    from graphsvc.jobs.models import rollback as job

    now, before = job(load_settings().places, reason.strip())
    say(f"Model {now} is in use again; {before} is retired.")


def _suggest(count: int, as_json: bool) -> None:
    from graphsvc.jobs import suggest as job

    with progress("suggest") as report:
        found = job.suggest(load_settings(), count, report)
    if as_json:
        say(msgspec.json.format(msgspec.json.encode(found), indent=1).decode())
        return
    say(f"{'cluster':<20}{'accounts':>9}  {'abusive':<9}{'parts say':<14}why")
    for one in found:
        parts = f"{one.low:.0%} to {one.high:.0%}"
        say(f"{one.cluster_id:<20}{one.size:>9,}  {one.probability:<9.0%}{parts:<14}{' '.join(one.why)}")
    if not found:
        say("Every cluster is decided.")


def _show_drift(version: str, as_json: bool) -> None:
    from graphsvc.jobs import drift
    from graphsvc.jobs.models import shown

    places = load_settings().places
    kept = drift.of_model(places, shown(places, version).version)
    if as_json:
        say(msgspec.json.format(msgspec.json.encode(drift.told(kept)), indent=1).decode())
        return
    say(f"Drift as of {_time(kept.as_of_ms)} UTC, model {kept.model_version}.")
    say("Index 0.1 and more: moved. 0.2 and more: an alarm; look at what changed before you believe the scores.")
    _say_drift("training", kept.training, "this model keeps no reference of what it learnt from")
    before = kept.earlier.with_ms if kept.earlier is not None else None
    named = f"the detection as of {_time(before)} UTC" if before is not None else "an earlier detection"
    _say_drift(named, kept.earlier, "it is the first by this model")
    if kept.training is not None:
        say(f"{kept.unlike:.2%} of accounts are unlike those of training; intervals of their clusters are wider.")


def _say_drift(against: str, found: Drift | None, missing: str) -> None:
    if found is None:
        say(f"Against {against}: not known, {missing}.")
        return
    moved = [one for one in found.moved if one.level != "calm"]
    alarms = len(found.alarms)
    said = f"{alarms} alarm{'' if alarms == 1 else 's'}, {len(moved) - alarms} moved"
    say(f"Against {against}: {said}, {len(found.moved) - len(moved)} calm.")
    for one in moved:
        say(f"  {one.psi:<7.3f}{one.level:<7}{one.name.replace('_', ' ')}")


def _say_comparison(found: Comparison) -> None:
    say(f"Champion {found.champion}, challenger {found.challenger}")
    say(f"{found.looks} looks, {_time(found.first_as_of_ms)} to {_time(found.last_as_of_ms)} UTC")
    agreed = f"{found.agreed / max(found.accounts, 1):.2%}"
    say(f"Of {found.accounts:,} accounts in the last look they agree on {agreed}; their probabilities lie")
    say(f"{found.difference:.3f} apart on average. The challenger took {found.seconds:.1f} s more.")
    _say_side("The challenger would newly accuse", found.newly_accused)
    _say_side("It would release", found.released)
    right = f"the champion was right on {found.right[0]:,}, the challenger on {found.right[1]:,}"
    say(f"Of {found.labelled:,} accounts labelled since {right}.")
    say("")
    say(f"{'innocents accused':<24}{'units':>9}  {'champion':<26}{'challenger':<26}difference")
    for group in found.groups:
        shares = (group.champion, group.challenger, group.difference)
        said = "".join(f"{f'{one.value:.2%} ({one.low:.2%} to {one.high:.2%})':<26}" for one in shares)
        say(f"{group.group.replace('_', ' '):<24}{group.units:>9,}  {said.rstrip()}{'  WORSE' if group.worse else ''}")
    if found.missing:
        say(f"Too little is known for a promotion: {found.missing}.")


def _say_side(title: str, side: Side) -> None:
    since = f"labelled since: {side.abusive:,} abusive, {side.innocent:,} innocent"
    say(f"{title} {side.accounts:,} accounts ({since}).")
    for account_id in side.account_ids:
        say(f"  {account_id}")


def _time(at_ms: Any) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M") if at_ms else "–"
