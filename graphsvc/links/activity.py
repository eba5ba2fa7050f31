"""The rhythm of an account: on how many days it acts, at which hours, and how evenly spaced."""

from __future__ import annotations

from dataclasses import dataclass

import numba as nb
import numpy as np
import numpy.typing as npt

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

Float32s = npt.NDArray[np.float32]
Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Rhythm:
    """One value an account. `hour_entropy` in bits over the 24 UTC hours; `gap_cv` is the standard deviation of the
    gaps between its events over their mean, 0 where there are fewer than two gaps."""

    active_days: Float32s
    hour_entropy: Float32s
    gap_cv: Float32s


def rhythm(account: npt.NDArray[np.int32], occurred_ms: Int64s, accounts: int) -> Rhythm:
    """Rhythm of `accounts` accounts from their events, sorted by account and time."""
    start = np.searchsorted(account, np.arange(accounts + 1)).astype(np.int64)
    days, entropy, cv = _rhythm(start, occurred_ms)
    return Rhythm(days, entropy, cv)


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _rhythm(start: Int64s, occurred_ms: Int64s) -> tuple[Float32s, Float32s, Float32s]:
    accounts = start.size - 1
    days = np.zeros(accounts, np.float32)
    entropy = np.zeros(accounts, np.float32)
    cv = np.zeros(accounts, np.float32)
    for row in range(accounts):
        times = occurred_ms[start[row] : start[row + 1]]
        days[row] = _active_days(times)
        entropy[row] = _hour_entropy(times)
        cv[row] = _gap_cv(times)
    return days, entropy, cv


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _active_days(times: Int64s) -> int:
    days = 0
    last = np.int64(-(2**62))
    for time in times:
        day = time // DAY_MS
        if day != last:
            days += 1
            last = day
    return days


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _hour_entropy(times: Int64s) -> float:
    hours = np.zeros(24, np.int64)
    for time in times:
        hours[(time // HOUR_MS) % 24] += 1
    total = 0.0
    for count in hours:
        if count:
            share = count / times.size
            total -= share * np.log2(share)
    return total


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _gap_cv(times: Int64s) -> float:
    gaps = times.size - 1
    if gaps < 2 or times[-1] == times[0]:
        return 0.0
    mean = (times[-1] - times[0]) / gaps
    squares = 0.0
    for place in range(gaps):
        difference = times[place + 1] - times[place] - mean
        squares += difference * difference
    return float(np.sqrt(squares / gaps) / mean)
