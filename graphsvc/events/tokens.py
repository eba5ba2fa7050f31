"""Keyed tokens for identifiers: raw values stop here."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import secrets
from functools import lru_cache
from pathlib import Path

from graphsvc.config import Settings
from graphsvc.errors import BadUsage

KEY_BYTES = 32
TOKEN_BYTES = 16
CACHED_TOKENS = 200_000

PLUS_TAG_DOMAINS = frozenset(
    {
        "gmail.com",
        "outlook.com",
        "hotmail.com",
        "live.com",
        "icloud.com",
        "me.com",
        "mac.com",
        "fastmail.com",
        "proton.me",
        "protonmail.com",
        "pm.me",
        "zoho.com",
        "hey.com",
    }
)
DOT_BLIND_DOMAINS = frozenset({"gmail.com"})
SAME_DOMAIN = {"googlemail.com": "gmail.com"}


class Tokeniser:
    """Makes 22-character tokens: HMAC-SHA-256 over type and normalised value, cut to 128 bits.

    Equal values of different types give unrelated tokens.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        # Keyed once; a copy is told each value, which for so short a text holds up no other thread.
        self._keyed = hmac.new(key, digestmod="sha256")
        self.token = lru_cache(CACHED_TOKENS)(self._token)

    def _token(self, kind: str, value: str) -> str:
        message = f"{kind}\0{value}".encode("utf-8", "surrogatepass")
        keyed = self._keyed.copy()
        keyed.update(message)
        return base64.urlsafe_b64encode(keyed.digest()[:TOKEN_BYTES]).rstrip(b"=").decode()

    def derived_key(self, purpose: str) -> bytes:
        """A 32-byte key of its own for another use, so that no two uses share one."""
        return hmac.digest(self._key, f"graphsvc/{purpose}".encode(), "sha256")


def normal_email(raw: str) -> tuple[str, str]:
    """The mailbox that an address reaches, and its domain ('' where there is none)."""
    text = raw.strip().casefold()
    local, at, domain = text.rpartition("@")
    if not at:
        return text, ""
    domain = domain.rstrip(".")
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode()
        except UnicodeError:
            return text, ""
    domain = SAME_DOMAIN.get(domain, domain)
    if domain in PLUS_TAG_DOMAINS:
        local = local.split("+", 1)[0] or local
    if domain in DOT_BLIND_DOMAINS:
        local = local.replace(".", "")
    return f"{local}@{domain}", domain


def normal_phone(raw: str) -> str:
    """E.164 digits with a leading plus; an international 00 prefix counts as the plus."""
    digits = "".join(character for character in raw if character.isdecimal())
    text = raw.strip()
    if text.startswith("00"):
        digits = digits[2:]
    return f"+{digits}" if digits else text.casefold()


def load_key(settings: Settings) -> bytes:
    """The token key: from GRAPHSVC_TOKEN_KEY, else from the data folder's 0600 file, which is made on first use."""
    if settings.token_key is not None:
        return _parse(settings.token_key.get_secret_value(), "GRAPHSVC_TOKEN_KEY")
    path = settings.places.create().token_key
    if not path.exists():
        _create(path)
    return _parse(path.read_text(), "token.key in the data folder")


def _parse(text: str, where: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise BadUsage(f"The token key in {where} is not {2 * KEY_BYTES} hex digits.", hint="Restore it from a backup.")
    return key


def _create(path: Path) -> None:
    """Writes a new key beside its place and links it in, so that of two first starts one wins whole."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    try:
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink()


def keyed_digest(key: bytes, content: bytes) -> bytes:
    """16 bytes by which equal content is recognised without keeping it."""
    return hashlib.blake2b(content, key=key, digest_size=16).digest()
