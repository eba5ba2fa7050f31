"""One pass over a text: which phrases of the lexicon it holds, and what shape it has. Numba; no text is kept.

Words are runs of letters, folded to lower case; a run of digits is one sign, `#` in the lexicon; signs of Chinese,
Japanese and Korean, which put no space between words, are each a word. A phrase is one to ten such words.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numba as nb
import numpy as np
import numpy.typing as npt

PHRASE_WORDS = 10
HEAD_WORDS, EDGE_WORDS = 12, 24
HEAD_WORTH, EDGE_WORTH = np.uint8(4), np.uint8(2)
"""A phrase that begins within the first twelve words counts four times, else one among the first or last 24 twice: that
is where the demand stands; between lies the matter."""
KNOWN_CODES = 0x10000
_NUMBER = re.compile(r"(?<![^ ])#(?![^ ])")
SEPARATOR, WORD, DIGIT, ALONE, IGNORED = range(5)
HEADING_SIGNS = 25
SLOT_SIGNS = 24
"""A heading ends in a colon so early in its line; a slot in brackets is no longer than this."""
SHAPE = (
    "code_marks",
    "fences",
    "numbers",
    "sums",
    "question",
    "lines",
    "listed",
    "headed",
    "slots",
    "quotes",
    "words",
)
"""What a text looks like, each 0 to about 1: the share of marks that code is full of; fenced code; the share of words
that are numbers; signs of arithmetic; a question mark; lines, listed lines, lines that begin with a heading and a
colon; slots in brackets or blanks; quotation marks; the length in words. None of them depends on the language."""

U64 = np.uint64
Float32s = npt.NDArray[np.float32]
Int32s = npt.NDArray[np.int32]
UInt8s = npt.NDArray[np.uint8]
UInt32s = npt.NDArray[np.uint32]
UInt64s = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Phrases:
    """An open-addressing hash table of phrases. Each slot: its key, a bit for each group that the phrase is in (none
    where the key only begins longer ones), an ordinal of the phrase, and the longest that begins with it, in words."""

    keys: UInt64s
    member: UInt64s
    ordinal: Int32s
    longest: Int32s
    groups: int
    count: int


def phrases_of(groups: Sequence[Sequence[str]]) -> Phrases:
    """The table of at most 64 groups of phrases; a phrase may be in several.

    Raises ValueError for an empty or too long phrase, and for one that a group names twice.
    """
    member: dict[int, int] = {}
    longest: dict[int, int] = {}
    for group, phrases in enumerate(groups):
        for phrase in phrases:
            words = words_of(codes_of(_NUMBER.sub("0", phrase)))
            if not 1 <= len(words) <= PHRASE_WORDS:
                raise ValueError(f"A phrase of the lexicon has 1 to {PHRASE_WORDS} words: {phrase}")
            key = int(_phrase_key(words))
            if member.get(key, 0) >> group & 1:
                raise ValueError(f"A group of the lexicon names a phrase twice: {phrase}")
            member[key] = member.get(key, 0) | 1 << group
            first = int(words[0])
            longest[first] = max(longest.get(first, 1), len(words))
    return _table(member, longest, len(groups))


def codes_of(text: str) -> UInt32s:
    """The code points of a text, half surrogate pairs included."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def words_of(codes: UInt32s) -> UInt64s:
    """A hash for each word of a text, as the lexicon's phrases are split."""
    words: UInt64s = _words(codes, *_characters())
    return words


def scan(codes: UInt32s, phrases: Phrases) -> Float32s:
    """What a text holds, float32[groups + len(SHAPE)]: for each group how many different phrases of it, those where
    the demand stands several times; then its shape."""
    found: Float32s = _scan(
        codes,
        *_characters(),
        phrases.keys,
        phrases.member,
        phrases.ordinal,
        phrases.longest,
        phrases.groups,
        phrases.count,
    )
    return found


def _table(member: dict[int, int], longest: dict[int, int], groups: int) -> Phrases:
    names = sorted({*member, *longest})
    size = 1 << (4 * len(names)).bit_length()
    keys, of = np.zeros(size, np.uint64), np.zeros(size, np.uint64)
    ordinal, most = np.zeros(size, np.int32), np.zeros(size, np.int32)
    for place, key in enumerate(names):
        slot = key & (size - 1)
        while keys[slot]:
            slot = (slot + 1) & (size - 1)
        keys[slot], of[slot], ordinal[slot], most[slot] = key, member.get(key, 0), place, longest.get(key, 1)
    return Phrases(keys, of, ordinal, most, groups, len(names))


@functools.cache
def _characters() -> tuple[UInt8s, UInt32s]:
    """Class and folded form of each code point below 0x10000; those above are separators."""
    classes = np.zeros(KNOWN_CODES, np.uint8)
    folded = np.arange(KNOWN_CODES, dtype=np.uint32)
    for code in range(KNOWN_CODES):
        character = chr(code)
        plain = unicodedata.normalize("NFKC", character).casefold()
        if len(plain) == 1 and ord(plain) < KNOWN_CODES:
            folded[code] = ord(plain)
        if character.isdigit():
            classes[code] = DIGIT
        elif character.isalnum():
            classes[code] = WORD
        elif unicodedata.category(character) in ("Cf", "Mn", "Me"):
            classes[code] = IGNORED
    for first, last in ((0x3040, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3)):
        block = classes[first : last + 1]
        block[block == WORD] = ALONE
    return classes, folded


@nb.njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def _mix(state: np.uint64, word: np.uint64) -> np.uint64:
    state = (((state << U64(5)) | (state >> U64(59))) ^ word) * U64(0x9E3779B97F4A7C15)
    return state ^ (state >> U64(32))


@nb.njit(cache=True)  # type: ignore[untyped-decorator]
def _phrase_key(words: UInt64s) -> np.uint64:
    key = words[0]
    for word in words[1:]:
        key = _mix(key, word)
    return key  # type: ignore[no-any-return]


@nb.njit(cache=True)  # type: ignore[untyped-decorator]
def _words(codes: UInt32s, classes: UInt8s, folded: UInt32s) -> UInt64s:
    out = np.empty(codes.size + 1, np.uint64)
    count = 0
    state = U64(0)
    inside = SEPARATOR
    for place in range(codes.size):
        code = codes[place]
        kind = classes[code] if code < KNOWN_CODES else SEPARATOR
        if kind == IGNORED:
            continue
        if kind == SEPARATOR and inside == WORD and (code == 43 or code == 35):
            kind = WORD  # "c++" and "c#" are words
        if inside != SEPARATOR and kind != inside:
            out[count] = state | U64(1)
            count += 1
            inside = SEPARATOR
        if kind == ALONE:
            out[count] = _mix(U64(0xCBF29CE484222325), U64(folded[code])) | U64(1)
            count += 1
        elif kind == DIGIT:
            inside, state = DIGIT, U64(0x23)
        elif kind == WORD:
            if inside == SEPARATOR:
                inside, state = WORD, U64(0xCBF29CE484222325)
            state = _mix(state, U64(folded[code]))
    if inside != SEPARATOR:
        out[count] = state | U64(1)
        count += 1
    return out[:count]


@nb.njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def _find(key: np.uint64, keys: UInt64s) -> np.int64:
    mask = keys.size - 1
    slot = np.int64(key & U64(mask))
    while keys[slot] != U64(0):
        if keys[slot] == key:
            return slot
        slot = (slot + 1) & mask
    return np.int64(-1)


@nb.njit(cache=True)  # type: ignore[untyped-decorator]
def _scan(
    codes: UInt32s,
    classes: UInt8s,
    folded: UInt32s,
    keys: UInt64s,
    member: UInt64s,
    ordinal: Int32s,
    longest: Int32s,
    groups: int,
    count: int,
) -> Float32s:
    words = _words(codes, classes, folded)
    found = np.zeros(groups + len(SHAPE), np.float32)
    _count(words, keys, member, ordinal, longest, np.zeros(count, np.uint8), found[:groups])
    _shape(codes, words.size, found[groups:])
    return found


@nb.njit(cache=True)  # type: ignore[untyped-decorator]
def _count(
    words: UInt64s, keys: UInt64s, member: UInt64s, ordinal: Int32s, longest: Int32s, worth: UInt8s, hits: Float32s
) -> None:
    for start in range(words.size):
        key = words[start]
        slot = _find(key, keys)
        if slot < 0:
            continue
        most = min(longest[slot], words.size - start)
        for length in range(1, most + 1):
            if length > 1:
                key = _mix(key, words[start + length - 1])
                slot = _find(key, keys)
            if slot < 0 or member[slot] == U64(0):
                continue
            at_edge = start < EDGE_WORDS or start + length > words.size - EDGE_WORDS
            value = HEAD_WORTH if start < HEAD_WORDS else EDGE_WORTH if at_edge else np.uint8(1)
            known = worth[ordinal[slot]]
            if value > known:
                worth[ordinal[slot]] = value
                for group in range(hits.size):
                    if (member[slot] >> U64(group)) & U64(1):
                        hits[group] += np.float32(value - known)


NEWLINE, COLON, QUESTION, QUOTE, OPENS, CLOSES, BAR, MARK, TICK = (1 << bit for bit in range(9))
SUM, BULLET, FIGURE, SPACE, STOP = (1 << bit for bit in range(9, 14))


@functools.cache
def _signs() -> npt.NDArray[np.int32]:
    """What each code point below 0x10000 is to the shape of a text, as bits."""
    signs = np.zeros(KNOWN_CODES, np.int32)
    for bit, characters in (
        (NEWLINE, "\n"),
        (COLON, ":："),
        (QUESTION, "?？؟"),
        (QUOTE, '"“”„‟«「'),
        (OPENS, "{[<"),
        (CLOSES, "}]>"),
        (BAR, "_"),
        (MARK, "{};=<>()[]_\\"),
        (TICK, "`"),
        (SUM, "+=^%$€√"),
        (BULLET, "-*•"),
        (FIGURE, "0123456789"),
        (SPACE, " \t"),
        (STOP, ".)"),
    ):
        for character in characters:
            signs[ord(character)] |= bit
    return signs


_SIGNS = _signs()


@nb.njit(cache=True)  # type: ignore[untyped-decorator]
def _shape(codes: UInt32s, words: int, shape: Float32s) -> None:
    marks = fences = numbers = sums = question = lines = listed = headed = slots = quotes = 0
    on_line = ticks = bars = 0
    opened = -1
    before = 0
    for place in range(codes.size):
        code = codes[place]
        sign = _SIGNS[code] if code < KNOWN_CODES else 0
        if sign == SPACE:
            before = sign
            continue
        on_line += 1
        if sign == 0:
            before = ticks = bars = 0
            continue
        if sign & FIGURE and not before & FIGURE:
            numbers += 1
        if sign & STOP and on_line == 2 and before & FIGURE:
            listed += 1
        if sign & BULLET and on_line == 1:
            listed += 1
        if sign & COLON and 2 <= on_line <= HEADING_SIGNS:
            headed += 1
        if sign & QUESTION:
            question = 1
        quotes += 1 if sign & QUOTE else 0
        marks += 1 if sign & MARK else 0
        sums += 1 if sign & SUM else 0
        ticks = ticks + 1 if sign & TICK else 0
        bars = bars + 1 if sign & BAR else 0
        fences += 1 if ticks == 3 else 0
        slots += 1 if bars == 3 else 0
        if sign & OPENS:
            opened = place
        if sign & CLOSES and opened >= 0 and 1 < place - opened <= SLOT_SIGNS:
            slots += 1
            opened = -1
        if sign & NEWLINE:
            lines += 1
            on_line = 0
        before = sign
    shape[0] = min(1.0, 12.0 * marks / max(codes.size, 1))
    shape[1] = min(1, fences)
    shape[2] = min(1.0, 5.0 * numbers / max(words, 1))
    shape[3] = min(1.0, 20.0 * sums / max(codes.size, 1))
    shape[4] = question
    shape[5] = np.log1p(lines) / 4
    shape[6] = min(1.0, np.log1p(listed) / 3)
    shape[7] = min(1.0, np.log1p(headed) / 3)
    shape[8] = min(1.0, np.log1p(slots) / 3)
    shape[9] = min(1.0, np.log1p(quotes) / 3)
    shape[10] = np.log1p(words) / 8
