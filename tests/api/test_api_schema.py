"""Every operation of the OpenAPI document against the real app: whatever is sent, no failure, and an answer whose status,
content type, headers and body are those that the document tells. Valid requests and invalid ones; ids of real clusters
and accounts, and others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import flask
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from graphsvc.api import create_app, openapi
from graphsvc.cases.keys import KeyStore
from graphsvc.cases.lists import LIST_NAMES, Target
from graphsvc.events.arrive import now_ms
from tests.api.conftest import prepared

EXAMPLES = 40
"""Of each operation, valid and invalid: what a minute of a test run allows."""
CONFORM = (
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)
WITHOUT_GRAPH = frozenset({"/v1/clusters/{cluster_id}/graph", "/v1/accounts/{account_id}/neighbours"})
"""There is no graph database here: these say so, and nothing else may answer 503."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[flask.Flask]:
    settings, _ = prepared(tmp_path_factory.mktemp("schema"))
    made = create_app(settings)
    made.extensions["graphsvc"].risk.wait(60)
    yield made
    made.extensions["graphsvc"].close()


@pytest.fixture(scope="module")
def known(app: flask.Flask) -> dict[str, list[str]]:
    """Path parameters that name something."""
    parts = app.extensions["graphsvc"]
    accounts = [row.account_id for row in parts.results.accounts()[:5]]
    entry = parts.risk.lists.store.add(
        "watch", Target(account_id=accounts[0]), "seen before", "someone", now_ms(), None
    )
    return {
        "cluster_id": sorted(set(parts.results.memberships().values())),
        "account_id": accounts,
        "name": list(LIST_NAMES),
        "entry_id": [entry.id],
        "assessment_id": [parts.risk.assess_account(account).assessment_id for account in accounts],
    }


OPERATIONS = [(path, method) for path, methods in openapi.document()["paths"].items() for method in methods]


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=[f"{method} {path}" for path, method in OPERATIONS])
def test_an_answer_is_as_the_document_tells(
    app: flask.Flask, known: dict[str, list[str]], path: str, method: str
) -> None:
    key = KeyStore(app.extensions["graphsvc"].settings.places.cases).create("schema")
    headers = {"Authorization": f"Bearer {key}"}
    found = schemathesis.openapi.from_wsgi("/openapi.json", app)[path][method]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def conforms(data: st.DataObject) -> None:
        mode = data.draw(st.sampled_from(list(GenerationMode)))
        case: Any = data.draw(found.as_strategy(generation_mode=mode))
        for name in case.path_parameters:
            if name in known and data.draw(st.booleans()):
                case.path_parameters[name] = data.draw(st.sampled_from(known[name]))
        response = case.call(headers=headers)
        assert response.status_code < 500 or (response.status_code == 503 and path in WITHOUT_GRAPH), response.text
        case.validate_response(response, checks=list(CONFORM))

    conforms()
