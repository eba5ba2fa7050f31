"""The same seed gives the same bytes, in every process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
from pathlib import Path
import msgspec
from graphsvc.simulate import load_world, simulate
spec = msgspec.structs.replace(load_world("plain"), accounts=200, requests=4.0, seed=int(sys.argv[2]))
simulate(spec, Path(sys.argv[1]))
"""


def run(folder: Path, seed: int, hash_seed: str) -> dict[str, bytes]:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    subprocess.run([sys.executable, "-c", SCRIPT, str(folder), str(seed)], check=True, env=environment)
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def test_the_hash_seed_changes_nothing(tmp_path: Path) -> None:
    assert run(tmp_path / "one", 5, "1") == run(tmp_path / "two", 5, "2")


def test_another_seed_is_another_world(tmp_path: Path) -> None:
    one, two = run(tmp_path / "one", 5, "1"), run(tmp_path / "two", 6, "1")
    assert one.keys() == two.keys() == {"events.ndjson", "labels.ndjson", "truth.csv", "world.json"}
    assert all(one[name] != two[name] for name in one)
