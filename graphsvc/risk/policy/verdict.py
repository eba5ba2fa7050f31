"""From a graded action to the one that is recommended: what the lists and the holdout make of it."""

from __future__ import annotations

import hmac
from typing import Literal, NamedTuple

from graphsvc.risk.answer import Action

STOPS: frozenset[Action] = frozenset({"challenge", "deny"})
Decided = Literal["", "allow", "block"]


class Standing(NamedTuple):
    """What lists say: which of allow and block decides, "" for neither, and whether a watch list counts."""

    decided: Decided = ""
    watched: bool = False


class Recommended(NamedTuple):
    """`held_out`: the account is let through only so that false positives can be measured."""

    action: Action
    held_out: bool


def recommend(graded: Action, listed: Standing, in_holdout: bool) -> Recommended:
    """The block list denies, the allow list allows; the holdout lets through what the grades would stop, and nothing
    that the block list does; the watch list then makes review of allow, and changes nothing else."""
    if listed.decided == "block":
        return Recommended("deny", False)
    held_out = in_holdout and listed.decided == "" and graded in STOPS
    action: Action = "allow" if held_out or listed.decided == "allow" else graded
    return Recommended("review" if listed.watched and action == "allow" else action, held_out)


def in_holdout(key: bytes, account_id: str, share: float) -> bool:
    """Whether an account is of the holdout: the same answer for ever under one key, and for every greater share. The
    key keeps outsiders from finding ids that are let through."""
    if share <= 0.0:
        return False
    digest = hmac.digest(key, account_id.encode("utf-8", "surrogatepass"), "sha256")
    return int.from_bytes(digest[:8], "big") < share * 2.0**64
