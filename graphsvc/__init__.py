"""Account-network analysis: events in, links, clusters, risk answers."""

# Tells Numba when machine code is stale, before anything here is compiled.
import gnn  # noqa: F401
