"""Loaded by every Python process that has this folder on its path: notes who opens a truth file, and stops whoever may
not.

Only evaluation may read one; the simulator writes it. Children inherit the environment, and forks the hook.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

READERS = "graphsvc.evaluation"
WRITERS = "graphsvc.simulate"


def modules() -> Iterator[str]:
    frame = sys._getframe(2)
    while frame is not None:
        yield str(frame.f_globals.get("__name__", ""))
        frame = frame.f_back


def within(package: str) -> bool:
    return any(name == package or name.startswith(package + ".") for name in modules())


def watch(event: str, arguments: tuple[object, ...]) -> None:
    if event != "open" or not isinstance(arguments[0], str | bytes | os.PathLike):
        return
    if Path(os.fsdecode(arguments[0])).name != "truth.csv":
        return
    mode, flags = arguments[1], arguments[2]
    writes = "w" in mode if isinstance(mode, str) else bool(int(str(flags)) & os.O_WRONLY)
    who = "evaluation" if within(READERS) else "simulator" if writes and within(WRITERS) else "nobody"
    note = os.open(os.environ["TRUTH_OPENED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(note, f"{who} {'writes' if writes else 'reads'}\n".encode())
    os.close(note)
    if who == "nobody":
        raise PermissionError("A truth file was opened outside of evaluation.")


if "TRUTH_OPENED" in os.environ:
    sys.addaudithook(watch)
