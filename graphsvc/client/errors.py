"""What a caller did wrong."""

from __future__ import annotations


class Misuse(Exception):
    """The request itself is wrong, and would be at any other time: a defect of the caller's, to be found in its tests.

    `status` and `code` are the service's, 0 and "client" where the request was never sent; `pointer` (RFC 6901) says
    where in the request. Nothing here repeats what was sent.
    """

    def __init__(self, status: int, code: str, detail: str, pointer: str = "") -> None:
        super().__init__(f"{detail} ({code}{f' at {pointer}' if pointer else ''})")
        self.status, self.code, self.detail, self.pointer = status, code, detail, pointer
