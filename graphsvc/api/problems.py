"""Every failure as an RFC 9457 problem, which never repeats what was sent."""

from __future__ import annotations

import flask
import msgspec
import structlog
from msgspec import Struct
from werkzeug.exceptions import HTTPException

from graphsvc.errors import BadInput, Contradiction, GraphsvcError, NotFound, Unauthorised, Unavailable, place_of
from graphsvc.events.check import Rejected

log = structlog.get_logger("api")
RETRY_AFTER_S = 5


class Problem(Struct, frozen=True, omit_defaults=True):
    """`code` is stable; `detail` says what is wrong and what to do; `pointer` (RFC 6901) where in the request; `see` is
    the id under which a thing that is gone is found now; `decisions` are those that stand against what was sent."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str = ""
    pointer: str = ""
    see: str = ""
    decisions: tuple[str, ...] = ()


def init_app(app: flask.Flask) -> None:
    """Answers all errors of the app with problems."""
    app.register_error_handler(GraphsvcError, _of_ours)
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(Exception, _of_defect)


def _of_ours(error: GraphsvcError) -> flask.Response:
    code = error.reason if isinstance(error, Rejected) else error.code
    status = 400 if code == "malformed_json" else error.status
    pointer = error.pointer if isinstance(error, BadInput) else ""
    see = error.see if isinstance(error, NotFound) else ""
    against = error.decisions if isinstance(error, Contradiction) else ()
    answer = _answer(status, code, str(error), pointer, see, against)
    if isinstance(error, Unauthorised):
        answer.headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, Unavailable):
        answer.headers["Retry-After"] = str(RETRY_AFTER_S)
    return answer


def _of_http(error: HTTPException) -> flask.Response:
    status = error.code or 500
    code = error.name.lower().replace(" ", "_")
    answer = _answer(status, code, DETAILS.get(status, f"{error.name}."))
    for name, value in error.get_headers(flask.request.environ):
        if name.lower() in ("allow", "retry-after", "www-authenticate"):
            answer.headers[name] = value
    return answer


def _of_defect(error: Exception) -> flask.Response:
    log.error("defect", error=type(error).__name__, place=place_of(error), request_id=flask.g.get("request_id", ""))
    return _answer(500, "internal", "This is a defect of the service; it was logged with this request_id.")


def _answer(
    status: int, code: str, detail: str, pointer: str = "", see: str = "", decisions: tuple[str, ...] = ()
) -> flask.Response:
    problem = Problem(
        type=f"urn:graphsvc:problem:{code}",
        title=code.replace("_", " ").capitalize(),
        status=status,
        code=code,
        detail=detail,
        request_id=flask.g.get("request_id", ""),
        pointer=pointer,
        see=see,
        decisions=decisions,
    )
    return flask.Response(msgspec.json.encode(problem), status, content_type="application/problem+json")


DETAILS = {
    404: "There is nothing at this path.",
    405: "This path does not take this method.",
    413: "The body is larger than this service takes.",
    415: "Send application/json, or application/x-ndjson where events are taken.",
}
