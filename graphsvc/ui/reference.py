"""The API reference: the OpenAPI document as a page that needs nothing from elsewhere."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import flask
import msgspec

from graphsvc.ui.schema import Field, Kind, example, fields, kind_of

JSON = "application/json"
METHODS = ("get", "post", "put", "patch", "delete")
Json = dict[str, Any]


@dataclass(frozen=True)
class Parameter:
    name: str
    place: str
    required: bool
    kind: Kind


@dataclass(frozen=True)
class Body:
    """`media` is the content type; `sample` a body that fits the schema."""

    media: str
    kind: Kind
    sample: str


@dataclass(frozen=True)
class Answer:
    """`problem`: an RFC 9457 problem, which all calls answer alike."""

    status: str
    text: str
    bodies: list[Body]
    problem: bool


@dataclass(frozen=True)
class Call:
    anchor: str
    method: str
    path: str
    summary: str
    description: str
    keyed: bool
    parameters: list[Parameter]
    bodies: list[Body]
    answers: list[Answer]
    curl: str


@dataclass(frozen=True)
class Schema:
    name: str
    about: str
    kind: Kind
    fields: list[Field]


@dataclass(frozen=True)
class Reference:
    """`groups`: calls by subject, which is the first part of the path after the version."""

    title: str
    version: str
    summary: str
    groups: dict[str, list[Call]]
    schemas: list[Schema]


def page(document: Callable[[], Json]) -> str:
    return flask.render_template("reference.html", reference=reference(document(), flask.request.host_url.rstrip("/")))


def reference(document: Json, site: str) -> Reference:
    """What the page shows of an OpenAPI 3.1 document; `site` is where the sample calls go."""
    schemas: Json = document.get("components", {}).get("schemas", {})
    groups: dict[str, list[Call]] = {}
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                groups.setdefault(_subject(path), []).append(_call(path, method, methods[method], schemas, site))
    info = document["info"]
    shown = [
        Schema(name, one.get("description", ""), kind_of(one), fields(one)) for name, one in sorted(schemas.items())
    ]
    return Reference(info["title"], info["version"], info.get("summary", ""), groups, shown)


def _subject(path: str) -> str:
    parts = [part for part in path.split("/") if part and not part.startswith("{")]
    return parts[1] if parts[:1] == ["v1"] and len(parts) > 1 else "service"


def _call(path: str, method: str, operation: Json, schemas: Json, site: str) -> Call:
    parameters = [
        Parameter(one["name"], one["in"], one.get("required", False), kind_of(one["schema"]))
        for one in operation.get("parameters", [])
    ]
    bodies = _bodies(operation.get("requestBody", {}), schemas)
    keyed = bool(operation.get("security"))
    return Call(
        anchor="-".join([method, *(part.strip("{}") for part in path.split("/") if part)]),
        method=method.upper(),
        path=path,
        summary=operation.get("summary", ""),
        description=operation.get("description", ""),
        keyed=keyed,
        parameters=parameters,
        bodies=bodies,
        answers=[_answer(status, one, schemas) for status, one in operation.get("responses", {}).items()],
        curl=_curl(site + path, method, keyed, bodies),
    )


def _answer(status: str, answer: Json, schemas: Json) -> Answer:
    bodies = _bodies(answer, schemas)
    return Answer(status, answer.get("description", ""), bodies, any("problem" in body.media for body in bodies))


def _bodies(holder: Json, schemas: Json) -> list[Body]:
    return [
        Body(media, kind_of(one["schema"]), _sample(media, one, schemas))
        for media, one in holder.get("content", {}).items()
        if "schema" in one
    ]


def _sample(media: str, content: Json, schemas: Json) -> str:
    if not media.endswith("json"):
        return ""
    return msgspec.json.format(msgspec.json.encode(example(content["schema"], schemas)), indent=2).decode()


def _curl(address: str, method: str, keyed: bool, bodies: list[Body]) -> str:
    """A call to paste into a shell; the key comes from its environment, and what is to be filled in is in capitals."""
    address = re.sub(r"{(\w+)}", lambda found: found[1].upper(), address)
    lines = [f"curl -X {method.upper()} {shlex.quote(address)}" if method != "get" else f"curl {shlex.quote(address)}"]
    if keyed:
        lines.append('-H "Authorization: Bearer $GRAPHSVC_KEY"')
    body = next((body for body in bodies if body.media == JSON), None)
    if body is not None:
        lines += [f"-H 'Content-Type: {JSON}'", f"-d {shlex.quote(body.sample)}"]
    return " \\\n  ".join(lines)
