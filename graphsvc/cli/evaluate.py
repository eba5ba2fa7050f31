"""`graphsvc evaluate`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphsvc.cli.console import progress, say
from graphsvc.cli.detect import AsOf, moment
from graphsvc.config import load_settings
from graphsvc.errors import BadUsage

if TYPE_CHECKING:
    from graphsvc.evaluation.figures import Report
    from graphsvc.evaluation.run import Options
    from graphsvc.evaluation.worlds import Worlds

SEEDS, ACCOUNTS, DAYS = "51,52,53", 4_000, 30


def evaluate(
    truth: Annotated[
        Path | None, typer.Option(metavar="truth.csv", help="Which accounts are abusive, and more.")
    ] = None,
    as_of: AsOf = None,
    looks: Annotated[int, typer.Option(min=1, help="At how many moments up to then rings are looked for.")] = 8,
    budget: Annotated[
        int | None, typer.Option(min=1, help="Accounts that reviewers go through; default: 1 in 100, 20 at least.")
    ] = None,
    ablations: Annotated[
        bool, typer.Option("--ablations", help="Also fit models on the log's earlier part, whole and without parts.")
    ] = False,
    worlds: Annotated[
        str | None, typer.Option(metavar="NAMES", help="Judge simulated worlds instead, with commas: plain,evasive.")
    ] = None,
    seeds: Annotated[str | None, typer.Option(help=f"Seeds of each world, with commas; default: {SEEDS}.")] = None,
    accounts: Annotated[
        int | None, typer.Option(min=50, help=f"Accounts of each world; default: {ACCOUNTS:,}.")
    ] = None,
    days: Annotated[int | None, typer.Option(min=2, help=f"Days of each world; default: {DAYS}.")] = None,
    evasion: Annotated[
        bool, typer.Option("--evasion", help="Also let the worlds' operators give up one sharing after another.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object; what is not defined is null.")
    ] = False,
    report_file: Annotated[
        Path | None, typer.Option("--report", metavar="F.html", help="Write all figures as a page with charts.")
    ] = None,
) -> None:
    """Measure how good the model in use is, strictly as of time, with intervals. Changes no results.

    --truth is a CSV file with the columns account_id and abusive (0 or 1) and, where known, kind, ring, operator,
    group, unit and person. Without it the log is looked at when 70 % of its events had occurred (or --as-of),
    and what people decided after that is the truth: so a deployment evaluates itself.

    Example: graphsvc evaluate --truth world/truth.csv --report report.html

    Example: graphsvc evaluate --as-of 2026-02-01T00:00:00Z --json

    Example: graphsvc evaluate --worlds plain,evasive,quiet --seeds 51,52,53 --report worlds.html
    """
    from graphsvc.evaluation.figures import Report
    from graphsvc.evaluation.run import Options
    from graphsvc.evaluation.run import evaluate as judge

    if report_file is not None and not report_file.absolute().parent.is_dir():
        raise BadUsage(f"The folder of {report_file.name} does not exist.", hint="Make it first.")
    options = Options(moment(as_of), looks, budget, ablations)
    command = shlex.join(["graphsvc", *sys.argv[1:]])
    if worlds is not None:
        if truth is not None or as_of is not None:
            raise BadUsage("--worlds bring their own truth and end.", hint="Leave out --truth and --as-of.")
        found = _worlds(command, _chosen(worlds, seeds, accounts, days), options, evasion)
    elif evasion or any(given is not None for given in (seeds, accounts, days)):
        raise BadUsage("--seeds, --accounts, --days and --evasion are for worlds.", hint="Name some: --worlds plain.")
    else:
        settings = load_settings()
        with progress("evaluate") as report:
            found = Report(command, (judge(settings, truth, options, report),), ())
    _answer(found, as_json, report_file)


def _worlds(command: str, worlds: Worlds, options: Options, evasion: bool) -> Report:
    from graphsvc.evaluation.evasion import cost_of_evasion, evaders
    from graphsvc.evaluation.figures import Report
    from graphsvc.evaluation.worlds import evaluate_worlds

    settings = load_settings()
    if evasion:
        evaders(worlds)
    with progress("evaluate") as report:
        evaluations = evaluate_worlds(settings, worlds, options, report)
    if not evasion:
        return Report(command, evaluations, ())
    with progress("evade") as report:
        return Report(command, evaluations, cost_of_evasion(settings, worlds, report))


def _chosen(names: str, seeds: str | None, accounts: int | None, days: int | None) -> Worlds:
    from graphsvc.evaluation.worlds import Worlds

    try:
        numbers = tuple(int(seed) for seed in (seeds or SEEDS).split(","))
    except ValueError:
        raise BadUsage("--seeds are whole numbers with commas.", hint="Write them like 51,52,53.") from None
    return Worlds(tuple(name.strip() for name in names.split(",")), numbers, accounts or ACCOUNTS, days or DAYS)


def _answer(found: Report, as_json: bool, report_file: Path | None) -> None:
    import msgspec

    from graphsvc.evaluation.report import write_report
    from graphsvc.evaluation.table import lines
    from graphsvc.evaluation.worlds_table import table

    if as_json:
        say(msgspec.json.encode(found).decode())
    else:
        for line in lines(found):
            say(line)
        if len(found.evaluations) > 1:
            say(table(found))
    if report_file is not None:
        write_report(report_file, found)
    if as_json:
        return
    written = f"The report is in {report_file}." if report_file is not None else "--report F.html writes all figures."
    say(written)
