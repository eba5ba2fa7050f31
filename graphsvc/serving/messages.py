"""What processes of one server say to each other: blocks of msgpack behind their length, over a socket file in a folder
that only this user can enter.
"""

from __future__ import annotations

import socket
from typing import TypeVar

import msgspec
from msgspec import Struct

from graphsvc import errors
from graphsvc.errors import BadInput, GraphsvcError
from graphsvc.events.check import Rejected
from graphsvc.ledger.accept import Accepted
from graphsvc.ledger.base import Appended, Draft

M = TypeVar("M")
SIZE_BYTES = 4


class Asked(Struct, frozen=True, array_like=True, tag="events"):
    """A body of events."""

    data: bytes
    lines: bool


class Drafted(Struct, frozen=True, array_like=True, tag="drafts"):
    """Events that were answered, ready for the ledger."""

    drafts: tuple[Draft, ...]


Call = Asked | Drafted


class Failure(Struct, frozen=True, array_like=True, tag="failure"):
    """An error of `graphsvc.errors` by the name of its class, or "Rejected"; "" for a defect."""

    kind: str
    message: str = ""
    hint: str = ""
    pointer: str = ""
    reason: str = ""

    @staticmethod
    def of(error: GraphsvcError) -> Failure:
        pointer = error.pointer if isinstance(error, BadInput) else ""
        reason = error.reason if isinstance(error, Rejected) else ""
        return Failure(type(error).__name__, error.message, error.hint, pointer, reason)

    def error(self) -> Exception:
        """The same error again."""
        if self.kind == Rejected.__name__:
            return Rejected(self.reason, self.message, self.pointer)
        known: type[GraphsvcError] | None = getattr(errors, self.kind, None) if self.kind else None
        if known is None:
            return RuntimeError("The other process failed.")
        if issubclass(known, BadInput):
            return known(self.message, hint=self.hint, pointer=self.pointer)
        return known(self.message, hint=self.hint)


class Taken(Struct, frozen=True, array_like=True, tag="events"):
    done: Accepted


class Kept(Struct, frozen=True, array_like=True, tag="drafts"):
    done: Appended


Answer = Taken | Kept | Failure


CALLS: msgspec.msgpack.Decoder[Call] = msgspec.msgpack.Decoder(Call)
ANSWERS: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)


def send(connection: socket.socket, message: Struct) -> None:
    body = msgspec.msgpack.encode(message)
    connection.sendall(len(body).to_bytes(SIZE_BYTES, "little") + body)


def receive(connection: socket.socket, read: msgspec.msgpack.Decoder[M]) -> M | None:
    """The next message; None where the other side closed. Raises OSError where it closed in the middle of one."""
    head = _exactly(connection, SIZE_BYTES)
    if not head:
        return None
    return read.decode(_exactly(connection, int.from_bytes(head, "little")))


def _exactly(connection: socket.socket, size: int) -> bytearray:
    """So many bytes; none where nothing more comes."""
    block = bytearray(size)
    place = 0
    while place < size:
        got = connection.recv_into(memoryview(block)[place:])
        if not got:
            if place == 0:
                return bytearray()
            raise ConnectionResetError
        place += got
    return block
