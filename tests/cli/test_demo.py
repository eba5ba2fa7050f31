"""The demo itself: a world, its clusters with evidence, the graph database, the service and its first page."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from graphsvc.config import load_settings
from graphsvc.graph import embedded
from tests.api.conftest import free_port

ACCOUNTS = 800
READY_WITHIN_S = 400


def wait_ready(url: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        assert process.poll() is None, "the demo ended before it served"
        try:
            if httpx.get(f"{url}/healthz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.3)
    raise AssertionError("the demo did not serve in time")


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    names = ("GRAPHSVC_NEO4J_URI", "GRAPHSVC_NEO4J_PASSWORD", "GRAPHSVC_CONFIG")
    kept = {name: value for name, value in os.environ.items() if name not in names}
    yield kept | {"GRAPHSVC_DATA": str(tmp_path / "demo")}
    embedded.stop(load_settings(data=tmp_path / "demo", neo4j_uri=None))


@pytest.mark.xdist_group("demo")
def test_the_demo_finds_serves_and_stops_cleanly(environment: dict[str, str], tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "graphsvc", "demo", "--accounts", str(ACCOUNTS), "--port", str(port)]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT, text=True)
    try:
        wait_ready(url, process)
        printed = (tmp_path / "log").read_text()
        link = re.search(rf"{url}/\S*", printed)
        assert link is not None
        with httpx.Client(follow_redirects=True) as browser:
            page = browser.get(link[0])
        assert page.status_code == 200
        assert "cluster" in page.text.lower()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
    assert re.search(rf"{ACCOUNTS} accounts scored", printed)
    assert re.search(r"c\w+ +(distillation|resale_relay|trial_farm|stolen_account|other_abuse) +\d+\.\d%", printed)
    assert printed.count(" bits.") >= 3
    assert not embedded.status(load_settings(data=tmp_path / "demo", neo4j_uri=None)).running


@pytest.mark.xdist_group("demo")
def test_without_a_graph_database_the_demo_still_works_and_says_so(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "graphsvc", "demo", "--accounts", "400", "--no-serve"]
    done = subprocess.run(
        command, env=environment | {"GRAPHSVC_NEO4J_URI": "off"}, capture_output=True, text=True, check=True
    )
    assert "400 accounts scored" in done.stdout
    assert "graph database is missing" in done.stderr
