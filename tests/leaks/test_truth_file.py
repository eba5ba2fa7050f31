"""Truth files are opened by evaluation alone: seen by a hook in every process of every command, and by commands that do
not mind a truth file that nobody could read."""

from __future__ import annotations

import ast
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer

from graphsvc.cli import app
from tests.leaks.conftest import Made
from tests.leaks.judged import KEY, deployment

pytestmark = pytest.mark.xdist_group("leaks_truth")

HERE = Path(__file__).parent
WITHIN_S = 120.0
SOURCE = HERE.parents[1]
CHAIN = """
import json, os, sys
from graphsvc.cli import app
from graphsvc.errors import GraphsvcError
for folder, *words in json.loads(sys.argv[1]):
    os.chdir(folder)
    os.environ["GRAPHSVC_DATA"] = folder + "/data"
    with open(os.environ["TRUTH_OPENED"], "a") as opened:
        opened.write("> " + folder + " " + words[0] + "\\n")
    try:
        code = app(words, standalone_mode=False) or 0
    except GraphsvcError as error:
        code = error.exit_code
    except SystemExit as error:
        code = error.code
    print("exit", folder, words[0], code, flush=True)
"""
"""Commands one after another in one process, each in its folder: loading the model's libraries takes longer than all."""

STARTED = {"serve", "up", "worker", "demo"}
"""Commands that go on until they are stopped; `serve`, `worker` and `demo --no-serve` stand for them all: `up` runs the
first two."""
NO_DATA = {"fingerprint", "db"}
"""Commands that read no log: prompts from a file of their own, and the database server's process."""


@dataclass(frozen=True)
class Done:
    """How a command ended, and who opened a truth file meanwhile."""

    code: int
    opened: frozenset[str]


class Ground:
    """A folder for data beside a world, and commands in watched processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.opened = folder / "opened"
        given = {"GRAPHSVC_DATA": str(folder / "data"), "GRAPHSVC_NEO4J_URI": "off", "GRAPHSVC_TOKEN_KEY": KEY}
        watched = {"PYTHONPATH": str(HERE / "watch"), "TRUTH_OPENED": str(self.opened)}
        self.environment = {**os.environ, **given, **watched, "TMPDIR": str(folder)}

    def run(self, *commands: list[str]) -> dict[tuple[str, str], Done]:
        """What came of each command, by the names of its folder and itself. A command begins with its folder."""
        words = [sys.executable, "-c", CHAIN, json.dumps(commands)]
        done = subprocess.run(words, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        codes = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("exit ")]
        assert len(codes) == len(commands), done.stderr
        opened: dict[str, set[str]] = {}
        for line in self.opened.read_text().splitlines():
            if line.startswith("> "):
                who = opened.setdefault(line[2:], set())
            else:
                who.add(line)
        return {(Path(at).name, name): Done(int(code), frozenset(opened[f"{at} {name}"])) for at, name, code in codes}

    def run_until(self, true: Callable[[], bool], *words: str) -> None:
        """Lets a command that goes on by itself run until it is so, and stops it."""
        command = [sys.executable, "-m", "graphsvc", *words]
        with (self.folder / "said").open("wb") as said:
            process = subprocess.Popen(command, env=self.environment, cwd=self.folder, stdout=said, stderr=said)
        end_s = time.monotonic() + WITHIN_S
        try:
            while not true():
                assert process.poll() is None, (self.folder / "said").read_text()
                assert time.monotonic() < end_s, "it did not come about in time"
                time.sleep(0.05)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(WITHIN_S)

    def who(self) -> set[str]:
        return set(self.opened.read_text().splitlines()) if self.opened.exists() else set()


@pytest.fixture
def ground(made: Made, tmp_path: Path) -> Ground:
    for name in ("world", "poisoned"):
        shutil.copytree(made.folder, tmp_path / name)
        (tmp_path / name / "table.csv").write_text("customer,email\na1,one@example.com\na2,two@example.com\n")
    (tmp_path / "shown").mkdir()
    (tmp_path / "poisoned" / "truth.csv").unlink()
    (tmp_path / "poisoned" / "truth.csv").mkdir()
    return Ground(tmp_path)


def test_evaluate_alone_reads_the_truth(ground: Ground) -> None:
    """In the poisoned folder the truth is one that no reader could open, not even one below Python: a folder. There
    evaluate fails, and nothing else."""
    world, poisoned, shown = (str(ground.folder / name) for name in ("world", "poisoned", "shown"))
    done = ground.run(
        [world, "ingest", "events.ndjson", "--labels", "labels.ndjson"],
        [world, "detect", "--scores", "s.csv", "--clusters", "c.csv"],
        [world, "simulate", "other", "--accounts", "60", "--days", "3"],
        [world, "train", "--simulated", "--worlds", "plain", "--seeds", "1", "--accounts", "200", "--days", "7"],
        [world, "query", "biggest"],
        [world, "model", "list"],
        [world, "policy", "show"],
        [world, "import", "table.csv", "--infer"],
        [world, "keys", "create", "somebody"],
        [shown, "demo", "--no-serve", "--accounts", "200"],
        [world, "evaluate", "--truth", "truth.csv", "--json"],
        [poisoned, "ingest", "events.ndjson", "--labels", "labels.ndjson"],
        [poisoned, "detect", "--scores", "s.csv", "--clusters", "c.csv"],
        [poisoned, "train"],
        [poisoned, "evaluate", "--truth", "truth.csv"],
    )
    failed = {command for command, one in done.items() if one.code != 0}
    assert failed - {("world", "query")} == {("poisoned", "evaluate")}
    opened = {command: set(one.opened) for command, one in done.items() if one.opened}
    makers = (("world", "simulate"), ("world", "train"), ("shown", "demo"))
    written = {maker: {"simulator writes"} for maker in makers}
    read = {(folder, "evaluate"): {"evaluation reads"} for folder in ("world", "poisoned")}
    assert opened == written | read


def test_the_service_does_not_read_it(ground: Ground) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ground.run_until(lambda: answers(port), "serve", "--port", str(port))
    assert not ground.opened.exists()


def test_the_worker_does_not_read_it(made: Made, ground: Ground) -> None:
    deployment(ground.folder, made.log)
    ground.run_until((ground.folder / "data" / "results.sqlite").exists, "worker")
    assert not ground.opened.exists()


@pytest.mark.parametrize(
    "script", ["open('truth.csv')", "open('truth.csv', 'w')", "import os; os.open(b'truth.csv', 0)"]
)
@pytest.mark.parametrize("child", ["{}", "import os; os.fork() or [{}]"])
def test_whoever_else_opens_one_is_seen(ground: Ground, script: str, child: str) -> None:
    """Without this the tests above would hold of a hook that sees nothing."""
    code = child.format(f"exec({script!r})")
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, env=ground.environment, cwd=ground.folder / "world", capture_output=True, check=False
    )
    assert b"outside of evaluation" in done.stderr
    assert ground.opened.read_text().startswith("nobody ")


def test_every_command_is_watched() -> None:
    """A new command belongs into one of the tests above."""
    names = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}
    names |= {group.name or "" for group in app.registered_groups}
    assert isinstance(app, typer.Typer)
    learning = {"ingest", "import", "detect", "simulate", "train", "model", "evaluate", "explain"}
    assert names == learning | {"query", "keys", "policy"} | STARTED | NO_DATA


def test_only_evaluation_knows_the_name_of_the_file() -> None:
    """The simulator writes it; no other module names it outside of what it tells its reader."""
    naming = {
        path.relative_to(SOURCE).as_posix()
        for package in ("graphsvc", "gnn")
        for path in sorted((SOURCE / package).rglob("*.py"))
        if any("truth.csv" in text for text in texts(ast.parse(path.read_text(encoding="utf-8"))))
    }
    assert {name for name in naming if not name.startswith(("graphsvc/evaluation/", "graphsvc/simulate/"))} <= {
        "graphsvc/cli/evaluate.py"
    }


def test_only_evaluation_and_its_commands_import_it() -> None:
    """`model` compares models by labels, with the figures of evaluation and without a truth file."""
    importing = {
        path.relative_to(SOURCE).as_posix()
        for package in ("graphsvc", "gnn")
        for path in sorted((SOURCE / package).rglob("*.py"))
        if any(name.startswith("graphsvc.evaluation") for name in imports(ast.parse(path.read_text(encoding="utf-8"))))
    }
    assert {name for name in importing if not name.startswith("graphsvc/evaluation/")} <= {
        "graphsvc/cli/evaluate.py",
        "graphsvc/cli/model.py",
    }


def texts(tree: ast.Module) -> list[str]:
    """String constants that are not docstrings."""
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told
    ]


def imports(tree: ast.Module) -> list[str]:
    nodes = list(ast.walk(tree))
    plain = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    return plain + [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
