"""The door to the pages: sign in with an API key or a one-time link, sign out."""

from __future__ import annotations

from typing import Any

import flask

from graphsvc.errors import Forbidden
from graphsvc.ui.parts import Parts
from graphsvc.ui.sessions import LASTS_S, Sessions

COOKIE = "graphsvc_session"
SCOPE = "read"
OPEN = ("pages.login", "pages.enter", "pages.static", "pages.reference")
"""What can be seen without signing in; the reference says nothing of any account."""


class Door:
    """Guards the pages, and lets in who shows a good key that may read."""

    def __init__(self, parts: Parts, sessions: Sessions) -> None:
        self._parts = parts
        self._sessions = sessions

    def signed_in(self) -> bool:
        return self._sessions.good(flask.request.cookies.get(COOKIE, ""))

    def guard(self) -> Any:
        """Before each page: sends strangers to the form, and refuses what another site makes a browser send."""
        if flask.request.method == "POST" and flask.request.headers.get("Sec-Fetch-Site") in (
            "cross-site",
            "same-site",
        ):
            raise Forbidden("This form was sent from another site.")
        if flask.request.endpoint in OPEN or self.signed_in():
            return None
        asked = flask.request.full_path.rstrip("?") if flask.request.method == "GET" else None
        return flask.redirect(flask.url_for("pages.login", next=None if asked == "/" else asked), 303)

    def login(self) -> Any:
        """The form, and what it sends."""
        if flask.request.method == "GET":
            return flask.render_template("login.html", wrong="", next=flask.request.args.get("next", "/"))
        key, target = flask.request.form.get("key", "").strip(), flask.request.form.get("next", "/")
        wrong = self._wrong(key)
        if wrong:
            return flask.render_template("login.html", wrong=wrong, next=target), 403
        return self._let_in(lambda: not self._wrong(key), target)

    def enter(self) -> Any:
        """A one-time link, as the demo prints: its token is good once."""
        if not self._parts.check_token(flask.request.args.get("token", "")):
            raise Forbidden(
                "This link was used before, or is not one of ours.", hint="Sign in with an API key instead."
            )
        return self._let_in(lambda: True, "/")

    def logout(self) -> Any:
        self._sessions.end(flask.request.cookies.get(COOKIE, ""))
        response = flask.redirect(flask.url_for("pages.login"), 303)
        response.delete_cookie(COOKIE, httponly=True, samesite="Strict")
        return response

    def _wrong(self, key: str) -> str:
        known = self._parts.check_key(key)
        if known is None:
            return "This is not a good key. It may have been revoked, or cut short when copied."
        return "" if SCOPE in known.scopes else f"This key lacks the scope {SCOPE}, which the pages need."

    def _let_in(self, still_good: Any, target: str) -> Any:
        response = flask.redirect(_own(target), 303)
        session_id = self._sessions.begin(still_good)
        secure = flask.request.is_secure
        response.set_cookie(COOKIE, session_id, max_age=LASTS_S, httponly=True, samesite="Strict", secure=secure)
        return response


def _own(target: str) -> str:
    """The target where it is a path of this site, else the queue."""
    own = target.startswith("/") and not target.startswith("//") and "\\" not in target and target.isprintable()
    return target if own else "/"
