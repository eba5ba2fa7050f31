"""The shared server for the tests of this folder."""

from tests.graph.emptied import client, store
from tests.graph.server import clean_neo4j, neo4j, neo4j_settings

__all__ = ["clean_neo4j", "client", "neo4j", "neo4j_settings", "store"]
