"""Attack and benign worlds: event logs and labels by the contract, and the truth behind them."""

from graphsvc.simulate.load import load_world
from graphsvc.simulate.spec import WorldSpec
from graphsvc.simulate.world import WorldSummary, simulate

__all__ = ["WorldSpec", "WorldSummary", "load_world", "simulate"]
