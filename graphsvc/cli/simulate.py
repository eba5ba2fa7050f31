"""`graphsvc simulate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def simulate(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to write into.")],
    accounts: Annotated[int, typer.Option(min=50, help="How many accounts there are.")] = 5000,
    days: Annotated[int, typer.Option(min=2, help="How many days the world lasts.")] = 30,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    world: Annotated[str, typer.Option(help="plain, quiet, evasive, or a .toml file.")] = "plain",
    requests: Annotated[float | None, typer.Option(min=1, help="Mean requests of an account.")] = None,
    start: Annotated[str, typer.Option(help="First day of the world, UTC.")] = "2026-01-05",
    prompts: Annotated[Path | None, typer.Option(help="Folder of public prompt files to draw texts from.")] = None,
    networks: Annotated[Path | None, typer.Option(help="Folder of data-centre and VPN network lists.")] = None,
    zst: Annotated[bool, typer.Option("--zst", help="Compress the event log.")] = False,
) -> None:
    """Make a world of operators and innocents: events.ndjson, labels.ndjson, truth.csv and world.json in OUT.

    Only evaluation reads truth.csv.

    Example: graphsvc simulate world --accounts 5000 --days 30 --seed 1 --world plain
    """
    import msgspec

    from graphsvc.cli.console import progress, say
    from graphsvc.simulate import load_world
    from graphsvc.simulate import simulate as make

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
    with progress("Simulating") as report:
        made = make(spec, out, report, compressed=zst)
    say(
        f"{out}: {made.events:,} events and {made.labels:,} labels of {made.accounts:,} accounts, "
        f"{made.abusive:,} of them abusive in {made.rings:,} rings."
    )
