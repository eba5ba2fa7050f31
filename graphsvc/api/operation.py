"""One operation of the API: its route, the scope it needs, its shapes; and from these the OpenAPI document."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import flask
import msgspec

from graphsvc.api.auth import require
from graphsvc.api.services import services
from graphsvc.errors import BadInput
from graphsvc.events.check import parse

Q = TypeVar("Q", bound=msgspec.Struct)
JSON = "application/json"
NDJSON = "application/x-ndjson"
View = Callable[..., Any]


@dataclass(frozen=True)
class Operation:
    """`scope` None: open to all. `query`: a Struct of the query's parameters. `body`: any one of these. `keyed`: it
    heeds an Idempotency-Key. `gives_way`: it is refused when there is too much to do."""

    method: str
    path: str
    summary: str
    scope: str | None
    answer: type[msgspec.Struct]
    status: int = 200
    query: type[msgspec.Struct] | None = None
    body: tuple[type[msgspec.Struct], ...] = ()
    body_types: tuple[str, ...] = (JSON,)
    problems: tuple[int, ...] = ()
    keyed: bool = False
    gives_way: bool = False


operations: list[Operation] = []


def operation(blueprint: flask.Blueprint, op: Operation) -> Callable[[View], View]:
    """Registers a view, whose answer is a Struct or a Response, for an operation."""
    if op not in operations:
        operations.append(op)
    for kind in (op.query, *op.body):
        if kind is not None:
            # msgspec learns a type at its first use, which is not safe in two threads at once.
            msgspec.json.Decoder(kind)

    def register(view: View) -> View:
        @functools.wraps(view)
        def call(**given: Any) -> flask.Response:
            if op.scope is not None:
                require(op.scope)
            with services().admission.enter() if op.gives_way else nullcontext():
                result = view(**given)
            if isinstance(result, flask.Response):
                return result
            return flask.Response(msgspec.json.encode(result), op.status, content_type=JSON)

        route = op.path.replace("{account_id}", "<path:account_id>").replace("{", "<string:").replace("}", ">")
        blueprint.add_url_rule(route, view.__name__, call, methods=[op.method])
        return view

    return register


def query(kind: type[Q]) -> Q:
    """The query's parameters. Raises BadInput with a pointer to the wrong one."""
    try:
        return msgspec.convert(flask.request.args.to_dict(), kind, strict=False)
    except msgspec.ValidationError as error:
        _, _, path = str(error).partition("`$.")
        name = path.rstrip("`")
        raise BadInput("A query parameter has a bad value.", pointer=f"/{name}" if name else "") from None


def json_body() -> object:
    """The request's JSON. Raises Rejected for a body that is none, and 415 for another content type."""
    if flask.request.mimetype != JSON:
        flask.abort(415)
    return parse(flask.request.get_data())


def body_and_form() -> tuple[bytes, bool]:
    """The body, and whether it is lines (NDJSON). Raises 415 for another content type."""
    if flask.request.mimetype not in (JSON, NDJSON):
        flask.abort(415)
    return flask.request.get_data(), flask.request.mimetype == NDJSON
