"""Links between accounts and identifiers, and between accounts: tables, weights, families."""

# Tells Numba when machine code is stale, before anything here is compiled.
import gnn  # noqa: F401
