"""The query library: investigation queries in cypher/queries, each with its description and typed parameters on top.

A file starts with its description; then come its parameters, one a line, as

    // @param NAME: TYPE = DEFAULT - what it means

where TYPE is int, float or string; with a `?` and no default it may be left out (null). Each query ends with
`LIMIT $limit`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from graphsvc.config import resource
from graphsvc.errors import BadInput, NotFound, Unavailable

if TYPE_CHECKING:
    import neo4j

LIMIT = 100
LIMIT_MAX = 10_000
TIMEOUT_S = 10.0
TYPES: dict[str, Callable[[Any], int | float | str]] = {"int": int, "float": float, "string": str}
INT64 = range(-(2**63), 2**63)

_PARAMETER = re.compile(
    r"// @param (?P<name>[a-z_]+): (?P<type>int|float|string)(?P<optional>\?)?(?: = (?P<default>\S+))? - (?P<text>.+)"
)


@dataclass(frozen=True)
class Parameter:
    """`required`: there is neither a default nor may it be left out."""

    name: str
    type: Literal["int", "float", "string"]
    required: bool
    default: int | float | str | None
    text: str


@dataclass(frozen=True)
class Query:
    name: str
    description: str
    parameters: tuple[Parameter, ...]
    statement: str


@dataclass(frozen=True)
class Answer:
    """Rows under `columns`; `truncated` where there would have been more than the limit."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    truncated: bool

    def records(self) -> list[dict[str, Any]]:
        """Each row by column names."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@cache
def library() -> Mapping[str, Query]:
    """All shipped queries by name, in order."""
    files = sorted(resource("cypher", "queries").glob("*.cypher"))
    return {file.stem: parse(file.stem, file.read_text(encoding="utf-8")) for file in files}


def find(name: str) -> Query:
    """Raises NotFound that lists the names there are."""
    query = library().get(name)
    if query is None:
        raise NotFound("There is no such query.", hint=f"There are: {', '.join(library())}.")
    return query


def load(file: Path) -> Query:
    """A query of the caller's own, written like the shipped ones."""
    return parse(file.stem, file.read_text(encoding="utf-8"))


def parse(name: str, text: str) -> Query:
    """A query from its file. Raises BadInput where the file is not written as it should be."""
    lines = text.splitlines()
    end = next((place for place, line in enumerate(lines) if not line.startswith("//")), len(lines))
    header, statement = lines[:end], "\n".join(lines[end:]).strip()
    matches = [_match(name, line) for line in header if line.startswith("// @param")]
    words = [line[2:].strip() for line in header if not line.startswith("// @param")]
    if not statement.endswith("LIMIT $limit"):
        raise BadInput(f"The query {name} has to end with LIMIT $limit.")
    return Query(name, " ".join(filter(None, words)), tuple(_parameter(match) for match in matches), statement)


def bind(query: Query, given: Mapping[str, object], limit: int) -> dict[str, object]:
    """The statement's parameters. Raises BadInput that names what is missing, unknown or of the wrong type."""
    if not 1 <= limit <= LIMIT_MAX:
        raise BadInput(f"The limit has to be 1 to {LIMIT_MAX:,}.", pointer="/limit")
    known = {parameter.name: parameter for parameter in query.parameters}
    for name in given:
        if name not in known:
            raise BadInput(f"The query {query.name} has no parameter {name!r}.", hint=_there_are(query))
    missing = [name for name, parameter in known.items() if parameter.required and name not in given]
    if missing:
        raise BadInput(f"The query {query.name} needs {', '.join(missing)}.", hint=_there_are(query))
    values = {name: _typed(known[name], value) for name, value in given.items()}
    return {**{name: parameter.default for name, parameter in known.items()}, **values, "limit": limit + 1}


def run(session: neo4j.Session, query: Query, bound: Mapping[str, object], limit: int) -> Answer:
    """Runs a bound query in a read transaction. Raises Unavailable where it takes longer than TIMEOUT_S."""
    from neo4j import unit_of_work
    from neo4j.exceptions import ClientError

    @unit_of_work(timeout=TIMEOUT_S)
    def read(tx: neo4j.ManagedTransaction) -> Answer:
        result = tx.run(query.statement, dict(bound))
        columns = tuple(result.keys())
        rows = [tuple(record.values()) for record in result]
        return Answer(columns, tuple(rows[:limit]), len(rows) > limit)

    try:
        return session.execute_read(read)
    except ClientError as error:
        if "TransactionTimedOut" not in (error.code or ""):
            raise
        raise Unavailable(
            f"The query {query.name} took longer than {TIMEOUT_S:.0f} s.", hint="Narrow its parameters."
        ) from error


def _match(name: str, line: str) -> re.Match[str]:
    match = _PARAMETER.fullmatch(line)
    if match is None:
        raise BadInput(f"The query {name} has a parameter line that cannot be read: {line}")
    return match


def _parameter(match: re.Match[str]) -> Parameter:
    kind, text = match["type"], match["default"]
    default = None if text is None else TYPES[kind](text)
    return Parameter(match["name"], kind, text is None and not match["optional"], default, match["text"])  # type: ignore[arg-type]


def _typed(parameter: Parameter, value: object) -> int | float | str | None:
    """The value as the parameter's type. Messages never repeat the value: it may name a person."""
    if value is None and not parameter.required:
        return None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not isinstance(value, str) and not (number and parameter.type != "string"):
        raise _wrong(parameter)
    try:
        typed = TYPES[parameter.type](value)
    except (ValueError, OverflowError):
        raise _wrong(parameter) from None
    if not _fits(typed) or (number and typed != value):
        raise _wrong(parameter)
    return typed


def _fits(value: int | float | str) -> bool:
    """Whether the database can hold the value."""
    return value in INT64 if isinstance(value, int) else not isinstance(value, float) or math.isfinite(value)


def _wrong(parameter: Parameter) -> BadInput:
    words = {"int": "a whole number", "float": "a number", "string": "a text"}
    return BadInput(f"The parameter {parameter.name} has to be {words[parameter.type]}.", pointer=f"/{parameter.name}")


def _there_are(query: Query) -> str:
    if not query.parameters:
        return "It has no parameters."
    names = [f"{one.name} ({one.type}{'' if one.required else ', optional'})" for one in query.parameters]
    return f"Its parameters: {', '.join(names)}."
