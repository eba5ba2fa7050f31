"""Memory that a job lets go of stays with the process while the job runs, and goes back after it."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from graphsvc.jobs.memory import kept_memory

LARGE = 2**22
"""Numbers of an array that the allocator would else give back at once: 32 MiB."""
glibc = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other C libraries have no such settings")


def faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def made(times: int) -> int:
    """Pages that were asked for anew while as many large arrays were made, one after the other."""
    before = faults()
    for _ in range(times):
        np.zeros(LARGE, np.int64).fill(1)
    return faults() - before


@glibc
def test_arrays_of_a_job_are_made_where_earlier_ones_lay() -> None:
    with kept_memory():
        first = made(1)
        assert made(8) <= first + 8


def made_by_arrow(times: int) -> int:
    before = faults()
    for _ in range(times):
        np.frombuffer(pa.allocate_buffer(8 * LARGE), np.int64).fill(1)
    return faults() - before


@glibc
def test_arrays_of_arrow_are_made_where_earlier_ones_lay() -> None:
    pool = pa.default_memory_pool().backend_name
    with kept_memory():
        first = made_by_arrow(8)
        assert made_by_arrow(8) < first
        assert made_by_arrow(8) <= 8
    assert pa.default_memory_pool().backend_name == pool


@glibc
def test_after_a_job_its_memory_is_given_back() -> None:
    with kept_memory():
        large = [np.ones(LARGE, np.int64) for _ in range(8)]
        held = resident_bytes()
        del large
        assert held - resident_bytes() < LARGE * 8
    assert held - resident_bytes() > 6 * LARGE * 8


def test_a_job_that_fails_says_so() -> None:
    with pytest.raises(ValueError, match="no such"), kept_memory():
        raise ValueError("no such world")
