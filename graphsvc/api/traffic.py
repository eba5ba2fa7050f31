"""What surrounds every request: its id, its time, its security headers."""

from __future__ import annotations

import re
import time

import flask
from prometheus_client import Counter, Histogram

from graphsvc.risk.random_ids import random_hex

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


def request_id(given: str) -> str:
    """The caller's, where it is fit to be repeated, else a new one."""
    return given if GIVEN_ID.fullmatch(given) else random_hex(16)


def count(endpoint: str, method: str, status: int, started_s: float) -> None:
    """Counts and times a request that is answered."""
    REQUESTS.labels(endpoint, method if method in METHODS else "other", status).inc()
    SECONDS.labels(endpoint).observe(time.perf_counter() - started_s)


def _begin() -> None:
    flask.g.request_id = request_id(flask.request.headers.get("X-Request-Id", ""))
    flask.g.started_s = time.perf_counter()


def _end(response: flask.Response) -> flask.Response:
    count(flask.request.endpoint or "none", flask.request.method, response.status_code, flask.g.started_s)
    response.headers["X-Request-Id"] = flask.g.request_id
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response
