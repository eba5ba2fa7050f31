"""The account network in Neo4j: embedded server, store, projection, queries."""
