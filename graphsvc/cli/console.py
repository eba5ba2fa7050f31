"""What commands print: results on standard output, progress and notes on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)
LOG_EVERY_S = 10.0

Report = Callable[[str, float], None]
"""Called with what is being done and the share done, 0 to 1."""


def note(text: str) -> None:
    err.print(text, markup=False)


def say(text: str, end: str = "\n") -> None:
    out.print(text, markup=False, end=end)


@contextmanager
def progress(title: str) -> Iterator[Report]:
    """A bar with the time left on a terminal; a line every ten seconds, with the time left, where there is none."""
    if not err.is_terminal:
        yield _Log(title)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(title, total=1.0)

        def report(step: str, share: float) -> None:
            bar.update(task, description=f"{title}: {step}" if step else title, completed=share)

        yield report


class _Log:
    def __init__(self, title: str) -> None:
        self._title = title
        self._last_s = self._started_s = time.monotonic()

    def __call__(self, step: str, share: float) -> None:
        now_s = time.monotonic()
        if now_s - self._last_s < LOG_EVERY_S:
            return
        self._last_s = now_s
        left = f", {_span(time_left_s(now_s - self._started_s, share))} left" if 0 < share < 1 else ""
        print(f"{self._title}: {step} {share:.0%}{left}", file=sys.stderr, flush=True)  # noqa: T201


def time_left_s(spent_s: float, share: float) -> float:
    """Time left when the rest goes as fast as what is done."""
    return spent_s * (1 - share) / share


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"about {seconds:.0f} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5_400 else f"about {seconds / 3_600:.1f} h"
