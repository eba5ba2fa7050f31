"""The whole graph made anew from the ledger, by Neo4j's bulk importer where the server is the embedded one."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from graphsvc.config import Settings
from graphsvc.errors import GraphUnavailable
from graphsvc.graph import embedded
from graphsvc.graph.bulk_files import Import, write_files
from graphsvc.graph.connection import Connection, Progress, connect, driver, silent
from graphsvc.graph.store import GraphStore
from graphsvc.ledger import open_ledger
from graphsvc.ledger.base import Ledger

DATABASE = "neo4j"
OFF_HEAP = "2g"


@dataclass(frozen=True)
class Rebuilt:
    """`offset`: the ledger's last record that is in the new graph; `links`: account to identifier."""

    offset: int
    links: int


def rebuild(settings: Settings, progress: Progress = silent) -> Rebuilt:
    """Replaces all that the database holds by what the ledger says. Clusters come back with the next results step.

    The embedded server is down while Neo4j imports, and is started afterwards. Another server is emptied and filled
    by projection. Raises GraphUnavailable where that fails; then call it again.
    """
    with closing(open_ledger(settings)) as ledger:
        if settings.neo4j_uri:
            return _project_anew(connect(settings, start=False), ledger, progress)
        return _import_anew(settings, ledger, progress)


def _import_anew(settings: Settings, ledger: Ledger, progress: Progress) -> Rebuilt:
    root = settings.places.create().root
    with TemporaryDirectory(dir=root, prefix="rebuild-") as name:
        folder = Path(name)
        files = write_files(ledger, folder, lambda share: progress("reading the ledger", 0.4 * share))
        with embedded.offline(settings, progress) as admin:
            progress("importing", 0.5)
            admin(_command(files, folder))
    connection = embedded.ensure_running(settings, progress)
    progress("making indexes", 0.9)
    with driver(connection) as client:
        GraphStore(client).apply_schema()
    progress("done", 1.0)
    return Rebuilt(files.offset, files.links)


def _command(files: Import, folder: Path) -> list[str]:
    return [
        "database",
        "import",
        "full",
        DATABASE,
        "--overwrite-destination=true",
        "--id-type=integer",
        f"--max-off-heap-memory={OFF_HEAP}",
        f"--report-file={folder / 'report.txt'}",
        *files.arguments,
    ]


def _project_anew(connection: Connection, ledger: Ledger, progress: Progress) -> Rebuilt:
    links = 0

    def on_links(count: int) -> None:
        nonlocal links
        links += count
        progress("projecting", 0.5)

    with driver(connection) as client:
        store = GraphStore(client)
        progress("emptying the database", 0.0)
        store.clear()
        store.apply_schema()
        store.project(ledger, on_links=on_links)
        if store.watermark().offset < ledger.offset():
            raise GraphUnavailable("Another process changed the graph during the rebuild.", hint="Rebuild again.")
        return Rebuilt(store.watermark().offset, links)
