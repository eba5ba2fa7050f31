"""Who calls: API keys with scopes."""

from __future__ import annotations

import flask

from graphsvc.api.services import services
from graphsvc.errors import Forbidden, Unauthorised


def require(scope: str) -> None:
    """Raises Unauthorised without a good key, Forbidden where the key lacks the scope."""
    scheme, _, key = flask.request.headers.get("Authorization", "").partition(" ")
    known = services().keys.check(key.strip()) if scheme.lower() == "bearer" else None
    if known is None:
        raise Unauthorised("A good API key is needed.", hint="Send Authorization: Bearer KEY; graphsvc keys create.")
    if scope not in known.scopes:
        raise Forbidden(f"This key lacks the scope {scope}.")
    flask.g.caller = known.id
