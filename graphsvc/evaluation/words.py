"""How the report says figures: shares, decimals, counts, spans of time, money, intervals."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from graphsvc.evaluation.figures import Estimate

NONE = "—"
HOURS_A_DAY = 24
ACRONYMS = {word.lower(): word for word in ("API", "CI", "NAT", "SSO", "VPN")}
IDLE_ZEROS = re.compile(r"\.?0+(?=\D|$)")
Say = Callable[[float], str]


def percent(share: float) -> str:
    """A share of one. Never 0% or 100% of what is only nearly none or all."""
    if math.isnan(share):
        return NONE
    if share in (0.0, 1.0):
        return f"{share:.0%}"
    if share < 0.0001:
        return "<0.01%"
    return ">99.9%" if 0.9995 <= share < 1 else f"{share:.{2 if share < 0.00995 else 1}%}"


def decimal(value: float) -> str:
    """A figure between 0 and 1 that is no share of anything, such as the area under a curve. Never 1 unless it is."""
    if math.isnan(value):
        return NONE
    return ">0.999" if 0.9995 <= value < 1 else f"{value:.3f}"


def number(count: float) -> str:
    """A count; of a median, one decimal where it is not whole."""
    if math.isnan(count):
        return NONE
    return f"{count:,.0f}" if float(count).is_integer() else f"{count:,.1f}"


def trimmed(written: str) -> str:
    """Without zeros that end a fraction: `20%` for `20.0%`. A number without a fraction stays."""
    whole, point, fraction = written.partition(".")
    return whole + IDLE_ZEROS.sub("", point + fraction) if point else written


def compact(count: int) -> str:
    """A count where there is room for four signs: 950, 1.2k, 18k, 1.2M."""
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if count >= size:
            return f"{count / size:.{1 if count < 9.95 * size else 0}f}{unit}"
    return str(count)


def span(hours: float) -> str:
    """Hours, and days from two days on."""
    if math.isnan(hours):
        return NONE
    return f"{hours:.1f} h" if hours < 2 * HOURS_A_DAY else f"{hours / HOURS_A_DAY:.1f} d"


def dollars(amount: float) -> str:
    return NONE if math.isnan(amount) else f"${amount:,.2f}"


def times(factor: float) -> str:
    return NONE if math.isnan(factor) else f"{factor:.1f}×"


def interval(figure: Estimate, say: Say) -> str:
    """`low–high`, the unit once at the end; nothing where there is no interval."""
    if math.isnan(figure.low) or math.isnan(figure.high):
        return ""
    low, high = say(figure.low), say(figure.high)
    unit = high.lstrip("<>$0123456789.,")
    return f"{low.removesuffix(unit)}–{high}"


def estimate(figure: Estimate, say: Say) -> str:
    """A figure and its interval: `4.1% (1.2–9.0%)`."""
    if math.isnan(figure.value):
        return NONE
    return f"{say(figure.value)} ({interval(figure, say) or 'no interval'})"


def label(code: str) -> str:
    """A code name as a person reads it: `carrier_nat` as `carrier NAT`."""
    return " ".join(ACRONYMS.get(word, word) for word in code.replace("_", " ").split(" "))


def counted(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"
