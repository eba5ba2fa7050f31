"""A circuit breaker (Nygard, Release It!, 2007): a service that does not answer costs nothing for a while."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

log = logging.getLogger("graphsvc.client")


class Breaker:
    """Opens after so many failures in a row, where the first of them lies so far back: one short stall fails all the
    calls that are under way. It opens for so many seconds, then lets one call try, and the next only after as long
    again, until one succeeds. For one event loop; `clock` gives seconds that never go back."""

    def __init__(
        self, failures_to_open: int, failing_s: float, open_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most, self._failing_s, self._open_s, self._clock = failures_to_open, failing_s, open_s, clock
        self._failures = 0
        self._first_s = 0.0
        self._until_s: float | None = None

    @property
    def open(self) -> bool:
        return self._until_s is not None

    def admits(self) -> bool:
        """Whether this call may ask."""
        if self._until_s is None:
            return True
        now_s = self._clock()
        if now_s < self._until_s:
            return False
        # This call tries; should it never come back, another one does after as long again.
        self._until_s = now_s + self._open_s
        return True

    def answered(self) -> None:
        self._failures = 0
        if self._until_s is not None:
            self._until_s = None
            log.info("The risk service answers again.")

    def failed(self) -> None:
        now_s = self._clock()
        if not self._failures:
            self._first_s = now_s
        self._failures += 1
        if self._failures < self._most or now_s - self._first_s < self._failing_s:
            return
        if self._until_s is None:
            log.warning(
                "The risk service failed %d times in a row and is not asked for %g s.", self._failures, self._open_s
            )
        self._until_s = now_s + self._open_s
