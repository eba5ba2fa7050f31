"""Clusters of linked accounts and the evidence that holds them together."""

# Tells Numba when machine code is stale, before anything here is compiled.
import gnn  # noqa: F401
