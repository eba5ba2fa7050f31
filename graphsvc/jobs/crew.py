"""Processes that work for another one end with it, however it ends.

A process that is killed cannot stop those that work for it: they would wait for work for ever, with what it had open.
"""

from __future__ import annotations

import os
import threading
from multiprocessing import parent_process
from multiprocessing.process import BaseProcess


def end_with_parent() -> None:
    """To be called once in each process of a pool: it ends as soon as the one that started it is gone."""
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
