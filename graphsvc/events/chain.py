"""Conversation chains: keyed hashes of short windows of consecutive messages. The text is not kept.

A window ends with a message of the model and reaches back until it holds so much of what only this conversation has
that nobody else comes by it. It does not depend on what precedes it: a trimmed history, another system prompt, or
another last question keeps the windows in between. The method is winnowing's (Schleimer, Wilkerson and Aiken 2003),
with messages in the place of characters.
"""

from __future__ import annotations

import base64
import hashlib
import heapq
import sys
import unicodedata
from collections.abc import Sequence
from itertools import groupby

from graphsvc.events.types import Message

MODEL_ROLES = ("assistant", "tool")
ENOUGH = 120
"""Characters that a window must hold of the model's words and of answers to them. "Sure!", a greeting (up to some 100
characters) or a refusal (some 50) is said to everybody; beyond that two samples of one model come to differ."""
ALONE = 1_000
"""A message of the model this long is a window by itself; a shorter one only together with what it answers, because the
same short answer is given to many questions."""
TOOL_WORTH = 40
"""Characters that a tool's result stands for, however long: a page or a package is the same for everyone who has it
read, but which one is read next is the model's choice."""
LONGEST = 32
"""Messages of a window at most: of so many empty ones, none is worth a window."""
NEWEST = 8
SAMPLED = 8
"""Kept of a long conversation: the newest windows, one of which its next request has too, and those of the least keyed
hash, which later requests share with earlier ones even where those between them went elsewhere (bottom-k sampling,
Cohen and Kaplan 2007)."""
MAX_CHAIN = NEWEST + SAMPLED
_INVISIBLE = frozenset(chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) == "Cf")
_WITHOUT_INVISIBLE = dict.fromkeys(map(ord, _INVISIBLE))


def windows(messages: Sequence[Message], key: bytes) -> tuple[str, ...]:
    """22-character hashes under a key of at most 64 bytes, oldest first, at most MAX_CHAIN.

    White space, invisible characters and Unicode forms make no difference; system messages are left out.
    """
    if not any(one.role in MODEL_ROLES for one in messages):
        return ()
    told = [(one.role, _normal(one.content)) for one in messages if one.role != "system"]
    hashes = [_hash(f"{role}\0{text}".encode("utf-8", "surrogatepass"), key) for role, text in told]
    worth = [_worth(told, at) for at in range(len(told))]
    starts = ((_start(told, worth, at), at) for at, (role, _) in enumerate(told) if role in MODEL_ROLES)
    found = [_hash(b"".join(hashes[start : at + 1]), key) for start, at in starts if start is not None]
    return kept([base64.urlsafe_b64encode(one).rstrip(b"=").decode() for one, _ in groupby(found)])


def kept(chain: Sequence[str]) -> tuple[str, ...]:
    """What is kept of a chain, in its order. Its links are keyed hashes: the least of them are a fair sample."""
    if len(chain) <= MAX_CHAIN:
        return tuple(chain)
    older = heapq.nsmallest(SAMPLED, range(len(chain) - NEWEST), key=lambda at: (chain[at], at))
    return (*(chain[at] for at in sorted(older)), *chain[-NEWEST:])


def names(chain: Sequence[str]) -> tuple[str, ...]:
    """The links by which a conversation is recognised as it goes on: at most 4, mostly those of the request before.

    Of two requests that follow each other in a conversation the later one has the newest link of the earlier one among
    its two newest; where a few between them went elsewhere, they share one of the two least.
    """
    chosen = {*chain[-2:], *heapq.nsmallest(2, chain)}
    return tuple(dict.fromkeys(link for link in chain if link in chosen))


def _start(told: Sequence[tuple[str, str]], worth: Sequence[tuple[int, int]], end: int) -> int | None:
    """Where the window that ends with message `end` begins; None where the conversation holds too little before it."""
    if worth[end][1] >= ALONE:
        return end
    held = 0
    for at in range(end, max(end - LONGEST, -1), -1):
        first, within = worth[at]
        if at < end and held + first >= ENOUGH:
            return at
        held += within
    return None


def _worth(told: Sequence[tuple[str, str]], at: int) -> tuple[int, int]:
    """Characters that a message counts as the first of a window, and after others in it.

    A question that opens a window may be a popular one; one that comes after the model's words answers them.
    """
    role, text = told[at]
    if role == "tool":
        return TOOL_WORTH, TOOL_WORTH
    return (len(text), len(text)) if role == "assistant" else (0, len(text))


def _normal(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        if not _INVISIBLE.isdisjoint(text):
            text = text.translate(_WITHOUT_INVISIBLE)
    return " ".join(text.split())


def _hash(content: bytes, key: bytes) -> bytes:
    return hashlib.blake2b(content, key=key, digest_size=16).digest()
