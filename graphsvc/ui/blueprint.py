"""The pages as one blueprint."""

from __future__ import annotations

from functools import partial

import flask

from graphsvc.clusters.chronicle import event_text
from graphsvc.clusters.taken import large
from graphsvc.ui import cluster, drift, queue, reference, words
from graphsvc.ui.door import Door
from graphsvc.ui.parts import Parts
from graphsvc.ui.problem import as_page
from graphsvc.ui.sessions import Sessions

FILTERS = (
    words.kind,
    words.percent,
    words.share,
    words.moment,
    words.day,
    words.iso,
    words.label,
    words.short,
    words.number,
    large,
    event_text,
)


def blueprint(parts: Parts) -> flask.Blueprint:
    """The pages over these parts, at the root of the site."""
    pages = flask.Blueprint("pages", __name__, template_folder="templates", static_folder="static")
    door = Door(parts, Sessions())
    pages.before_request(door.guard)
    pages.after_app_request(as_page)
    pages.app_context_processor(lambda: {"signed_in": door.signed_in})
    pages.add_url_rule("/login", "login", door.login, methods=["GET", "POST"])
    pages.add_url_rule("/logout", "logout", door.logout, methods=["POST"])
    pages.add_url_rule("/enter", "enter", door.enter)
    pages.add_url_rule("/", "queue", partial(queue.page, parts))
    pages.add_url_rule("/clusters/<string:cluster_id>", "cluster", partial(cluster.page, parts))
    pages.add_url_rule("/drift", "drift", partial(drift.page, parts.drift))
    pages.add_url_rule("/docs", "reference", partial(reference.page, parts.document))
    for one in FILTERS:
        pages.add_app_template_filter(one, f"as_{one.__name__}")
    return pages
