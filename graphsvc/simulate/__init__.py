"""Simulated worlds of operators and innocents."""
