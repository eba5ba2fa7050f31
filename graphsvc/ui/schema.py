"""JSON Schema in words: what a value is, the fields of an object, and a value that fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

DEEPEST = 6
BOUNDS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "format": "{}",
    "pattern": "matches {}",
    "default": "default {}",
}
TEXTS = {"date-time": "2026-01-31T12:00:00Z"}
Json = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """What a value is: alternatives, of which some are schemas by name; `many`: a list of it."""

    names: list[tuple[str, bool]]
    many: bool
    bounds: str
    choices: list[str]


@dataclass(frozen=True)
class Field:
    name: str
    required: bool
    kind: Kind
    about: str


def kind_of(schema: Json) -> Kind:
    """What a value of this schema is; `names` holds (name, whether it is a schema of the document)."""
    if schema.get("type") == "array":
        inner = kind_of(schema.get("items", {}))
        return Kind(inner.names, True, _bounds(schema), inner.choices)
    parts = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
    if parts and "properties" not in schema and "$ref" not in schema:
        kinds = [kind_of(part) for part in parts]
        names = [
            (f"list of {name}" if kind.many and not ref else name, ref) for kind in kinds for name, ref in kind.names
        ]
        choices = [choice for kind in kinds for choice in kind.choices]
        return Kind(list(dict.fromkeys(names)), any(kind.many for kind in kinds), _bounds(schema), choices)
    return Kind([_name(schema)], False, _bounds(schema), [str(one) for one in _choices(schema)])


def fields(schema: Json) -> list[Field]:
    """The properties of an object, those that are required first."""
    required = schema.get("required", [])
    found = [
        Field(name, name in required, kind_of(one), one.get("description", ""))
        for name, one in schema.get("properties", {}).items()
    ]
    return sorted(found, key=lambda field: not field.required)


def example(schema: Json, schemas: Json, depth: int = 0) -> Any:
    """A value of the schema's shape: required properties only, the first of each choice."""
    if "$ref" in schema:
        return example(schemas[_ref(schema)], schemas, depth + 1) if depth < DEEPEST else {}
    parts = schema.get("anyOf") or schema.get("oneOf")
    if parts and "properties" not in schema:
        return example(parts[0], schemas, depth)
    choices = _choices(schema)
    if choices:
        return choices[0]
    if "default" in schema:
        return schema["default"]
    return _plain(schema, schemas, depth)


def _plain(schema: Json, schemas: Json, depth: int) -> Any:
    match schema.get("type"):
        case "object":
            properties: Json = schema.get("properties", {})
            return {name: example(properties[name], schemas, depth) for name in schema.get("required", properties)}
        case "array":
            return [example(schema.get("items", {}), schemas, depth)]
        case "string":
            return TEXTS.get(schema.get("format", ""), "text")
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case _:
            return None


def _name(schema: Json) -> tuple[str, bool]:
    if "$ref" in schema:
        return _ref(schema), True
    kind = schema.get("type", "any value" if not _choices(schema) else "one of")
    return (" or ".join(kind) if isinstance(kind, list) else str(kind)), False


def _ref(schema: Json) -> str:
    return str(schema["$ref"]).rsplit("/", 1)[-1]


def _choices(schema: Json) -> list[Any]:
    return [schema["const"]] if "const" in schema else list(schema.get("enum", []))


def _bounds(schema: Json) -> str:
    return ", ".join(words.format(schema[name]) for name, words in BOUNDS.items() if schema.get(name) is not None)
