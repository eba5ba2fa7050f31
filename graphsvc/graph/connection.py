"""Where the graph database is and how to log in: the embedded server, or any other Neo4j 5."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from graphsvc.config import Settings
from graphsvc.errors import GraphUnavailable

if TYPE_CHECKING:
    import neo4j

Progress = Callable[[str, float], None]
"""Told what is being done, in plain words, and the share of it that is done (0 to 1)."""

CONNECT_S = 5.0
OFF = "off"


def silent(message: str, done: float) -> None:
    """A progress callback that says nothing."""


@dataclass(frozen=True)
class Connection:
    """All that a client needs to reach a Neo4j. The password never shows in its repr."""

    uri: str
    user: str
    password: str = field(repr=False)


def driver(connection: Connection) -> neo4j.Driver:
    """An official driver for `connection`; thread-safe, to be closed by the caller. It connects at its first use."""
    # Imported here, as it takes pandas along where that is installed: over a second, for commands that never connect.
    from neo4j import GraphDatabase

    return GraphDatabase.driver(
        connection.uri,
        auth=(connection.user, connection.password),
        connection_timeout=CONNECT_S,
        connection_acquisition_timeout=4 * CONNECT_S,
        max_transaction_retry_time=3 * CONNECT_S,
        telemetry_disabled=True,
        notifications_min_severity="OFF",
    )


def ping(connection: Connection) -> None:
    """Logs in and runs one statement. Raises GraphUnavailable with the reason in plain words."""
    from neo4j.exceptions import AuthError, ConfigurationError, DriverError, Neo4jError

    try:
        # Not `execute_query`, which tries again for half a minute.
        with driver(connection) as client, client.session() as session:
            session.run("RETURN 1").consume()
    except AuthError as error:
        raise GraphUnavailable(
            f"Neo4j at {connection.uri} refused the user name or password.",
            hint="Check GRAPHSVC_NEO4J_USER and GRAPHSVC_NEO4J_PASSWORD.",
        ) from error
    except (ConfigurationError, ValueError) as error:
        raise GraphUnavailable(
            "GRAPHSVC_NEO4J_URI is not an address of a Neo4j.", hint="Write it as neo4j+s://host or bolt://host:port."
        ) from error
    except (DriverError, Neo4jError, OSError) as error:
        raise GraphUnavailable(
            f"Neo4j at {connection.uri} does not answer.",
            hint="Start it (the embedded one: `graphsvc db start`), or correct GRAPHSVC_NEO4J_URI.",
        ) from error


def connect(settings: Settings, *, start: bool, progress: Progress = silent) -> Connection:
    """The graph database of these settings, reachable now.

    `start` says whether an embedded server that does not run is to be fetched and started. Raises GraphUnavailable
    when it cannot be reached, is not running (without `start`), or is switched off by `neo4j_uri=off`.
    """
    if is_off(settings):
        raise GraphUnavailable("The graph database is switched off.", hint="Unset GRAPHSVC_NEO4J_URI to use one.")
    if settings.neo4j_uri:
        connection = _external(settings, settings.neo4j_uri)
        ping(connection)
        return connection
    # Imported here: with another Neo4j given by address, nothing of the embedded server is needed.
    from graphsvc.graph import embedded

    return embedded.ensure_running(settings, progress) if start else embedded.running_connection(settings)


def is_off(settings: Settings) -> bool:
    """Whether these settings say to work without a graph database."""
    return settings.neo4j_uri is not None and settings.neo4j_uri.strip().lower() == OFF


def _external(settings: Settings, uri: str) -> Connection:
    if settings.neo4j_password is None:
        raise GraphUnavailable(
            "GRAPHSVC_NEO4J_URI is set but the password is not.", hint="Set GRAPHSVC_NEO4J_PASSWORD too."
        )
    return Connection(uri, settings.neo4j_user, settings.neo4j_password.get_secret_value())
