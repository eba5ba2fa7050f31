"""The API reference: all of the document, and samples that fit it."""

from __future__ import annotations

import json
import shlex

import jsonschema  # type: ignore[import-untyped]
import pytest

from graphsvc.api.openapi import document
from graphsvc.config import Settings
from graphsvc.events.arrive import Arrival
from graphsvc.ui.reference import reference
from graphsvc.ui.schema import example, kind_of
from tests.ui.conftest import Site, soup
from tests.ui.document import DOCUMENT

SITE = "http://risk.example:8200"


def test_every_call_and_shape_is_on_the_page_for_all_to_read(pages: Site) -> None:
    page = soup(pages.app.test_client().get("/docs").text)
    assert [one["id"] for one in page.select("section.call")] == ["get-healthz", "post-v1-notes"]
    for link in page.select("a[href^='#']"):
        assert page.select(f"[id='{str(link['href'])[1:]}']"), link
    note = page.select_one("#schema-Note")
    assert note is not None
    assert "needed" in note.text
    assert "What an analyst's <b>note</b> holds." in note.text
    post = page.select_one("#post-v1-notes")
    assert post is not None
    assert "size, growth (default size)" in " ".join(post.text.split())
    assert [one.text for one in post.select(".code.bad")] == ["422"]


def test_a_sample_call_can_be_pasted_and_fits_its_schema() -> None:
    (call,) = reference(DOCUMENT, SITE).groups["notes"]
    words = shlex.split(call.curl)
    assert words[:4] == ["curl", "-X", "POST", f"{SITE}/v1/notes"]
    assert "Authorization: Bearer $GRAPHSVC_KEY" in words
    body = json.loads(words[words.index("-d") + 1])
    jsonschema.validate(body, {**DOCUMENT, "$ref": "#/components/schemas/Note"})


def test_the_services_own_document_is_shown_whole() -> None:
    whole = document()
    shown = reference(whole, SITE)
    calls = [call for group in shown.groups.values() for call in group]
    assert {(call.path, call.method.lower()) for call in calls} == {
        (path, method) for path, methods in whole["paths"].items() for method in methods
    }
    assert len({call.anchor for call in calls}) == len(calls)
    for call in calls:
        for body in (*call.bodies, *(one for answer in call.answers for one in answer.bodies)):
            assert body.sample or not body.media.endswith("json")


def test_the_sample_event_is_one_that_the_service_takes(settings: Settings) -> None:
    settings.places.create()
    calls = {call.anchor: call for call in reference(document(), SITE).groups["events"]}
    sample = json.loads(calls["post-v1-events"].bodies[0].sample)
    assert Arrival(settings).check(sample).account_id == sample["account_id"]


def test_what_is_to_be_filled_in_stands_out() -> None:
    calls = {call.anchor: call for call in reference(document(), SITE).groups["clusters"]}
    assert f"{SITE}/v1/clusters/CLUSTER_ID/members" in shlex.split(calls["get-v1-clusters-cluster_id-members"].curl)


@pytest.mark.parametrize(
    ("schema", "names", "many"),
    [
        ({"type": "array", "items": {"type": "string"}}, ["string"], True),
        ({"type": ["string", "null"]}, ["string or null"], False),
        ({"anyOf": [{"$ref": "#/components/schemas/A"}, {"type": "null"}]}, ["A", "null"], False),
        ({}, ["any value"], False),
        ({"const": 3}, ["one of"], False),
    ],
)
def test_what_a_value_is(schema: dict[str, object], names: list[str], many: bool) -> None:
    kind = kind_of(schema)
    assert [name for name, _ in kind.names] == names
    assert kind.many is many


def test_a_shape_that_holds_itself_ends() -> None:
    schemas = {"Tree": {"type": "object", "properties": {"left": {"$ref": "#/components/schemas/Tree"}}}}
    assert json.dumps(example(schemas["Tree"], schemas)).count("left") < 10
