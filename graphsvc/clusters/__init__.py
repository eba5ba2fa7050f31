"""Clusters of linked accounts and the evidence that holds them together."""
