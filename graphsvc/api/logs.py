"""Log lines that cannot be written, as on a full disk, are counted and cost no answer."""

from __future__ import annotations

import structlog
from prometheus_client import Counter

LOST = Counter("graphsvc_log_lines_lost_total", "Lines that the log did not take")


class PatientLogger(structlog.PrintLogger):
    """Prints to standard output."""

    def msg(self, message: str) -> None:
        try:
            super().msg(message)
        except OSError:
            LOST.inc()

    log = debug = info = warn = warning = msg
    fatal = failure = err = error = critical = exception = msg


def init_logs() -> None:
    """From here on all loggers of this process are such."""
    structlog.configure(logger_factory=lambda *names: PatientLogger())
