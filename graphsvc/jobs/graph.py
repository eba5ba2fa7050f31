"""The graph brought up to the ledger's end and to the last detection, where there is a graph database."""

from __future__ import annotations

from contextlib import closing

from graphsvc.clusters.results import ResultsReader
from graphsvc.config import Settings
from graphsvc.errors import GraphUnavailable
from graphsvc.graph.connection import connect, driver
from graphsvc.graph.store import GraphStore
from graphsvc.jobs.observe import Report
from graphsvc.ledger import open_ledger
from graphsvc.links.tables import LinkTables


def bring_up_to_date(settings: Settings, *, start: bool, report: Report = lambda step, share: None) -> str:
    """Projects what is new. Returns '' when done, else why the graph could not be reached, in plain words.

    `start`: whether the embedded server is fetched and started where it is not running.
    """
    try:
        connection = connect(settings, start=start, progress=report)
        with driver(connection) as client, closing(open_ledger(settings)) as ledger:
            store = GraphStore(client)
            store.apply_schema()
            store.project(ledger)
            _show_results(settings, store)
    except GraphUnavailable as error:
        return str(error)
    return ""


def _show_results(settings: Settings, store: GraphStore) -> None:
    reader = ResultsReader(settings.places.results)
    if not reader.exists():
        return
    run = reader.run()
    if store.shown_run() == run.created_ms:
        return
    store.project_families(LinkTables(settings.places.links).view(run.as_of_ms))
    store.write_results(reader)
