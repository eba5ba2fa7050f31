"""Work beside is done when the block is left, and says what failed there."""

from __future__ import annotations

import threading

import pytest

from graphsvc.jobs.beside import Beside


def test_it_is_done_in_order_on_one_other_thread_when_the_block_is_left() -> None:
    done: list[int] = []
    threads: set[int] = set()
    go_on = threading.Event()
    with Beside() as beside:
        beside.do(go_on.wait)
        for number in range(50):
            beside.do(lambda number=number: (done.append(number), threads.add(threading.get_ident())))
        assert not done
        go_on.set()
    assert done == list(range(50))
    assert len(threads) == 1
    assert threads != {threading.get_ident()}


def test_what_fails_there_is_raised_after_the_rest_was_done() -> None:
    done: list[int] = []

    def work() -> None:
        with Beside() as beside:
            beside.do(lambda: 1 // 0)
            beside.do(lambda: done.append(1))

    with pytest.raises(ZeroDivisionError):
        work()
    assert done == [1]


def test_what_fails_in_the_block_comes_first() -> None:
    def work() -> None:
        with Beside() as beside:
            beside.do(lambda: 1 // 0)
            raise KeyError

    with pytest.raises(KeyError):
        work()
