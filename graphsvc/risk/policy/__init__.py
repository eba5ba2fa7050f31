"""The policy: from a probability to a level and a recommended action; data, not code."""

from graphsvc.risk.policy.rules import ACCOUNT, SHIPPED, Cell, Grades, Policy

__all__ = ["ACCOUNT", "SHIPPED", "Cell", "Grades", "Policy"]
