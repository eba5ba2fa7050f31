"""What a prompt says, without what it comes in: envelopes, markup, characters that look alike or are not seen, values.

Two steps. `plain` takes the text out of its wrapper and gives it in compatibility form (Unicode NFKC). `words` hashes
its words: case and Latin accents are dropped; letters of another script that look Latin count as Latin in words that
have Latin letters too, so that real Cyrillic or Greek stays what it is; all numbers, dates, identifiers, addresses are
one same sign, however many follow each other. Digits that stand for letters are left alone: "h3llo" has too many
readings. Scripts without spaces: each Han or kana character is a word, and Thai, Lao, Khmer and Burmese are cut where
two neighbouring letters say so, which is the same place in every text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import msgspec
import numba as nb
import numpy as np
import numpy.typing as npt

MAX_CHARACTERS = 32_768
ENVELOPE_DEPTH = 3
CODES = 0x30000
"""Code points with an entry in the tables; past them lie rare Han characters, and from HIDDEN on no letters at all."""
HIDDEN = 0xE0000

SEPARATOR, WORD, LATIN, DIGIT, ALONE, CHUNKED, IGNORED = range(7)
KEY_LETTERS = 16
"""A word so long with two runs of digits is a key or a token."""
HEX_LETTERS = 8
HEX_PIECE = 4
"""A word of hexadecimal digits so long is an identifier; after a number, as in a UUID, a shorter one is."""

UInt8s = npt.NDArray[np.uint8]
UInt32s = npt.NDArray[np.uint32]
UInt64s = npt.NDArray[np.uint64]
U64 = np.uint64
START = U64(0xCBF29CE484222325)
NUMBER = U64(0x30)
DIGITS = np.uint32(0x30)
SPACE = np.uint32(0x20)

ALONE_RANGES = ((0x3040, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2FFFF))
CHUNKED_SCRIPTS = ("THAI", "LAO", "KHMER", "MYANMAR")
FILLERS = (0x115F, 0x1160, 0x3164, 0xFFA0)
"""Hangul letters without a shape: not marked as format characters, and yet not seen."""
ALIKE = {
    "CYRILLIC": ("аАвВеЕѕЅіІјЈкКмМнНоОрРсСтТуУхХһԁԛԚԝԜ", "aabbeessiijjkkmmhhooppccttyyxxhdqqww"),
    "GREEK": ("αΑβΒγεΕΖηΗιΙκΚΜνΝοΟρΡτΤυΥχΧω", "aabbyeeznhiikkmvnooppttuyxxw"),
    "ARMENIAN": ("օՕսՍհոցք", "oousnngp"),
}
"""Letters of other scripts and the Latin ones that they look like, upper and lower case each by its own shape."""

MARKUP = re.compile(
    r"</?[A-Za-z][\w:.-]*+(?>\s++[\w:.-]++\s*+=\s*+(?>\"[^\"]*+\"|'[^']*+'|[^\s>\"'][^\s>]*+))*+\s*+/?>"
    r"|<\|[^|<>\n]{1,40}\|>(?>\s*+(?:user|assistant|system)\b)?|<</?SYS>>|\[/?INST\]"
)
FENCE = re.compile(r"```[\w+#.-]*+(?=\n)")
ROLE = re.compile(
    r"^[ \t>*]*+(?>#{1,6}[ \t]*+)?(?:user|human|assistant|system|ai|instructions?|prompt|response)[ \t*]*+(?::|$)",
    re.IGNORECASE | re.MULTILINE,
)
LINK = re.compile(r"(?:[A-Za-z]{2,10})?://[^\s<>\"']++|www\.[^\s<>\"']++")
MAIL_HOST = re.compile(r"@[\w-]++\.[\w.-]++")
MAILBOX_MAX = 64
MAILBOX = re.compile(r"[\w.+-]+\Z")


@dataclass(frozen=True)
class Tables:
    """By code point: `kind` (uint8), `fold` (its lower case without Latin accents), `alike` (the Latin letter that it
    looks like, 0 where there is none)."""

    kind: UInt8s
    fold: UInt32s
    alike: UInt32s


def codes_of(text: str) -> UInt32s:
    """Code points of a prompt without its wrapper, for `words`."""
    return np.frombuffer(plain(text).encode("utf-32-le", "surrogatepass"), np.uint32)


def plain(text: str) -> str:
    """The prompt without envelope, markup, chat roles and addresses, in NFKC; of a very long one the two ends."""
    text = enclosed(text)
    if len(text) > MAX_CHARACTERS:
        text = text[: MAX_CHARACTERS // 2] + " " + text[-MAX_CHARACTERS // 2 :]
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    if "```" in text:
        text = FENCE.sub(" ", text)
    if "<" in text or "[INST]" in text:
        bare = MARKUP.sub(" ", text)
        # A text that is markup for the greater part is no wrapped text: the markup is what it says.
        text = bare if 2 * len(bare) >= len(text) else text
    if ":" in text or "#" in text:
        text = ROLE.sub(" ", text)
    if "://" in text or "www." in text:
        text = LINK.sub(" 0 ", text)
    return _without_mail(text) if "@" in text else text


def enclosed(text: str) -> str:
    """The text that a JSON envelope was made for: its strings with more than one word, if they are most of it."""
    for _ in range(ENVELOPE_DEPTH):
        bare = text.strip()
        if not bare or bare[0] + bare[-1] not in ("{}", "[]"):
            return text
        try:
            inner = "\n".join(_phrases(msgspec.json.decode(bare)))
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            return text
        if 2 * len(inner) < len(bare):
            return text
        text = inner
    return text


def _without_mail(text: str) -> str:
    """Mail addresses as numbers. From the @ outwards: looked for from their start, they cost more than all the rest."""
    parts: list[str] = []
    last = 0
    for host in MAIL_HOST.finditer(text):
        box = MAILBOX.search(text, max(last, host.start() - MAILBOX_MAX), host.start())
        parts += [text[last : box.start() if box else host.start()], " 0 "]
        last = host.end()
    return "".join([*parts, text[last:]])


def _phrases(value: object) -> Iterator[str]:
    if isinstance(value, str):
        if not value.isascii() or " " in value.strip():
            yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _phrases(inner)


@cache
def tables() -> Tables:
    """The tables, from the Unicode database of this Python; made once, in a third of a second."""
    kind = np.zeros(CODES, np.uint8)
    fold = np.arange(CODES, dtype=np.uint32)
    alike = np.zeros(CODES, np.uint32)
    for code in range(CODES):
        character = chr(code)
        kind[code] = _kind(character, unicodedata.category(character))
        if kind[code] in (WORD, LATIN):
            fold[code] = ord(_folded(character))
    for first, last in ALONE_RANGES:
        block = kind[first : last + 1]
        block[block == WORD] = ALONE
    for others, latin in ALIKE.values():
        for other, letter in zip(others, latin, strict=True):
            alike[ord(other)] = ord(letter)
    return Tables(kind, fold, alike)


def _kind(character: str, category: str) -> int:
    if category in ("Cf", "Mn", "Me") or ord(character) in FILLERS or (category == "Cc" and not character.isspace()):
        return IGNORED
    if character.isdigit():
        return DIGIT
    if not (character.isalnum() or character == "_" or category == "Mc"):
        return SEPARATOR
    name = unicodedata.name(character, "")
    if name.startswith(CHUNKED_SCRIPTS):
        return CHUNKED
    return LATIN if name.startswith("LATIN") else WORD


def _folded(character: str) -> str:
    """Lower case; a Latin letter with a mark, a stroke or in small capitals is its plain letter, by Unicode name."""
    lower = character.casefold()
    lower = lower if len(lower) == 1 else character
    name = unicodedata.name(lower, "")
    found = re.match(r"LATIN (?:SMALL|CAPITAL) LETTER (?:DOTLESS |SCRIPT )?([A-Z])(?: WITH .*)?$", name) or re.match(
        r"LATIN LETTER SMALL CAPITAL ([A-Z])$", name
    )
    return found[1].lower() if found else lower


@nb.njit(cache=True)  # type: ignore[untyped-decorator]
def words(codes: UInt32s, kinds: UInt8s, fold: UInt32s, alike: UInt32s) -> UInt64s:
    """A hash for each word of a text."""
    out = np.empty(codes.size, np.uint64)
    count = size = digits = runs = begin = 0
    state = START
    last = np.uint32(0)
    latin = foreign = number = escaped = False
    hexadecimal = True
    for place in range(codes.size + 1):
        code = codes[place] if place < codes.size else SPACE
        kind = kinds[code] if code < CODES else (IGNORED if code >= HIDDEN else ALONE)
        if kind == IGNORED:
            continue
        if escaped:
            escaped = False
            continue
        if kind in (SEPARATOR, ALONE):
            if size:
                was_number = number
                number = _is_number(size, digits, runs, hexadecimal, number)
                if latin and foreign:
                    state = _unmasked(codes[begin:place], kinds, fold, alike)
                # Numbers that follow each other, as in dates, decimals and lists, are one sign.
                if not (number and was_number):
                    out[count] = NUMBER if number else state
                    count += 1
                size = 0
            if kind == ALONE:
                out[count] = _mixed(START, code)
                count += 1
                number = False
            # A line break or tab that was written out.
            escaped = code == 92 and place + 1 < codes.size and codes[place + 1] in (110, 114, 116)
            continue
        if not size:
            begin, state, last = place, START, np.uint32(0)
            digits = runs = 0
            latin = foreign = False
            hexadecimal = True
        size += 1
        letter = fold[code]
        if kind == DIGIT:
            digits += 1
            letter = DIGITS
            if last == DIGITS:
                continue
            runs += 1
        else:
            latin |= kind == LATIN
            foreign |= alike[code] > 0
            hexadecimal &= 97 <= letter <= 102
        state = _mixed(state, letter)
        if kind == CHUNKED and _mixed(_mixed(START, last), letter) % U64(4) == U64(0):
            out[count] = state
            count += 1
            size = 0
            number = False
        last = letter
    return out[:count]


@nb.njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def _mixed(state: np.uint64, letter: np.uint32) -> np.uint64:
    state = (state ^ U64(letter)) * U64(0x100000001B3)
    return state ^ (state >> U64(29))


@nb.njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def _is_number(size: int, digits: int, runs: int, hexadecimal: bool, after_number: bool) -> bool:
    """A number, a piece of a hexadecimal identifier, or a key."""
    if digits == size or (runs > 1 and size >= KEY_LETTERS):
        return True
    return hexadecimal and digits > 0 and size >= (HEX_PIECE if after_number else HEX_LETTERS)


@nb.njit(cache=True)  # type: ignore[untyped-decorator]
def _unmasked(word: UInt32s, kinds: UInt8s, fold: UInt32s, alike: UInt32s) -> np.uint64:
    """Hash of a word of mixed script as the Latin word that it looks like."""
    state = START
    last = np.uint32(0)
    for code in word:
        kind = kinds[code]
        if kind == IGNORED or (kind == DIGIT and last == DIGITS):
            continue
        last = DIGITS if kind == DIGIT else (alike[code] if alike[code] else fold[code])
        state = _mixed(state, last)
    return state
