"""`graphsvc evaluate`: its figures on a terminal, as JSON and as a page; mistakes are named with their exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from graphsvc.config import Settings, load_settings
from graphsvc.jobs.ingest import ingest_events
from tests.known_world import known_world


@dataclass(frozen=True)
class Folder:
    """A data folder with events, and beside it the truth in two columns."""

    data: Path
    truth: Path

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "graphsvc", "evaluate", *words]
        own = {"GRAPHSVC_DATA": str(self.data), "GRAPHSVC_NEO4J_URI": "off", "OMP_NUM_THREADS": "1"}
        return subprocess.run(command, capture_output=True, text=True, check=False, env=own)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    place, world = tmp_path_factory.mktemp("evaluate"), known_world()
    settings: Settings = load_settings(data=place / "data", neo4j_uri="off")
    ingest_events(settings, world.write(place / "events.ndjson"))
    rows = [f"{account},{str('ring' in name).lower()}\n" for name, group in world.groups.items() for account in group]
    (place / "truth.csv").write_text("account_id,abusive\n" + "".join(rows))
    return Folder(place / "data", place / "truth.csv")


@pytest.fixture(scope="module")
def found(folder: Folder) -> subprocess.CompletedProcess[str]:
    page = folder.truth.parent / "report.html"
    return folder.run("--truth", str(folder.truth), "--looks", "2", "--budget", "50", "--report", str(page), "--json")


def test_json_has_all_figures_and_null_where_there_is_none(found: subprocess.CompletedProcess[str]) -> None:
    report = json.loads(found.stdout)
    assert found.returncode == 0, found.stderr
    assert report["command"].startswith("graphsvc evaluate --truth ")
    (one,) = report["evaluations"]
    assert (one["judged_by"], one["accounts"]["budget"], one["accounts"]["abusive"]) == ("truth file", 50, 90)
    assert one["accounts"]["auroc"]["low"] <= one["accounts"]["auroc"]["value"] <= one["accounts"]["auroc"]["high"]
    assert one["clusters"]["ring_recall"] == {"value": None, "low": None, "high": None}
    assert [group["group"] for group in one["innocents"]] == ["all"]
    assert [method["name"] for method in one["methods"]] == ["shipped", "trees", "network", "rules"]
    assert report["evasion"] == []


def test_the_page_is_written(folder: Folder, found: subprocess.CompletedProcess[str]) -> None:
    assert found.returncode == 0
    assert "<svg" in (folder.truth.parent / "report.html").read_text(encoding="utf-8")


def test_people_see_a_table(folder: Folder) -> None:
    done = folder.run("--truth", str(folder.truth), "--looks", "1", "--ablations")
    assert done.returncode == 0, done.stderr
    assert "Only 0 labels" in done.stdout
    assert "Nothing says who is behind 90 abusive accounts" in done.stdout
    for part in ("judged by truth file", "average precision", "rings found", "innocents accused", "+24 h", "rules"):
        assert part in done.stdout
    assert "nan" not in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--truth", "gone.csv"], 1, "gone.csv cannot be read: No such file"),
        (["--truth", "{truth}", "--as-of", "2001-01-01"], 1, "no events by that time"),
        ([], 1, "tell of 0 abusive and 0 innocent accounts"),
        (["--report", "nowhere/r.html"], 2, "The folder of r.html does not exist"),
        (["--evasion"], 2, "are for worlds"),
        (["--seeds", "4"], 2, "are for worlds"),
        (["--worlds", "plain", "--truth", "{truth}"], 2, "bring their own truth"),
        (["--worlds", "plain", "--seeds", "one"], 2, "--seeds are whole numbers"),
        (["--worlds", "nowhere"], 2, "There is no such world"),
        (["--looks", "0"], 2, "--looks"),
    ],
)
def test_mistakes_are_named(folder: Folder, words: list[str], code: int, says: str) -> None:
    done = folder.run(*(word.replace("{truth}", str(folder.truth)) for word in words))
    assert (done.returncode, says in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr


def test_worlds_are_made_and_judged(folder: Folder) -> None:
    small = ["--accounts", "200", "--days", "8", "--looks", "2"]
    done = folder.run("--worlds", "quiet", "--seeds", "3", *small, "--json")
    assert done.returncode == 0, done.stderr
    (one,) = json.loads(done.stdout)["evaluations"]
    assert one["name"] == "quiet 3"
    assert one["accounts"]["abusive"] == 0
    assert one["accounts"]["auroc"]["value"] is None
