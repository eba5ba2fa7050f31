"""Who gives way to whom on a busy machine: answers come before all that can wait."""

from __future__ import annotations

import os


def give_way() -> None:
    """This thread and all that it starts run where others leave time: the scheduler takes a core from them at once
    when somebody who answers wakes (SCHED_IDLE, or the lowest of ordinary priorities where there is none)."""
    try:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    except (AttributeError, OSError):
        os.nice(19)
