"""`graphsvc simulate`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from graphsvc.simulate.audit import Audit

SHOWN_TRAITS = 25
ACCOUNTS_A_PROCESS = 5_000
"""Below that a second process costs more than it saves."""


def simulate(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to write into.")],
    accounts: Annotated[int, typer.Option(min=50, help="How many accounts there are.")] = 5000,
    days: Annotated[int, typer.Option(min=2, help="How many days the world lasts.")] = 30,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    world: Annotated[
        str, typer.Option(help="A shipped world's name (plain, quiet, evasive, …) or a .toml file.")
    ] = "plain",
    requests: Annotated[float | None, typer.Option(min=1, help="Mean requests of an account.")] = None,
    start: Annotated[str, typer.Option(help="First day of the world, UTC.")] = "2026-01-05",
    prompts: Annotated[
        Path | None,
        typer.Option(
            help="Folder of prompts to draw texts from beside the shipped ones: .txt (one a line), .csv (with a column "
            "prompt, question or instruction), .jsonl or .json (texts, or objects with such a key or with turns). What "
            "a file with eval, bench, test or a benchmark's name in its own holds are benchmark items, which many send."
        ),
    ] = None,
    networks: Annotated[Path | None, typer.Option(help="Folder of data-centre and VPN network lists.")] = None,
    zst: Annotated[bool, typer.Option("--zst", help="Compress the event log.")] = False,
    processes: Annotated[
        int | None,
        typer.Option(min=1, help="Processes that make it; the bytes are the same. As many as cores if not given."),
    ] = None,
    audit: Annotated[
        bool, typer.Option("--audit", help="Fail where a trait of single accounts tells operators from innocents.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make a world of operators and innocents: events.ndjson, labels.ndjson, truth.csv and world.json in OUT.

    Only evaluation reads truth.csv. --audit prints how well each simple trait of single accounts (counts, hours, gaps,
    tokens, payments, mail, …) tells the two sides apart, by AUROC, and exits with 1 where one exceeds .80.

    Example: graphsvc simulate world --accounts 5000 --days 30 --seed 1 --world plain --audit
    """
    import msgspec

    from graphsvc.cli.console import progress, say
    from graphsvc.simulate import load_world
    from graphsvc.simulate.audit import audit as audit_of
    from graphsvc.simulate.world import make_world

    spec = load_world(world)
    spec = msgspec.structs.replace(
        spec,
        accounts=accounts,
        days=days,
        seed=seed,
        start=start,
        requests=spec.requests if requests is None else requests,
        prompts=str(prompts) if prompts else None,
        networks=str(networks) if networks else None,
    )
    processes = processes or max(1, min(os.cpu_count() or 1, accounts // ACCOUNTS_A_PROCESS))
    with progress("Simulating") as report:
        made = make_world(spec, out, report, compressed=zst, processes=processes)
        found = audit_of(made.events, made.truth, report) if audit else None
    summary = made.summary
    if as_json:
        say(msgspec.json.encode({"world": summary, "audit": found}).decode())
    else:
        say(
            f"{out}: {summary.events:,} events and {summary.labels:,} labels of {summary.accounts:,} accounts, "
            f"{summary.abusive:,} of them abusive in {summary.rings:,} rings."
        )
    if found is not None:
        _judge(found, as_json)


def _judge(audit: Audit, as_json: bool) -> None:
    """Shows the traits, and fails for those that give the world away."""
    from graphsvc.cli.console import say
    from graphsvc.errors import BadInput

    if not as_json:
        _show(audit)
    if not audit.giveaways:
        if not as_json:
            say(f"Passed: none of {len(audit.traits)} traits exceeds {audit.bound:.2f}." if audit.traits else
                "Passed: there is nobody to tell from anybody, hence nothing to audit.")  # fmt: skip
        return
    names = ", ".join(f"{trait.name} ({trait.tells:.2f})" for trait in audit.giveaways)
    raise BadInput(
        f"The world gives its operators away: by one account's {names}, above {audit.bound:.2f}.",
        hint="Change the archetypes of that side so that theirs lies within the innocents' range.",
    )


def _show(audit: Audit) -> None:
    from rich.table import Table

    from graphsvc.cli.console import out

    if not audit.traits:
        return
    table = Table("trait of one account", box=None, pad_edge=False)
    for name in ("AUROC", "mean, abusive", "mean, innocent"):
        table.add_column(name, justify="right")
    for trait in audit.traits[:SHOWN_TRAITS]:
        table.add_row(trait.name, f"{trait.auroc:.3f}", f"{trait.abusive_mean:.4g}", f"{trait.innocent_mean:.4g}")
    out.print(table)
    tree = (
        ""
        if audit.tree is None
        else f" A shallow tree over all of them, on operators it has not seen: {audit.tree:.3f}."
    )
    out.print(f"The most telling {min(SHOWN_TRAITS, len(audit.traits))} of {len(audit.traits)} traits.{tree}")
