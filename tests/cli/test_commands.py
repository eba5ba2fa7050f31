"""The command line as a newcomer meets it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from graphsvc.config import Settings

COMMANDS = (
    "demo",
    "up",
    "worker",
    "serve",
    "ingest",
    "fingerprint",
    "detect",
    "explain",
    "train",
    "evaluate",
    "simulate",
    "query",
    "db start",
    "db stop",
    "db status",
    "db shell",
    "db backup",
    "db restore",
    "db rebuild",
    "model list",
    "model show",
    "model compare",
    "model challenge",
    "model promote",
    "model rollback",
    "policy show",
    "policy check",
    "policy test",
    "keys create",
    "keys list",
    "keys revoke",
)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "graphsvc", *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    done = run(*command.split(), "--help")
    assert done.returncode == 0
    assert "Example: " in done.stdout


def test_all_commands_are_listed() -> None:
    listed = run("--help").stdout
    assert [name for name in COMMANDS if name.split()[0] not in listed] == []


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["nothing"], 2, "No such command"),
        (["ingest"], 2, "Nothing to read"),
        (["ingest", "gone.ndjson"], 1, "There is no file gone.ndjson"),
        (["detect"], 1, "no events by that time"),
        (["detect", "--as-of", "yesterday"], 2, "is no RFC 3339 time"),
        (["detect", "--scores", "nowhere/s.csv"], 2, "does not exist"),
        (["train"], 1, "no events by that time"),
        (["train", "--device", "none"], 2, "Invalid value"),
        (["model", "show", "gnn-none"], 1, "There is no model gnn-none"),
        (["model", "compare"], 1, "There is no challenger"),
        (["model", "promote", "shipped"], 1, "There is no model shipped"),
        (["model", "promote", "shipped", "--force"], 2, "--reason"),
        (["model", "rollback"], 1, "No model was in use before"),
        (["query", "biggest", "--param", "nonsense"], 2, ""),
    ],
)
def test_mistakes_are_named_with_their_exit_code(settings: Settings, words: list[str], code: int, says: str) -> None:
    done = run(*words)
    assert (done.returncode, says in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_setting_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHSVC_PORT", "many-secrets")
    done = run("detect")
    assert done.returncode == 2
    assert "GRAPHSVC_PORT" in done.stderr
    assert "many-secrets" not in done.stderr
