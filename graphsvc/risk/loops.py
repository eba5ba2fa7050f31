"""Work that goes on in the background, a thread each, until it is stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from graphsvc.errors import GraphsvcError

log = structlog.get_logger("risk")


class Loop:
    """Calls `work` every `period_s`, and at once when woken. An error is logged, and the next round comes all the
    same: what the work keeps up to date shows by its age that it stands still."""

    def __init__(self, name: str, period_s: float, work: Callable[[], None]) -> None:
        self._name, self._period_s, self._work = name, period_s, work
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"risk-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._wake.set()

    def rest(self, seconds: float) -> None:
        """Waits, but not longer than until it is stopped."""
        self._stop.wait(seconds)

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def stop(self) -> None:
        """Returns when the round that runs is done."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._work()
            except GraphsvcError as error:
                log.warning("round_failed", part=self._name, code=error.code, reason=str(error))
            except Exception as error:
                log.error("round_failed", part=self._name, error=type(error).__name__)
            self._wake.wait(self._period_s)
            self._wake.clear()
