"""Cypher in notebooks: `%load_ext graphsvc.notebook`, then `%%cypher` cells that give pandas DataFrames, read-only.

`$name` in a cell takes the notebook's variable of that name. `%%cypher NAME` keeps the frame as the variable NAME
instead of showing it; `%cypher_query NAME` runs a query of the shipped library, its parameters taken likewise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import neo4j
import numpy as np
import pandas as pd
from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class
from neo4j import unit_of_work
from neo4j.exceptions import ClientError
from neo4j.graph import Node, Path, Relationship

from graphsvc.config import load_settings
from graphsvc.errors import BadInput, NotFound
from graphsvc.graph import queries
from graphsvc.graph.connection import connect, driver
from graphsvc.graph.reach import reaching
from graphsvc.graph.store import GraphStore

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

ROWS_MAX = 100_000
TIMEOUT_S = 60.0
_NOT_CODE = re.compile(r"""//[^\n]*|/\*.*?\*/|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`[^`]*`""", re.DOTALL)
_PARAMETER = re.compile(r"\$([A-Za-z_]\w*)")


@magics_class
class CypherMagics(Magics):
    """The connection is made at the first cell, by the settings of the kernel's environment, and kept."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._shell = shell
        self._driver: neo4j.Driver | None = None

    @cell_magic
    def cypher(self, line: str, cell: str) -> pd.DataFrame | None:
        """Runs the cell as one read-only statement and gives its rows as a DataFrame."""
        name = line.strip()
        if name and not name.isidentifier():
            raise UsageError("After %%cypher comes nothing, or the name of the variable to keep the frame in.")
        frame = self._ask(cell, self._parameters(cell))
        if not name:
            return frame
        self._shell.user_ns[name] = frame
        return None

    @line_magic
    def cypher_query(self, line: str) -> pd.DataFrame:
        """Runs a query of the library; parameters that the notebook has variables for are taken from there."""
        try:
            query = queries.find(line.strip())
            names = [parameter.name for parameter in query.parameters]
            given = {name: plain(self._shell.user_ns[name]) for name in names if name in self._shell.user_ns}
            answer = GraphStore(self._client()).ask(query, given, queries.LIMIT_MAX)
        except (NotFound, BadInput) as error:
            raise UsageError(str(error)) from error
        return pd.DataFrame(list(answer.rows), columns=list(answer.columns))

    def close(self) -> None:
        """Closes the connection; the next cell makes a new one."""
        if self._driver is not None:
            self._driver.close()
            self._driver = None

    def _client(self) -> neo4j.Driver:
        if self._driver is None:
            self._driver = driver(connect(load_settings(), start=True))
        return self._driver

    def _parameters(self, cell: str) -> dict[str, object]:
        names = set(parameter_names(cell))
        missing = sorted(names - self._shell.user_ns.keys())
        if missing:
            raise UsageError(f"The notebook has no variable {', '.join(missing)}.")
        return {name: plain(self._shell.user_ns[name]) for name in names}

    def _ask(self, statement: str, parameters: Mapping[str, object]) -> pd.DataFrame:
        client = self._client()
        with reaching("the cell runs"), client.session(default_access_mode=neo4j.READ_ACCESS) as session:
            try:
                return session.execute_read(_frame, statement, parameters)
            except ClientError as error:
                raise UsageError(f"Neo4j refused the cell: {error.message}") from error


@unit_of_work(timeout=TIMEOUT_S)
def _frame(tx: neo4j.ManagedTransaction, statement: str, parameters: Mapping[str, object]) -> pd.DataFrame:
    result = tx.run(statement, dict(parameters))
    rows = result.fetch(ROWS_MAX + 1)
    if len(rows) > ROWS_MAX:
        raise UsageError(f"The cell gives more than {ROWS_MAX:,} rows; add a LIMIT.")
    return pd.DataFrame([[shown(value) for value in row.values()] for row in rows], columns=list(result.keys()))


def parameter_names(statement: str) -> Iterator[str]:
    """The parameters of a statement, those in texts, comments and quoted names left out."""
    return iter(_PARAMETER.findall(_NOT_CODE.sub(" ", statement)))


def plain(value: object) -> object:
    """A notebook's value as one that the driver takes: numpy and pandas values become Python's own."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray | pd.Series | pd.Index):
        return value.tolist()
    if isinstance(value, pd.DataFrame):
        return value.to_dict("records")
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    return value


def shown(value: Any) -> Any:
    """A database value for a frame: nodes, relationships and paths as their properties."""
    if isinstance(value, Node | Relationship):
        return dict(value)
    if isinstance(value, Path):
        return [shown(node) for node in value.nodes]
    return [shown(one) for one in value] if isinstance(value, list) else value


def load_ipython_extension(shell: InteractiveShell) -> None:
    """What `%load_ext graphsvc.notebook` calls."""
    magics = CypherMagics(shell)
    shell.register_magics(magics)
