"""The account network in Neo4j: schema, projection of the ledger, results of detection, queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from graphsvc.config import resource
from graphsvc.graph import model, projection, queries, results
from graphsvc.graph.picture import MAX_DEGREE, ClusterGraph, cluster_graph
from graphsvc.graph.projection import BATCH_RECORDS, Watermark
from graphsvc.graph.reach import reaching
from graphsvc.ledger.base import Ledger

if TYPE_CHECKING:
    import neo4j

    from graphsvc.links.view import LinkView

NEIGHBOURS = 50


class GraphStore:
    """All that graphsvc does with the database behind `driver`, which stays the caller's to close.

    Every method raises GraphUnavailable where the database cannot be reached; what was committed before stays, and the
    same call again goes on from there.
    """

    def __init__(self, driver: neo4j.Driver) -> None:
        self._driver = driver

    def apply_schema(self) -> None:
        """Constraints and indexes of cypher/schema.cypher; changes nothing where they are there already."""
        with reaching("the schema is applied"), self._driver.session() as session:
            for statement in schema_statements():
                session.run(statement).consume()
            session.run(model.ENSURE_STATE).consume()
            session.run("CALL db.awaitIndexes()").consume()

    def watermark(self) -> Watermark:
        """How far the graph has followed the ledger."""
        with reaching("the watermark is read"), self._driver.session() as session:
            return projection.read_watermark(session)

    def project(self, ledger: Ledger, batch: int = BATCH_RECORDS, on_links: Callable[[int], None] | None = None) -> int:
        """Brings the graph up to the ledger's end; gives the records that this call added.

        Each batch of records and the watermark behind it are one transaction: killed anywhere and called again,
        nothing is lost or counted twice. `on_links` is told the links of each batch after its commit.
        """
        with reaching("the ledger is projected"), self._driver.session() as session:
            return projection.project(session, ledger, batch, on_links)

    def refresh_weights(self) -> None:
        """Makes the weights of all identifiers anew from the number of accounts as it is now."""
        with reaching("weights are refreshed"), self._driver.session() as session:
            projection.refresh_weights(session, always=True)

    def write_results(self, found: results.Results) -> None:
        """Clusters, memberships and probabilities of the last detection run; clusters that are no more are removed."""
        with reaching("results are written"), self._driver.session() as session:
            results.write_results(session, found)

    def shown_run(self) -> int | None:
        """`created_ms` of the detection run whose results the graph shows; None where it shows none."""
        with reaching("the shown run is read"), self._driver.session() as session:
            return results.shown_run(session)

    def project_families(self, view: LinkView) -> None:
        """Prompt families and who asks them, as the link tables see them; families that are no more are removed."""
        with reaching("prompt families are projected"), self._driver.session() as session:
            results.write_families(session, view)

    def clear(self) -> None:
        """Removes all nodes and relationships, in batches; the schema stays."""
        with reaching("the database is cleared"), self._driver.session() as session:
            projection.clear(session)

    def query(
        self, name: str, params: Mapping[str, object] | None = None, limit: int = queries.LIMIT
    ) -> queries.Answer:
        """Runs a query of the library, read-only, for at most ten seconds.

        `params` may be texts, as from a command line, or typed values. Raises NotFound for an unknown query, BadInput
        for wrong parameters, Unavailable where it takes too long.
        """
        return self.ask(queries.find(name), params or {}, limit)

    def ask(self, query: queries.Query, params: Mapping[str, object], limit: int = queries.LIMIT) -> queries.Answer:
        """Like `query`, with the query at hand."""
        bound = queries.bind(query, params, limit)
        with reaching(f"the query {query.name} runs"), self._driver.session(default_access_mode="READ") as session:
            return queries.run(session, query, bound, limit)

    def neighbours(self, account_id: str, limit: int = NEIGHBOURS, max_degree: int = MAX_DEGREE) -> queries.Answer:
        """Accounts that share identifiers with one account, strongest evidence first."""
        return self.query("account-neighbours", {"account_id": account_id, "max_degree": max_degree}, limit)

    def cluster_graph(self, cluster_id: str, max_nodes: int = 200, max_degree: int = MAX_DEGREE) -> ClusterGraph:
        """A cluster as at most `max_nodes` accounts and shared identifiers, with the links between them."""
        return cluster_graph(self.query, cluster_id, max_nodes, max_degree)


def schema_statements() -> list[str]:
    """The statements of cypher/schema.cypher."""
    lines = resource("cypher", "schema.cypher").read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("//"))
    return [statement.strip() for statement in text.split(";") if statement.strip()]
