"""Temporary folders go with those who made them, even with those that were killed."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from graphsvc.links.scratch import Scratch, sweep

PREFIX = "graphsvc-test-"
KILLED = f"""
import os, signal, subprocess, sys
from graphsvc.links.scratch import Scratch
scratch = Scratch({PREFIX!r})
(scratch.path / "kept").write_text("something")
print(scratch.path, flush=True)
if sys.argv[1:] == ["child"]:
    child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], pass_fds=(scratch.handle,),
        stdin=os.dup(0), stdout=subprocess.DEVNULL)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where temporary folders are made."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def killed(*options: str) -> tuple[Path, subprocess.Popen[str]]:
    """A process that made a folder and was killed, and what still listens to its input."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    folder = Path(process.stdout.readline().strip())
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    return folder, process


def test_a_folder_is_there_until_it_is_cleared_away(place: Path) -> None:
    one, other = Scratch(PREFIX), Scratch(PREFIX)
    (one.path / "inside").mkdir()
    assert {one.path, other.path} == {*place.iterdir()}
    one.cleanup()
    one.cleanup()
    assert [*place.iterdir()] == [other.path]
    other.cleanup()


def test_what_a_killed_process_left_goes_with_the_next(place: Path) -> None:
    folder, process = killed()
    assert (folder / "kept").exists()
    new = Scratch(PREFIX)
    assert [*place.iterdir()] == [new.path]
    new.cleanup()
    process.communicate()


def test_it_stays_while_a_child_still_works_in_it(place: Path) -> None:
    folder, process = killed("child")
    sweep(place, PREFIX)
    assert (folder / "kept").exists()
    process.communicate()
    with (folder / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
    sweep(place, PREFIX)
    assert not folder.exists()


def test_what_is_not_ours_stays(place: Path) -> None:
    (place / f"{PREFIX}without-lock").mkdir()
    (place / f"{PREFIX}file").touch()
    (place / "other").mkdir()
    (place / "other" / "lock").touch()
    (place / f"{PREFIX}link").symlink_to(place / "other")
    sweep(place, PREFIX)
    assert len([*place.iterdir()]) == 4
    assert (place / "other" / "lock").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root can give a folder to another user.")
def test_another_users_folder_stays(place: Path) -> None:
    theirs = place / f"{PREFIX}theirs"
    theirs.mkdir()
    (theirs / "lock").touch()
    os.chown(theirs, 12345, 12345)
    sweep(place, PREFIX)
    assert theirs.exists()
