"""Errors as pages: to a browser, what the service answers as an RFC 9457 problem is shown as a page."""

from __future__ import annotations

import flask
import msgspec

PROBLEM_JSON = "application/problem+json"
API = "/v1/"


class _Problem(msgspec.Struct):
    title: str = "Error"
    detail: str = ""
    request_id: str = ""


def as_page(response: flask.Response) -> flask.Response:
    """The same answer, as a page where a person's browser asked for one outside the API."""
    if response.mimetype != PROBLEM_JSON or flask.request.path.startswith(API):
        return response
    response.vary.add("Accept")
    accepts = flask.request.accept_mimetypes
    if accepts["text/html"] <= accepts[PROBLEM_JSON]:
        return response
    problem = msgspec.json.decode(response.get_data(), type=_Problem)
    response.set_data(flask.render_template("problem.html", problem=problem, status=response.status_code))
    response.content_type = "text/html; charset=utf-8"
    return response
