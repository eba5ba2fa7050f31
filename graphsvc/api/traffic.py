"""What surrounds every request: its id, its time, its security headers."""

from __future__ import annotations

import re
import time
import uuid

import flask
from prometheus_client import Counter, Histogram

REQUESTS = Counter("graphsvc_http_requests_total", "HTTP requests", ["endpoint", "method", "status"])
SECONDS = Histogram(
    "graphsvc_http_seconds",
    "Time to answer",
    ["endpoint"],
    buckets=(0.001, 0.002, 0.003, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 1, 5),
)
GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""A caller may send any word as a method; metrics count only these by name."""

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; form-action 'self'",
}


def init_app(app: flask.Flask) -> None:
    """Gives each request an id, counts and times it, and sets the security headers."""
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    given = flask.request.headers.get("X-Request-Id", "")
    flask.g.request_id = given if GIVEN_ID.fullmatch(given) else uuid.uuid4().hex
    flask.g.started_s = time.perf_counter()


def _end(response: flask.Response) -> flask.Response:
    endpoint = flask.request.endpoint or "none"
    method = flask.request.method if flask.request.method in METHODS else "other"
    REQUESTS.labels(endpoint, method, response.status_code).inc()
    SECONDS.labels(endpoint).observe(time.perf_counter() - flask.g.started_s)
    response.headers["X-Request-Id"] = flask.g.request_id
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response
