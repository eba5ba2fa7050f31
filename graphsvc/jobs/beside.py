"""Work that nobody waits for until all is done."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self


class Beside:
    """One thread that does what it is given, in order, until the `with` is left, where what failed is raised."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._given: list[Future[object]] = []

    def do(self, work: Callable[[], object]) -> None:
        self._given.append(self._thread.submit(work))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *failure: object) -> None:
        self._thread.shutdown()
        if kind is None:
            for one in self._given:
                one.result()
