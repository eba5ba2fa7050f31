"""`graphsvc demo`."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from graphsvc.cli.console import Report, note, out, progress, say
from graphsvc.cli.up import Host, Port
from graphsvc.config import Settings, load_settings

if TYPE_CHECKING:
    from graphsvc.jobs.demo import Demo, Shown

DEMO_FOLDER = Path("~/.local/share/graphsvc-demo")


def demo(
    accounts: Annotated[int, typer.Option(min=200, help="How many accounts the world has.")] = 5_000,
    seed: Annotated[int, typer.Option(help="The world's seed; the same seed gives the same world.")] = 1,
    most: Annotated[int, typer.Option("--top", min=1, help="How many clusters to print.")] = 8,
    serve: Annotated[bool, typer.Option("--serve/--no-serve", help="Serve the API and pages afterwards.")] = True,
    host: Host = None,
    port: Port = None,
) -> None:
    """Make a world, find its rings, and serve them: everything once, from events to pages.

    Works in its own data folder (GRAPHSVC_DATA, else ~/.local/share/graphsvc-demo); run again, it goes on from there.

    Example: graphsvc demo --no-serve
    """
    from graphsvc.jobs.demo import run_demo
    from graphsvc.jobs.service import database, run_service

    settings = _settings(host, port)
    started_s = time.monotonic()
    with database(settings, note):
        with _Stages() as stages:
            done = run_demo(settings, accounts, seed, most, stages.begin)
        _show(done, time.monotonic() - started_s)
        if serve:
            say(_way_in(settings))
            run_service(settings, say)


def _settings(host: str | None, port: int | None) -> Settings:
    given: dict[str, object] = {}
    if "GRAPHSVC_DATA" not in os.environ and "GRAPHSVC_CONFIG" not in os.environ:
        given["data"] = DEMO_FOLDER
    given |= {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    return load_settings(**given)


class _Stages:
    """One progress bar after the other, each named for what is being done."""

    def __init__(self) -> None:
        self._open = ExitStack()

    def __enter__(self) -> _Stages:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def begin(self, title: str) -> Report:
        self._open.close()
        note(f"· {title}")
        return self._open.enter_context(progress(title))


def _show(done: Demo, seconds: float) -> None:
    known = f", {done.events.duplicates:,} known already" if done.events.duplicates else ""
    say(f"\n{done.events.accepted:,} events read{known}; {done.detection.accounts:,} accounts scored and", end=" ")
    say(f"{done.detection.clusters:,} clusters labelled in {seconds:.0f} s. The most suspicious:\n")
    for shown in done.clusters:
        _show_cluster(shown)
    if done.graph_missing:
        note(f"The graph database is missing: {done.graph_missing}\nAll else works; queries and graph pictures do not.")


def _show_cluster(shown: Shown) -> None:
    cluster = shown.cluster
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_row(f"{cluster.id}", f"{cluster.kind}", f"{cluster.probability:.1%}", f"{cluster.size} accounts")
    out.print(table)
    for evidence in shown.evidence:
        say(f"    {evidence.text}")


def _way_in(settings: Settings) -> str:
    from graphsvc.cases.keys import KeyStore
    from graphsvc.cases.links import LinkStore

    address = f"http://{settings.host}:{settings.port}"
    cases = settings.places.cases
    return (
        f"\nLook at them:  {address}/enter?token={LinkStore(cases).create()}  (good once, for an hour)\n"
        f"An API key:    {KeyStore(cases).create('demo')}"
    )
