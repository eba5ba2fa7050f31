"""What accounts did: event and label types, tokens, fingerprints, readers."""

# Tells Numba when machine code is stale, before anything here is compiled.
import gnn  # noqa: F401
