"""Prompt fingerprints: a keyed sketch of word shingles and a keyed chain of message windows. The text is not kept.

Sketch, version 1: 32 little-endian uint32 MinHash values (Broder 1997) over the keyed hashes of word pairs, then up to
64 sorted little-endian uint32 hashes of the word triples whose keyed hash falls below a quarter of the range
(FracMinHash, Irber et al. 2022), the smallest where there are more. The first part finds similar prompts, and pairs
outlive a replaced word better than triples; the second says which shingles many prompts have in common, and chance
brings a triple back more rarely. The hashes are SipHash-2-4 (Aumasson and Bernstein 2012), so that without the key a
sketch cannot be compared with guessed texts. The words are those of graphsvc.events.normal.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numba as nb
import numpy as np
import numpy.typing as npt

from graphsvc.events.chain import kept, windows
from graphsvc.events.normal import codes_of, enclosed, tables, words
from graphsvc.events.record import Fingerprint
from graphsvc.events.types import Message, PromptFingerprint

MIN_HASHES = 32
SAMPLED = 64
WORDS_MIN = 3
SKETCH_BYTES_MIN = MIN_HASHES * 4
SKETCH_BYTES_MAX = (MIN_HASHES + SAMPLED) * 4

U64 = np.uint64
SAMPLE_BOUND = U64(2**62)
NO_WORD = U64(0)
UInt32s = npt.NDArray[np.uint32]
UInt64s = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Keys:
    """`sip`: uint64[2]; `multiply`, `add`: uint64[32] of the MinHash permutations; `chain`: 32 bytes."""

    sip: UInt64s
    multiply: UInt64s
    add: UInt64s
    chain: bytes


class Fingerprinter:
    """Makes fingerprints under one key. Equal texts under equal keys give equal fingerprints, on every machine."""

    def __init__(self, key: bytes) -> None:
        stream = np.frombuffer(hashlib.shake_256(b"graphsvc sketch 1" + key).digest(8 * (2 + 2 * MIN_HASHES)), "<u8")
        self._keys = Keys(
            sip=stream[:2].copy(),
            multiply=stream[2 : 2 + MIN_HASHES] | U64(1),
            add=stream[2 + MIN_HASHES :].copy(),
            chain=hashlib.blake2b(b"graphsvc chain 1", key=key).digest()[:32],
        )
        self._tables = tables()

    def of_messages(self, messages: Sequence[Message]) -> Fingerprint:
        """The fingerprint of what this request asks: its system prompt and its last user message."""
        text = _asked(messages)
        return Fingerprint(self.sketch(text), self.chain(messages), sum(len(m.content) for m in messages))

    def sketch(self, text: str) -> bytes:
        """Sketch of a text; empty where it has fewer than three words."""
        said = words(codes_of(text), self._tables.kind, self._tables.fold, self._tables.alike)
        signature, sample = _sketch(said, self._keys.sip, self._keys.multiply, self._keys.add)
        return bytes(signature.astype("<u4").tobytes() + sample.astype("<u4").tobytes())

    def chain(self, messages: Sequence[Message]) -> tuple[str, ...]:
        """Keyed hashes of the windows of messages that only this conversation has: graphsvc.events.chain."""
        return windows(messages, self._keys.chain)


def from_caller(given: PromptFingerprint) -> Fingerprint:
    """A fingerprint that the caller made. Raises ValueError where the sketch is not of version 1's form."""
    sketch = base64.b64decode(given.sketch, validate=True)
    if sketch and (len(sketch) % 4 or not SKETCH_BYTES_MIN <= len(sketch) <= SKETCH_BYTES_MAX):
        raise ValueError("a sketch has 128 to 384 bytes, in fours")
    chain = tuple(given.prefix_chain) if given.prefix_chain else ()
    return Fingerprint(_ordered(sketch), kept(chain), given.length or 0)


def to_caller(fingerprint: Fingerprint) -> PromptFingerprint:
    """The wire form of a fingerprint, as an event carries it in place of messages."""
    sketch = base64.b64encode(fingerprint.sketch).decode()
    return PromptFingerprint(1, sketch, list(fingerprint.chain), fingerprint.length)


def _ordered(sketch: bytes) -> bytes:
    """The sketch with its sample ascending and each hash once, as comparisons take it to be."""
    sample = np.unique(np.frombuffer(sketch[SKETCH_BYTES_MIN:], "<u4"))
    return sketch[:SKETCH_BYTES_MIN] + sample.tobytes()


def _asked(messages: Sequence[Message]) -> str:
    system = next((m.content for m in messages if m.role == "system"), "")
    user = next((m.content for m in reversed(messages) if m.role == "user"), "")
    return f"{enclosed(system)}\n{enclosed(user)}" if system else user


@nb.njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def _rotate(value: np.uint64, bits: int) -> np.uint64:
    return (value << U64(bits)) | (value >> U64(64 - bits))


@nb.njit(cache=True)  # type: ignore[untyped-decorator]
def _sip(a: np.uint64, b: np.uint64, c: np.uint64, key: UInt64s) -> np.uint64:
    """SipHash-2-4 of three 64-bit words."""
    v0 = key[0] ^ U64(0x736F6D6570736575)
    v1 = key[1] ^ U64(0x646F72616E646F6D)
    v2 = key[0] ^ U64(0x6C7967656E657261)
    v3 = key[1] ^ U64(0x7465646279746573)
    words = (a, b, c, U64(24) << U64(56))
    for step in range(8):
        if step < 4:
            word = words[step]
            v3 ^= word
        else:
            word = U64(0)
            if step == 4:
                v2 ^= U64(0xFF)
        rounds = 2 if step < 4 else 1
        for _ in range(rounds):
            v0 += v1
            v1 = _rotate(v1, 13)
            v1 ^= v0
            v0 = _rotate(v0, 32)
            v2 += v3
            v3 = _rotate(v3, 16)
            v3 ^= v2
            v0 += v3
            v3 = _rotate(v3, 21)
            v3 ^= v0
            v2 += v1
            v1 = _rotate(v1, 17)
            v1 ^= v2
            v2 = _rotate(v2, 32)
        v0 ^= word
    return v0 ^ v1 ^ v2 ^ v3  # type: ignore[no-any-return]


@nb.njit(cache=True)  # type: ignore[untyped-decorator]
def _sketch(words: UInt64s, sip: UInt64s, multiply: UInt64s, add: UInt64s) -> tuple[UInt32s, UInt32s]:
    signature = np.full(MIN_HASHES, np.uint32(0xFFFFFFFF), np.uint32)
    if words.size < WORDS_MIN:
        return signature[:0], signature[:0]
    kept = np.empty(words.size, np.uint32)
    kept_count = 0
    bound = SAMPLE_BOUND
    for start in range(words.size - 1):
        if start + 2 < words.size:
            triple = _sip(words[start], words[start + 1], words[start + 2], sip)
            if triple < bound:
                kept[kept_count] = np.uint32(triple & U64(0xFFFFFFFF))
                kept_count += 1
        pair = _sip(words[start], words[start + 1], NO_WORD, sip)
        for index in range(MIN_HASHES):
            value = np.uint32((pair * multiply[index] + add[index]) >> U64(32))
            signature[index] = min(signature[index], value)
    return signature, np.unique(kept[:kept_count])[:SAMPLED]
