"""How long a client waits, how often it tries, and when it stops asking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Options:
    """Each budget is for a whole call: name look-up, connection, attempts, pauses and the reading of the answer.

    `budget_s` of an assessment, `tell_budget_s` of an outcome, `send_budget_s` of all the events of one call.
    `retries`: further attempts where a connection broke, within the budget. After `failures_to_open` assessments in a
    row without an answer, the first `failing_s` ago, nobody asks for `open_s` seconds; then one call tries.
    `connections`: so many at most, kept open between calls. `on_misuse`: whether a wrong assessment request raises
    Misuse, or is allowed like any other failure, with a warning in the log.
    """

    budget_s: float = 0.05
    tell_budget_s: float = 2.0
    send_budget_s: float = 30.0
    retries: int = 2
    failures_to_open: int = 5
    failing_s: float = 0.5
    open_s: float = 2.0
    connections: int = 20
    on_misuse: Literal["raise", "allow"] = "raise"

    def __post_init__(self) -> None:
        positive = (self.budget_s, self.tell_budget_s, self.send_budget_s, self.open_s)
        if not all(value > 0 for value in positive) or min(self.failures_to_open, self.connections) < 1:
            raise ValueError("Budgets, open_s, failures_to_open and connections are above 0.")
        if min(self.retries, self.failing_s) < 0 or self.on_misuse not in ("raise", "allow"):
            raise ValueError("retries and failing_s are 0 or more; on_misuse is raise or allow.")
