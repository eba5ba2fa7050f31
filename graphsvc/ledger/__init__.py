"""The append-only log that everything else is a projection of."""

from graphsvc.config import Settings
from graphsvc.ledger.sqlite import SqliteLedger

__all__ = ["SqliteLedger", "open_ledger"]


def open_ledger(settings: Settings) -> SqliteLedger:
    """The ledger of this deployment's data folder, made on first use."""
    return SqliteLedger(settings.places.create().ledger)
