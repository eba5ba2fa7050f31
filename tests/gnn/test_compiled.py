"""Machine code on disk is made anew where anything changed that it is made of, and only there."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gnn.compiled import PACKAGES, imported, stamp

ROOT = Path(__file__).parents[2]
ASK = """
import numpy as np
from graphsvc.risk.kernels import ACCOUNT, IDENTIFIER, BaseArrays, links_of

key = np.uint64(7)
accounts = np.zeros(2, ACCOUNT)
accounts["start"][1] = 2
none, rows = np.zeros(0, np.uint64), np.zeros(2, np.int32)
base = BaseArrays(np.array([key]), accounts, rows, none, np.zeros(1, IDENTIFIER), none, none, rows)
print(links_of(base, key), sum(links_of.stats.cache_hits.values()))
"""
"""How many links an account has that has two: `links_of` finds it by a function of another file, and says `ABSENT` of
a third one where it is not there. And how often machine code was found on disk."""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The index's kernels in a folder of their own."""
    kernels = tmp_path / "graphsvc/risk/kernels"
    (tmp_path / "gnn").mkdir()
    shutil.copytree(ROOT / "graphsvc/risk/kernels", kernels, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("graphsvc/__init__.py", "gnn/__init__.py", "gnn/compiled.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "graphsvc/risk/__init__.py").touch()
    return kernels


def asked(kernels: Path, **more: str) -> tuple[int, int]:
    """What a fresh process says: the number of links, and how much machine code it found."""
    unset = ("NUMBA_CACHE_DIR", "NUMBA_CACHE_LOCATOR_CLASSES")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    environment |= {"PYTHONPATH": str(kernels.parents[2]), **more}
    command = [sys.executable, "-c", ASK]
    done = subprocess.run(command, cwd=kernels, env=environment, capture_output=True, text=True, check=True)
    links, found = done.stdout.split()
    return int(links), int(found)


def edit(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert text.count(before) == 1
    path.write_text(text.replace(before, after))


@pytest.mark.parametrize("folder", ["", "cache"])
def test_an_edited_module_counts_at_once_wherever_it_is_taken_from(copy: Path, folder: str) -> None:
    kept = {"NUMBA_CACHE_DIR": str(copy.parent / folder)} if folder else {}
    assert asked(copy, **kept) == (2, 0)
    assert asked(copy, **kept) == (2, 1), "nothing changed"
    edit(copy / "tables.py", "low, high = 0, len(keys) - 1", "low, high = 0, -1")
    assert asked(copy, **kept) == (-1, 0), "a function of another file"
    edit(copy / "layout.py", "ABSENT = -1", "ABSENT = -9")
    assert asked(copy, **kept) == (-9, 0), "a number of a file without any compiled function"
    (copy / "looking.py").write_text((copy / "looking.py").read_text() + "\n# Nothing that others take.\n")
    assert asked(copy, **kept) == (-9, 1), "what it does not rest on changed"


def test_a_stamp_is_that_of_content_and_not_of_the_folder(copy: Path) -> None:
    assert stamp(copy / "links.py") == stamp(ROOT / "graphsvc/risk/kernels/links.py")
    assert stamp(copy / "links.py") != stamp(copy / "tables.py")


def test_all_imports_of_all_modules_are_seen() -> None:
    for path in sorted(one for package in PACKAGES for one in (ROOT / package).rglob("*.py")):
        found = {*imported(path)}
        for node in ast.parse(path.read_text()).body:
            named = [node.module] if isinstance(node, ast.ImportFrom) else []
            named += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in named:
                if name is not None and name.partition(".")[0] in PACKAGES:
                    place = ROOT.joinpath(*name.split("."))
                    assert {place.with_suffix(".py"), place / "__init__.py"} & found, (path, name)
