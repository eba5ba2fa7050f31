"""Many events in batches, as fast as the service takes them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence

from graphsvc.client.answers import Refused, Sent, refused
from graphsvc.client.asking import Asker, NoAnswer, Reply

BATCH = 1_000
BATCH_BYTES = 4 << 20
MOST_BYTES = 16 << 20
"""What the service takes in one body unless it is set otherwise: it would break off a larger one."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
TOO_LARGE = 413
NDJSON = "application/x-ndjson"
"""A line that cannot be read is refused alone."""


class Sending:
    """One call's events, each encoded; what became of them so far is known at any moment."""

    def __init__(self, asker: Asker, events: Sequence[bytes], retries: int) -> None:
        self._asker, self._events, self._retries = asker, events, retries
        self._accepted = self._duplicates = self._next = 0
        self._rejected: list[Refused] = []

    async def all(self, until_s: float) -> Sent:
        """Raises NoAnswer where waiting does not help or would take longer than until this moment, and Misuse."""
        for start, end in batches(self._events):
            content = b"\n".join(self._events[start:end])
            if len(content) > MOST_BYTES:
                self._too_large(start)
            else:
                self._count(await self._patiently(content, until_s), start, end)
            self._next = end
        return self.so_far("")

    def so_far(self, reason: str) -> Sent:
        return Sent(self._accepted, self._duplicates, tuple(self._rejected), self._next, reason)

    async def _patiently(self, content: bytes, until_s: float) -> Reply:
        """The reply, after as many pauses as it takes: as long as the service says, else longer each time."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return await self._asker.post("/v1/events", content, self._retries, kind=NDJSON)
            except NoAnswer as error:
                if error.retry_after_s is None or time.monotonic() + max(error.retry_after_s, pause_s) >= until_s:
                    raise
                await asyncio.sleep(max(error.retry_after_s, pause_s))
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _count(self, reply: Reply, start: int, end: int) -> None:
        if reply.status == TOO_LARGE and end - start == 1:
            self._too_large(start)
        elif reply.wrong:
            raise reply.misuse()
        else:
            self._take(reply, start)

    def _too_large(self, place: int) -> None:
        said = "This event alone is larger than the service takes."
        self._rejected.append(Refused(place, None, "too_large", said, ""))

    def _take(self, reply: Reply, start: int) -> None:
        try:
            rejected = [refused(one, start) for one in reply.body["rejected"]]
            accepted, duplicates = int(reply.body["accepted"]), int(reply.body["duplicates"])
        except (KeyError, TypeError, ValueError) as error:
            raise NoAnswer("client_bad_answer") from error
        self._rejected += rejected
        self._accepted += accepted
        self._duplicates += duplicates


def batches(events: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """Ranges of at most so many events and bytes; an event that is larger is alone."""
    start = size = 0
    for place, event in enumerate(events):
        if place > start and (place - start == BATCH or size + len(event) > BATCH_BYTES):
            yield start, place
            start, size = place, 0
        size += len(event) + 1
    if start < len(events):
        yield start, len(events)
