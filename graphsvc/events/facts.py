"""Coarse facts as people write them, in the form that the ledger has them in."""

from __future__ import annotations

import ipaddress
import re

from graphsvc.events.networks import SUBNET_BITS
from graphsvc.events.tokens import normal_email

BIN = re.compile(r"[0-9]{6,8}")
DOMAIN = re.compile(r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9-]{2,63}")


def coarse_fact(kind: str, text: str) -> str:
    """The id of a mail domain, issuer range, subnet or network operator. Raises ValueError where it is none, so that
    nothing finer, such as an address, is kept in its place."""
    return {"mail_domain": _mail_domain, "bin": _bin, "subnet": _subnet, "asn": _asn}[kind](text)


def _mail_domain(text: str) -> str:
    _, domain = normal_email(f"x@{text}")
    if "@" in text or not DOMAIN.fullmatch(domain):
        raise ValueError
    return domain


def _bin(text: str) -> str:
    if not BIN.fullmatch(text):
        raise ValueError
    return text


def _subnet(text: str) -> str:
    network = ipaddress.ip_network(text)
    if network.prefixlen != SUBNET_BITS[network.version]:
        raise ValueError
    return str(network)


def _asn(text: str) -> str:
    number = int(text.upper().removeprefix("AS"))
    if not 0 < number < 2**32:
        raise ValueError
    return f"AS{number}"
