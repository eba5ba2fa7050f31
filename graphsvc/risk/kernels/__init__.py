"""The index's arithmetic over arrays, compiled. No function that looks or counts gives up the interpreter's lock: each
call happens as one, so that a look never sees half of what another thread counts, and nobody waits for a lock.

`layout` says how the arrays lie, `tables` finds a key in them, `links`, `standing` and `conversations` know one account
each by its own side, `counting` takes records in and `looking` answers.
"""

# Tells Numba when machine code is stale, before anything here is compiled.
import gnn  # noqa: F401
from graphsvc.risk.kernels.counting import apply, apply_answered
from graphsvc.risk.kernels.layout import (
    ABSENT,
    ACCOUNT,
    ACCOUNTS,
    ARRIVED,
    BAD,
    BAN,
    BELIEVED,
    CAME,
    GOOD,
    HIGHEST,
    IDENTIFIER,
    IDENTIFIERS,
    LINK,
    LINKS,
    NAME,
    NAMES,
    REINSTATE,
    SECOND,
    SIZES,
    TOTAL,
    Array,
    BaseArrays,
    OverlayArrays,
    TypeArrays,
)
from graphsvc.risk.kernels.links import held, links_of
from graphsvc.risk.kernels.looking import look
from graphsvc.risk.kernels.standing import banned, raise_to, stand
from graphsvc.risk.kernels.tables import fill, find_all

__all__ = [
    "ABSENT",
    "ACCOUNT",
    "ACCOUNTS",
    "ARRIVED",
    "BAD",
    "BAN",
    "BELIEVED",
    "CAME",
    "GOOD",
    "HIGHEST",
    "IDENTIFIER",
    "IDENTIFIERS",
    "LINK",
    "LINKS",
    "NAME",
    "NAMES",
    "REINSTATE",
    "SECOND",
    "SIZES",
    "TOTAL",
    "Array",
    "BaseArrays",
    "OverlayArrays",
    "TypeArrays",
    "apply",
    "apply_answered",
    "banned",
    "fill",
    "find_all",
    "held",
    "links_of",
    "look",
    "raise_to",
    "stand",
]
