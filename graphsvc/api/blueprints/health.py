"""Is it up, is it ready, how is it doing, and what can it do."""

from __future__ import annotations

import os

import flask
import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest, multiprocess

from graphsvc.api import answers, openapi
from graphsvc.api.operation import Operation, operation
from graphsvc.api.services import services
from graphsvc.errors import GraphsvcError
from graphsvc.jobs import drift_metrics

blueprint = flask.Blueprint("health", __name__)


@operation(blueprint, Operation("GET", "/healthz", "Is the process alive", None, answers.Health))
def healthz() -> answers.Health:
    return answers.Health("ok")


@operation(
    blueprint,
    Operation("GET", "/readyz", "Is the service ready", None, answers.Readiness, problems=(503,)),
)
def readyz() -> flask.Response:
    """Ready with the ledger and the index; a missing graph database or model degrades, and is named."""
    parts = services()
    states = parts.risk.states() | {"ledger": _ledger()}
    ready = states["ledger"] == "ok" and states["index"] == "ok"
    body = msgspec.json.encode(answers.Readiness(ready, states))
    return flask.Response(body, 200 if ready else 503, content_type="application/json")


@blueprint.get("/metrics")
def metrics() -> flask.Response:
    drift_metrics.refresh(services().settings.places)
    return flask.Response(_metrics(), content_type=CONTENT_TYPE_LATEST)


@blueprint.get("/openapi.json")
def openapi_json() -> flask.Response:
    return flask.Response(msgspec.json.encode(openapi.document()), content_type="application/json")


def _metrics() -> bytes:
    """Of all processes that answer, where there are several."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest()
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    registry.register(drift_metrics.DRIFT)
    return generate_latest(registry)


def _ledger() -> str:
    try:
        services().ledger.offset()
    except GraphsvcError as error:
        return str(error)
    return "ok"
