"""Idempotency-Key: the same request with the same key gets its first answer again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import flask
import msgspec

from graphsvc.api.services import services
from graphsvc.cases.idempotency import Answer
from graphsvc.errors import BadInput, Unavailable

KEY_MAX = 255


def once(status: int, act: Callable[[], msgspec.Struct]) -> flask.Response:
    """Runs `act` and answers with its result; with an Idempotency-Key seen before, answers as then and does nothing.

    Where answers cannot be remembered now, acts all the same: a retry is better than an outage.
    """
    key = flask.request.headers.get("Idempotency-Key")
    if key is None:
        return _response(Answer(status, msgspec.json.encode(act())))
    if not 1 <= len(key) <= KEY_MAX:
        raise BadInput(f"An Idempotency-Key has 1 to {KEY_MAX} characters.")
    with services().alone.enter(f"{flask.g.caller} {key}"):
        return _response(_remembered(key, status, act))


def _remembered(key: str, status: int, act: Callable[[], msgspec.Struct]) -> Answer:
    store, request = services().answers, flask.request.full_path.encode() + b"\n" + flask.request.get_data()
    known = None
    with contextlib.suppress(Unavailable):
        known = store.find(flask.g.caller, key, request)
    if known is None:
        known = Answer(status, msgspec.json.encode(act()))
        with contextlib.suppress(Unavailable):
            store.keep(flask.g.caller, key, request, known)
    return known


def _response(answer: Answer) -> flask.Response:
    return flask.Response(answer.body, answer.status, content_type="application/json")
