"""The OpenAPI 3.1 document, made from the operations and their types."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any

import msgspec

from graphsvc.api.operation import JSON, NDJSON, Operation, operations
from graphsvc.api.problems import Problem
from graphsvc.events.types import REQUIRED_FACTS

REF = "#/components/schemas/{name}"
PROBLEM_JSON = "application/problem+json"
MEANINGS = {
    400: "The body is not JSON.",
    401: "There is no good API key.",
    403: "The key lacks the scope.",
    404: "There is no such thing.",
    409: "It contradicts what is known: an event of that id with other content, or decisions that count; or the same "
    "request is being answered now.",
    413: "The body is too large.",
    415: "The content type is not taken here.",
    422: "A value is wrong; `pointer` says where.",
    429: "Too much comes in at once; Retry-After says when to send it again.",
    503: "A part that this call needs is missing; `detail` says which.",
}
KEY_HELP = "A key made by: graphsvc keys create NAME"
Json = dict[str, Any]


@cache
def document() -> Json:
    """The whole document; the same in every process."""
    types = [kind for op in operations for kind in (op.answer, *op.body)]
    _, components = msgspec.json.schema_components([*types, Problem], ref_template=REF)
    components["Event"]["allOf"] = [
        {"if": {"properties": {"type": {"const": kind}}}, "then": {"required": [facts]}}
        for kind, facts in REQUIRED_FACTS.items()
    ]
    paths: dict[str, Json] = {}
    for op in sorted(operations, key=lambda op: (op.path, op.method)):
        paths.setdefault(op.path, {})[op.method.lower()] = _operation(op)
    return {
        "openapi": "3.1.0",
        "info": {"title": "graphsvc", "version": version("graphsvc"), "summary": "Account-network analysis"},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": KEY_HELP}},
        },
    }


def _operation(op: Operation) -> Json:
    out: Json = {
        "summary": op.summary,
        "operationId": f"{op.method.lower()}{op.path.title().replace('/', '').replace('{', '').replace('}', '')}",
        "parameters": [*_path_parameters(op), *_query_parameters(op), *_header_parameters(op)],
        "responses": {str(op.status): _answer(_ref(op.answer))} | _problems(op),
    }
    if op.scope is not None:
        out["security"] = [{"key": []}]
        out["description"] = f"Needs a key with the scope {op.scope}."
    if op.body:
        taken = [_ref(kind) for kind in op.body]
        shapes: Json = {JSON: {"anyOf": taken} if len(taken) > 1 else taken[0], NDJSON: {"type": "string"}}
        content = {kind: {"schema": shapes[kind]} for kind in op.body_types}
        out["requestBody"] = {"required": True, "content": content}
    return out


def _ref(kind: type[msgspec.Struct]) -> Json:
    return {"$ref": REF.format(name=kind.__name__)}


def _answer(schema: Json) -> Json:
    return {"description": "Done.", "content": {JSON: {"schema": schema}}}


def _problems(op: Operation) -> Json:
    codes = {*op.problems, *((401, 403) if op.scope is not None else ()), *((409, 422) if op.keyed else ())}
    content = {PROBLEM_JSON: {"schema": _ref(Problem)}}
    return {str(code): {"description": MEANINGS[code], "content": content} for code in sorted(codes)}


def _path_parameters(op: Operation) -> list[Json]:
    names = [part[1:-1] for part in op.path.split("/") if part.startswith("{")]
    return [{"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in names]


def _query_parameters(op: Operation) -> list[Json]:
    if op.query is None:
        return []
    _, components = msgspec.json.schema_components([op.query], ref_template=REF)
    properties = components[op.query.__name__]["properties"]
    return [{"name": name, "in": "query", "schema": _not_null(schema)} for name, schema in properties.items()]


def _not_null(schema: Json) -> Json:
    """A query parameter is there or not; it is never null."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    return kinds[0] if len(kinds) == 1 else {k: v for k, v in schema.items() if not (k == "default" and v is None)}


def _header_parameters(op: Operation) -> list[Json]:
    if not op.keyed:
        return []
    text = {"type": "string", "minLength": 1, "maxLength": 255}
    return [{"name": "Idempotency-Key", "in": "header", "schema": text}]
