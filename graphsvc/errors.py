"""The one error hierarchy. Each error knows its problem code, its HTTP status and the exit code of the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class GraphsvcError(Exception):
    """Something that a person can act on: what is wrong, where, and what to do.

    A message never holds a secret, a prompt or a raw identifier.
    """

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


def place_of(error: BaseException) -> str:
    """File and line where a defect arose: its message may hold what was sent, and is not for a log."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""


class BadInput(GraphsvcError):
    """The caller's data or parameters are wrong. `pointer` is a JSON pointer (RFC 6901) to the place."""

    code = "invalid"
    status = 422
    exit_code = 1

    def __init__(self, message: str, *, hint: str = "", pointer: str = "") -> None:
        super().__init__(message, hint=hint)
        self.pointer = pointer


class BadUsage(GraphsvcError):
    """The command line was called wrongly."""

    code = "usage"
    status = 400
    exit_code = 2


class NotFound(GraphsvcError):
    """What was asked for is not there. `see` is the id under which it is found now, where there is one."""

    code = "not_found"
    status = 404

    def __init__(self, message: str, *, hint: str = "", see: str = "") -> None:
        super().__init__(message, hint=hint)
        self.see = see


class Conflict(GraphsvcError):
    code = "conflict"
    status = 409


class UnderWay(Conflict):
    """The same request is being answered now; a moment later it has an answer."""

    code = "under_way"


class Contradiction(Conflict):
    """What was decided before says the opposite. `decisions` are the ids of those that stand against it."""

    code = "contradiction"

    def __init__(self, message: str, *, hint: str = "", decisions: Sequence[str]) -> None:
        super().__init__(message, hint=hint)
        self.decisions = tuple(decisions)


class Unauthorised(GraphsvcError):
    code = "unauthorised"
    status = 401


class Forbidden(GraphsvcError):
    code = "forbidden"
    status = 403


class Unavailable(GraphsvcError):
    """A part that this call needs is down or missing; the rest of the service goes on."""

    code = "unavailable"
    status = 503


class Overloaded(Unavailable):
    """There is too much to do at once; the same call succeeds later."""

    code = "overloaded"
    status = 429


class GraphUnavailable(Unavailable):
    code = "graph_unavailable"


class ModelUnavailable(Unavailable):
    code = "model_unavailable"


class Locked(Unavailable):
    """Another process holds the lock of this data folder's part."""

    code = "locked"
