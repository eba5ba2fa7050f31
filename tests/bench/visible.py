"""How long it takes until an event that was accepted counts in the answers of every process (`--visible` of
tests.bench.risk): a payment with a card that nobody had is sent, and another account with that card asked about on
several connections until each answer has it.
"""

from __future__ import annotations

import http.client
import json
import secrets
import threading
import time
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from typing import Any

import numpy as np

CONNECTIONS = 8
"""The kernel spreads them over the processes: of two processes one has none of eight once in 128 runs."""
PROBE_EVERY_S = 0.5
ASK_EVERY_S = 0.02
GIVE_UP_S = 30.0


class Probe:
    """Probes from its making until `stop`, which tells the milliseconds of each."""

    def __init__(self, port: int, key: str) -> None:
        self._port, self._headers = port, {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._times_ms: list[float] = []
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> dict[str, Any]:
        self._ending.set()
        self._thread.join()
        p50, p99 = np.percentile(self._times_ms, [50, 99])
        return {
            "visible_probes": len(self._times_ms),
            "visible_p50_ms": round(float(p50)),
            "visible_p99_ms": round(float(p99)),
            "visible_max_ms": round(max(self._times_ms)),
        }

    def _run(self) -> None:
        with ExitStack() as stack:
            asked = [
                stack.enter_context(closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)))
                for _ in range(CONNECTIONS)
            ]
            while not self._ending.wait(PROBE_EVERY_S):
                took_ms = self._once(asked)
                if took_ms is not None:
                    self._times_ms.append(took_ms)

    def _once(self, asked: list[http.client.HTTPConnection]) -> float | None:
        """None where the event was refused for now."""
        card = secrets.token_hex(8)
        status, _ = self._post(asked[0], "/v1/events", {"events": [payment(card)]})
        if status != 202:
            return None
        begun_s, waiting = time.perf_counter(), list(asked)
        while waiting:
            question = {"event": payment(card), "record": False}
            waiting = [one for one in waiting if not _has(self._post(one, "/v1/risk", question)[1])]
            if time.perf_counter() - begun_s > GIVE_UP_S:
                break
            if waiting:
                time.sleep(ASK_EVERY_S)
        return (time.perf_counter() - begun_s) * 1000

    def _post(self, connection: http.client.HTTPConnection, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        connection.request("POST", path, json.dumps(body), self._headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def payment(card: str) -> dict[str, Any]:
    """By an account that never was before."""
    name = secrets.token_hex(8)
    facts = {"method": "card", "fingerprint": card, "outcome": "authorised"}
    moment = datetime.now(UTC).isoformat()
    return {"event_id": name, "type": "payment", "account_id": name, "occurred_at": moment, "payment": facts}


def _has(answer: dict[str, Any]) -> bool:
    return any(one["identifier_type"] == "instrument" and one["shared_with"] for one in answer.get("reasons", []))
