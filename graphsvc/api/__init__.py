"""The HTTP service."""

from __future__ import annotations

from collections.abc import Callable

import flask

from graphsvc import ui
from graphsvc.api import openapi, problems, traffic
from graphsvc.api.blueprints import accounts, clusters, decisions, events, health, lists, risk
from graphsvc.api.logs import init_logs
from graphsvc.api.services import Services
from graphsvc.cases.links import LinkStore
from graphsvc.config import Settings
from graphsvc.jobs import drift
from graphsvc.ledger.accept import Take
from graphsvc.ledger.base import Appends

__all__ = ["create_app"]


def create_app(
    settings: Settings,
    taking: Callable[[Take], Take] = lambda here: here,
    appending: Callable[[Appends], Appends] = lambda here: here,
) -> flask.Flask:
    """The app over the data folder of these settings; its background threads run until its services are closed.
    `taking` may give events to another process to take in, `appending` those that were answered."""
    init_logs()
    app = flask.Flask("graphsvc.api", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.url_map.strict_slashes = False
    parts = Services.of(settings, taking, appending)
    app.extensions["graphsvc"] = parts
    problems.init_app(app)
    traffic.init_app(app)
    for subject in (events, risk, lists, clusters, decisions, accounts, health):
        app.register_blueprint(subject.blueprint)
    app.register_blueprint(ui.blueprint(_pages(parts)))
    parts.risk.start()
    return app


def _pages(parts: Services) -> ui.Parts:
    return ui.Parts(
        results=parts.results,
        graph=lambda cluster_id, most: parts.graph.store().cluster_graph(cluster_id, most),
        check_key=parts.keys.check,
        check_token=LinkStore(parts.settings.places.cases).take,
        document=openapi.document,
        decisions=parts.decisions,
        drift=lambda: drift.read(parts.settings.places),
    )
