"""The same seed gives the same bytes: in every process, in any number of processes, packed or not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

SCRIPT = """
import sys
from pathlib import Path
import msgspec
from graphsvc.simulate import load_world, simulate
if __name__ == "__main__":
    out, seed, processes, packed = sys.argv[1:]
    spec = msgspec.structs.replace(load_world("poisoned"), accounts=200, requests=4.0, seed=int(seed))
    simulate(spec, Path(out), processes=int(processes), compressed=packed == "1")
"""


def run(
    folder: Path, seed: int = 5, hash_seed: str = "1", processes: int = 1, packed: bool = False
) -> dict[str, bytes]:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    arguments = [str(folder), str(seed), str(processes), str(int(packed))]
    subprocess.run([sys.executable, "-c", SCRIPT, *arguments], check=True, env=environment)
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return run(tmp_path_factory.mktemp("one"))


def test_the_hash_seed_changes_nothing(made: dict[str, bytes], tmp_path: Path) -> None:
    assert made == run(tmp_path, hash_seed="2")


def test_neither_processes_nor_packing_change_anything(made: dict[str, bytes], tmp_path: Path) -> None:
    files = run(tmp_path, hash_seed="random", processes=3, packed=True)
    with zstandard.ZstdDecompressor().stream_reader(files.pop("events.ndjson.zst"), read_across_frames=True) as reader:
        assert {**files, "events.ndjson": reader.read()} == made


def test_workers_end_with_the_process_that_began_them(tmp_path: Path) -> None:
    script = SCRIPT.replace("compressed=packed", "progress=print, compressed=packed").replace(
        "accounts=200", "accounts=2000"
    )
    arguments = [str(tmp_path), "5", "2", "0"]
    with subprocess.Popen([sys.executable, "-u", "-c", script, *arguments], stdout=subprocess.PIPE) as making:
        assert making.stdout is not None
        assert making.stdout.readline().startswith(b"accounts")
        making.kill()
        # The pipe ends when the last of those who hold it has ended: the workers have it from their parent.
        making.stdout.read()


def test_another_seed_is_another_world(made: dict[str, bytes], tmp_path: Path) -> None:
    other = run(tmp_path, seed=6)
    assert made.keys() == other.keys() == {"events.ndjson", "labels.ndjson", "truth.csv", "world.json"}
    assert all(made[name] != other[name] for name in made)
