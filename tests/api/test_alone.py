"""One request at a time for a key: among threads, among processes, and after one was killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from graphsvc.api.alone import Alone
from graphsvc.errors import UnderWay

HOLD = """
import sys
from pathlib import Path
from graphsvc.api.alone import Alone
with Alone(Path(sys.argv[1])).enter("a"):
    print("inside", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Alone]:
    made = Alone(tmp_path / "lock")
    yield made
    made.close()


def test_a_second_one_is_told_to_wait_and_others_are_not(alone: Alone) -> None:
    with alone.enter("a"), alone.enter("b"):
        with pytest.raises(UnderWay), alone.enter("a"):
            pass
        with pytest.raises(UnderWay), alone.enter("b"):
            pass
    with alone.enter("a"):
        pass


def test_an_error_inside_lets_the_next_one_in(alone: Alone) -> None:
    with pytest.raises(ZeroDivisionError), alone.enter("a"):
        raise ZeroDivisionError
    with alone.enter("a"):
        pass


def test_other_processes_count_until_they_are_killed(alone: Alone, tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"inside\n"
        with alone.enter("b"):
            pass
        with pytest.raises(UnderWay), alone.enter("a"):
            pass
        other.kill()
    with alone.enter("a"):
        pass
