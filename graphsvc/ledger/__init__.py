"""The append-only log that everything else is a projection of."""
