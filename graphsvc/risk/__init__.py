"""Risk answers in milliseconds: an index of the network in memory, the model's head, reasons and policy."""

# Tells Numba when machine code is stale, before anything here is compiled.
import gnn  # noqa: F401
from graphsvc.risk.answer import Assessment, Outcome, Reason, RiskCluster
from graphsvc.risk.service import RiskService

__all__ = ["Assessment", "Outcome", "Reason", "RiskCluster", "RiskService"]
