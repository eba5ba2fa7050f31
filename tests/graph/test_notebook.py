"""The shipped notebook runs from its first to its last cell; the magics read, and only read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from nbclient import NotebookClient
from neo4j import Driver

from graphsvc.config import Settings, load_settings, resource
from graphsvc.graph.connection import Connection
from graphsvc.graph.store import GraphStore
from graphsvc.ledger import open_ledger
from graphsvc.notebook import parameter_names
from tests.graph.world import append, dump

pytestmark = pytest.mark.xdist_group("neo4j")
NOTEBOOKS = resource("cypher", "notebooks")


@pytest.fixture
def deployment(store: GraphStore, neo4j: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A data folder with events, and the emptied shared server, as the environment names them."""
    for name, value in {
        "DATA": str(tmp_path / "data"),
        "NEO4J_URI": neo4j.uri,
        "NEO4J_USER": neo4j.user,
        "NEO4J_PASSWORD": neo4j.password,
    }.items():
        monkeypatch.setenv(f"GRAPHSVC_{name}", value)
    settings = load_settings()
    ledger = open_ledger(settings)
    append(ledger, accounts=40, events=300, seed=1)
    store.project(ledger)
    ledger.close()
    return settings


@pytest.fixture
def shell(deployment: Settings, tmp_path: Path) -> Iterator[InteractiveShell]:
    shell = InteractiveShell(ipython_dir=str(tmp_path / "ipython"))  # type: ignore[no-untyped-call]
    shell.run_line_magic("load_ext", "graphsvc.notebook")
    yield shell
    shell.magics_manager.registry["CypherMagics"].close()
    assert shell.history_manager is not None
    shell.history_manager.end_session()


def cypher(shell: InteractiveShell, line: str, cell: str) -> object:
    return shell.run_cell_magic("cypher", line, cell)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("name", sorted(file.name for file in NOTEBOOKS.glob("*.ipynb")))
def test_the_notebook_runs_through(deployment: Settings, name: str) -> None:
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)  # type: ignore[no-untyped-call]
    assert not any(cell.get("outputs") for cell in notebook.cells), "outputs are not committed"
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources={}).execute()
    assert any(cell.get("outputs") for cell in notebook.cells)


def test_a_cell_gives_a_frame_and_takes_the_notebooks_variables(shell: InteractiveShell) -> None:
    shell.user_ns.update(ids=np.array(["a1", "a2"], object), least=np.int64(1))
    frame = cypher(
        shell, "", "UNWIND $ids AS id MATCH (a:Account {id: id}) WHERE 2 > $least RETURN a.id AS id, a ORDER BY id"
    )
    assert isinstance(frame, pd.DataFrame)
    assert frame["id"].tolist() == ["a1", "a2"]
    assert frame["a"][0]["id"] == "a1"
    assert cypher(shell, "kept", "RETURN 1 AS one") is None
    assert shell.user_ns["kept"]["one"].tolist() == [1]


def test_a_query_of_the_library_takes_the_notebooks_variables(shell: InteractiveShell) -> None:
    shell.user_ns["min_degree"] = 30
    frame = shell.run_line_magic("cypher_query", "hubs")
    assert frame["degree"].min() >= 30
    shell.user_ns["min_degree"] = "many"
    with pytest.raises(UsageError, match="min_degree has to be a whole number"):
        shell.run_line_magic("cypher_query", "hubs")


@pytest.mark.parametrize(
    "cell",
    [
        "CREATE (:Account {id: 'x'})",
        "MATCH (a:Account) SET a.status = 'banned'",
        "MATCH (n) DETACH DELETE n",
        "CREATE INDEX x IF NOT EXISTS FOR (n:Account) ON (n.x)",
        "CALL db.createLabel('X')",
        "UNWIND [1, 2] AS x CALL (x) { CREATE (:X) } IN TRANSACTIONS",
        "CREATE USER x SET PASSWORD 'long enough 123'",
        "ALTER CURRENT USER SET PASSWORD FROM 'a' TO 'b'",
    ],
)
def test_a_cell_cannot_write(shell: InteractiveShell, client: Driver, cell: str) -> None:
    before = everything(client)
    with pytest.raises(UsageError, match="Neo4j refused the cell"):
        cypher(shell, "", cell)
    assert everything(client) == before


def everything(client: Driver) -> list[object]:
    """Rows, schema and users."""
    with client.session() as session:
        schema = session.run("SHOW INDEXES YIELD name").values()
        return [dump(session), schema, session.run("SHOW USERS YIELD user, passwordChangeRequired").values()]


def test_what_is_wrong_with_a_cell_is_said_plainly(shell: InteractiveShell) -> None:
    with pytest.raises(UsageError, match="no variable nothing_here"):
        cypher(shell, "", "RETURN $nothing_here")
    with pytest.raises(UsageError, match="Neo4j refused the cell"):
        cypher(shell, "", "MATCH (a RETURN a")
    with pytest.raises(UsageError, match="name of the variable"):
        cypher(shell, "two words", "RETURN 1")


def test_parameters_in_texts_and_comments_are_none() -> None:
    cell = "// $a\nRETURN '$b', \"it's $c\", `$d`, $e /* $f */ + $e2 // '$g"
    assert set(parameter_names(cell)) == {"e", "e2"}
