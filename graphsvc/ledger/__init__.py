"""The append-only log that everything else is a projection of."""

from graphsvc.config import Settings
from graphsvc.ledger.sqlite import BUSY_MS, SqliteLedger

__all__ = ["SqliteLedger", "open_ledger"]


def open_ledger(settings: Settings, busy_ms: int = BUSY_MS, *, lean: bool = False) -> SqliteLedger:
    """The ledger of this deployment's data folder, made on first use. Calls wait `busy_ms` for another writer; `lean`:
    with little memory."""
    return SqliteLedger(settings.places.create().ledger, busy_ms, lean=lean)
