"""The client for threads: the one for asyncio, in a thread of its own, so that a caller is never held longer than its
budget, not even by a name server or an answer that comes byte by byte.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
import time
import weakref
from collections.abc import Callable, Coroutine, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from graphsvc.client.answers import Outcome, RiskAnswer, Sent, Told, allowed
from graphsvc.client.asynchronous import AsyncRiskClient
from graphsvc.client.options import Options

T = TypeVar("T")
LATE_S = 0.01
"""So long a caller waits past its moment for the thread to say what was missing."""
CLOSE_S = 2.0


class RiskClient:
    """Like AsyncRiskClient, for any number of threads, which share its connections. A process that was forked after
    this was made gets connections of its own."""

    def __init__(self, url: str, key: str, options: Options | None = None, *, verify: Any = True) -> None:
        self.options = options or Options()
        self._url, self._key, self._verify = url, key, verify
        self._lock = threading.Lock()
        self._closed = False
        self._thread: _Thread | None = self._start()
        _clients.add(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections; later calls answer like those to a service that is away."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._closed = True
        if thread is not None:
            thread.close()

    def assess(self, event: Mapping[str, Any], *, record: bool = True) -> RiskAnswer:
        """Judges an event and, with `record`, has it recorded. Raises Misuse."""
        return self._call(
            lambda client, until_s: client.assess(event, record=record, until_s=until_s),
            self.options.budget_s,
            lambda why: allowed(why, str(event.get("account_id", ""))),
        )

    def assess_account(self, account_id: str) -> RiskAnswer:
        """Judges an account as it is now; one that was never seen is allowed, with the reason client_unknown_account.
        Raises Misuse."""
        return self._call(
            lambda client, until_s: client.assess_account(account_id, until_s=until_s),
            self.options.budget_s,
            lambda why: allowed(why, account_id),
        )

    def tell(self, assessment_id: str, outcome: Outcome) -> Told:
        """Tells what became of an assessed account. The same again changes nothing. Raises Misuse."""
        return self._call(
            lambda client, until_s: client.tell(assessment_id, outcome, until_s=until_s),
            self.options.tell_budget_s,
            lambda why: Told(False, why),
        )

    def send(self, events: Sequence[Mapping[str, Any]]) -> Sent:
        """Sends events in batches, and waits as the service asks for while it has too much to do. Raises Misuse before
        anything is sent where an event has no JSON."""
        return self._call(
            lambda client, until_s: client.send(events, until_s=until_s),
            self.options.send_budget_s,
            lambda why: Sent(0, 0, (), 0, why),
        )

    def _call(
        self,
        ask: Callable[[AsyncRiskClient, float], Coroutine[Any, Any, T]],
        budget_s: float,
        otherwise: Callable[[str], T],
    ) -> T:
        until_s = time.monotonic() + budget_s
        with self._lock:
            if self._closed:
                return otherwise("client_closed")
            self._thread = self._thread or self._start()
            asked = self._thread.run(lambda client: ask(client, until_s))
        try:
            return asked.result(max(until_s - time.monotonic(), 0.0) + LATE_S)
        except (concurrent.futures.TimeoutError, concurrent.futures.CancelledError):
            return otherwise("client_timeout")

    def _start(self) -> _Thread:
        return _Thread(AsyncRiskClient(self._url, self._key, self.options, verify=self._verify))

    def _after_fork(self) -> None:
        if self._thread is not None:
            _of_parents.append(self._thread)
        self._lock, self._thread = threading.Lock(), None


class _Thread:
    """An event loop in a thread, with a client that only it uses."""

    def __init__(self, client: AsyncRiskClient) -> None:
        self._client = client
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="graphsvc-client", daemon=True)
        self._thread.start()

    def run(self, ask: Callable[[AsyncRiskClient], Coroutine[Any, Any, T]]) -> concurrent.futures.Future[T]:
        return asyncio.run_coroutine_threadsafe(ask(self._client), self._loop)

    def close(self) -> None:
        """Whatever is under way is left, and answered as timed out."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(CLOSE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CLOSE_S)
        self._loop.close()

    async def _end(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._client.close()


_clients: weakref.WeakSet[RiskClient] = weakref.WeakSet()
_of_parents: list[_Thread] = []
"""Their sockets are the parent's too: they are not closed here, not even as garbage."""


def _after_fork() -> None:
    for client in tuple(_clients):
        client._after_fork()


os.register_at_fork(after_in_child=_after_fork)
