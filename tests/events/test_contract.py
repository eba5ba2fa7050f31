"""The code's types and the contract's schemas accept and refuse the same events and labels."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from graphsvc.events.check import Rejected, check_event, check_label, parse, unknown_fields
from graphsvc.events.types import Event, Label, schema
from tests.examples import EVENTS, LABEL, LOGIN, REQUEST, SIGNUP, JsonObject

CONTRACT = Path(__file__).parents[1] / "contract"
FAR_FUTURE_MS = 2**50


def validator(document: dict[str, Any]) -> Draft202012Validator:
    Draft202012Validator.check_schema(document)
    return Draft202012Validator(document, format_checker=FormatChecker())


CONTRACT_EVENTS = validator(json.loads((CONTRACT / "events.schema.json").read_text()))
CONTRACT_LABELS = validator(json.loads((CONTRACT / "labels.schema.json").read_text()))
OWN_EVENTS = validator(schema(Event))
OWN_LABELS = validator(schema(Label))


def accepted(obj: object) -> bool:
    try:
        check_event(parse(json.dumps(obj).encode()), FAR_FUTURE_MS)
    except Rejected:
        return False
    return True


def accepted_label(obj: object) -> bool:
    try:
        check_label(parse(json.dumps(obj).encode()), FAR_FUTURE_MS)
    except Rejected:
        return False
    return True


def paths(obj: object, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    items: list[tuple[str | int, Any]] = []
    if isinstance(obj, dict):
        items = list(obj.items())
    elif isinstance(obj, list):
        items = list(enumerate(obj))
    return [at, *(path for key, value in items for path in paths(value, (*at, key)))] if items else [at]


def mutated(obj: JsonObject, path: tuple[str | int, ...], value: object) -> JsonObject:
    changed = copy.deepcopy(obj)
    place: Any = changed
    for key in path[:-1]:
        place = place[key]
    if value is DROP and isinstance(place, dict):
        del place[path[-1]]
    elif value is not DROP:
        place[path[-1]] = value
    return changed


DROP = object()
VALUES = st.one_of(
    st.just(DROP),
    st.sampled_from(
        [None, True, 0, -1, 5.0, 5.5, 99, 600, 2, "", "x", "a" * 129, "a" * 33, "a" * 65, "a" * 257, "A" * 513]
    ),
    st.sampled_from(
        ["card", "banned", "signup", "payment", "Own", "own_kind", "DE", "EUR", "411111", "41111", "system"]
    ),
    st.sampled_from(["2026-01-05T10:00:00Z", "2026-01-05T10:00:00", "2026-13-05T10:00:00Z", "yesterday", "2026-01-05"]),
    st.sampled_from([[], {}, [1], {"a": 1}, {"a": [1]}, {f"k{i}": i for i in range(65)}, [{}] * 65]),
    st.text(max_size=5),
)
CHANGES = st.sampled_from([(event, path) for event in EVENTS for path in paths(event) if path])


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event["type"])
def test_examples_are_valid_by_contract_and_by_code(event: JsonObject) -> None:
    CONTRACT_EVENTS.validate(event)
    OWN_EVENTS.validate(event)
    assert accepted(event)
    assert unknown_fields(event) == 0


@settings(max_examples=600, deadline=None)
@given(change=CHANGES, value=VALUES)
def test_code_and_contract_agree_on_changed_events(
    change: tuple[JsonObject, tuple[str | int, ...]], value: object
) -> None:
    event = mutated(change[0], change[1], value)
    expected = CONTRACT_EVENTS.is_valid(event)
    assert accepted(event) == expected
    assert OWN_EVENTS.is_valid(event) == expected


@settings(max_examples=200, deadline=None)
@given(path=st.sampled_from([path for path in paths(LABEL) if path]), value=VALUES)
def test_code_and_contract_agree_on_changed_labels(path: tuple[str | int, ...], value: object) -> None:
    label = mutated(LABEL, path, value)
    expected = CONTRACT_LABELS.is_valid(label)
    assert accepted_label(label) == expected
    assert OWN_LABELS.is_valid(label) == expected


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"device": {"id": 5}}, "invalid", "/device/id"),
        (
            {"identifiers": [{"type": "wallet", "value": "w"}, {"type": "NO", "value": "w"}]},
            "invalid",
            "/identifiers/1/type",
        ),
        ({"type": "request"}, "missing", "/request"),
        ({"request": {"model": "m"}}, "missing", "/request/status"),
        ({"occurred_at": "2300-01-01T00:00:00Z"}, "in_future", "/occurred_at"),
        ({"type": "secret-word"}, "invalid", "/type"),
        ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "out_of_range", "/occurred_at"),
        ({"request": {"model": "m", "status": 200, "input_tokens": 2**63}}, "out_of_range", "/request/input_tokens"),
        ({"request": {"model": "m", "status": 200, "output_tokens": 2**70}}, "out_of_range", "/request/output_tokens"),
        ({"peers": [{"account_id": "b", "type": "paid", "weight": 1e308}]}, "out_of_range", "/peers/0/weight"),
    ],
)
def test_a_rejection_names_code_and_place(change: JsonObject, code: str, pointer: str) -> None:
    with pytest.raises(Rejected) as caught:
        check_event(LOGIN | change)
    assert (caught.value.reason, caught.value.pointer) == (code, pointer)


def test_a_rejection_never_repeats_what_was_sent() -> None:
    for path in [path for path in paths(REQUEST) if path]:
        for value in ("secret-word", ["secret-word"], {"secret-word": "secret-word"}):
            try:
                check_event(mutated(REQUEST, path, value))
            except Rejected as error:
                assert "secret-word" not in str(error) + error.pointer


def test_unknown_fields_are_counted_and_ignored() -> None:
    event = copy.deepcopy(SIGNUP) | {"extra": {"deep": 1}}
    event["signup"]["more"] = 1
    event["peers"][0]["more"] = 1
    assert unknown_fields(event) == 3
    assert accepted(event)


@pytest.mark.parametrize("line", [b"", b"{", b"[1,", b'"\xff"', b"nan", b'{"a": 1} x', b"[" * 5000])
def test_lines_that_are_not_json_are_malformed(line: bytes) -> None:
    with pytest.raises(Rejected) as caught:
        parse(line)
    assert caught.value.reason == "malformed_json"
