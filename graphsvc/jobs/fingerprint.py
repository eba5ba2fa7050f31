"""Prompts to fingerprints, for callers that keep their prompts to themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from graphsvc.config import Settings
from graphsvc.errors import BadInput
from graphsvc.events.fingerprint import Fingerprinter, to_caller
from graphsvc.events.tokens import Tokeniser, load_key
from graphsvc.events.types import Message


class Prompt(msgspec.Struct, frozen=True):
    messages: list[Message]


def fingerprint_lines(settings: Settings, lines: Iterable[bytes]) -> Iterator[bytes]:
    """One JSON fingerprint for each NDJSON line of `{"messages": […]}`. Raises BadInput with the line number."""
    maker = Fingerprinter(Tokeniser(load_key(settings)).derived_key("fingerprint"))
    decoder = msgspec.json.Decoder(Prompt)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            messages = decoder.decode(line).messages
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise BadInput(f"Line {number} is no object with messages of role and content.") from None
        yield msgspec.json.encode(to_caller(maker.of_messages(messages)))
