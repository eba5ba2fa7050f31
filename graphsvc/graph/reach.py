"""Driver errors that mean "no database there" become GraphUnavailable, in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from graphsvc.errors import GraphUnavailable

HINT = "Events are still accepted; the graph catches up when the database is back."


@contextmanager
def reaching(doing: str) -> Iterator[None]:
    """Raises GraphUnavailable where the database cannot be reached, starts or stops, or refuses the password."""
    # Imported here, as the driver takes pandas along: over a second, for commands that never connect.
    from neo4j.exceptions import AuthError, ConfigurationError, ServiceUnavailable, SessionExpired, TransientError

    try:
        yield
    except AuthError as error:
        raise GraphUnavailable(f"Neo4j refused the user name or password while {doing}.") from error
    except (ServiceUnavailable, SessionExpired, TransientError, ConfigurationError, OSError) as error:
        raise GraphUnavailable(f"Neo4j stopped answering while {doing}.", hint=HINT) from error
