"""Several processes that answer as one, through their sockets; and what is left when one of them is killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from graphsvc.cases.assessments import AssessmentRow, AssessmentStore
from graphsvc.cases.keys import KeyStore
from graphsvc.config import Settings
from graphsvc.events.record import Record
from graphsvc.ledger import open_ledger
from graphsvc.risk.spool import SUFFIX, Entry, Peers, Spool, read
from graphsvc.risk.writer import Writer
from tests.api.conftest import free_port
from tests.risk.conftest import Deployment, wait_for
from tests.risk.test_risk_recording import write_lock


class Servers:
    """`graphsvc serve` twice, a process each, over one data folder: which of them answers is known by its port."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._key = KeyStore(settings.places.create().cases).create("test")
        self._clients: list[httpx.Client] = []
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        port = free_port()
        environment = {**os.environ, "GRAPHSVC_DATA": str(self._settings.places.root), "GRAPHSVC_NEO4J_URI": "off"}
        command = [sys.executable, "-m", "graphsvc", "serve", "--port", str(port), "--workers", "1"]
        self.processes.append(subprocess.Popen(command, env=environment))
        headers = {"Authorization": f"Bearer {self._key}"}
        self._clients.append(httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30))

    def wait(self) -> None:
        for place in range(len(self._clients)):
            wait_for(lambda place=place: self._ready(place), 90.0)

    def risk(self, place: int, **body: Any) -> dict[str, Any]:
        answer = self._clients[place].post("/v1/risk", json=body)
        assert answer.status_code == 200
        return dict(answer.json())

    def worker_of(self, place: int) -> int:
        pid = self.processes[place].pid
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])

    def stop(self) -> None:
        for client in self._clients:
            client.close()
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(30)

    def _ready(self, place: int) -> bool:
        assert self.processes[place].poll() is None, "the server ended by itself"
        try:
            return self._clients[place].get("/readyz").status_code == 200
        except httpx.TransportError:
            return False


@pytest.fixture
def servers(deployment: Deployment) -> Iterator[Servers]:
    deployment.ingest([deployment.pays(f"old{place}", "card") for place in range(3)])
    made = Servers(deployment.settings)
    made.start()
    made.start()
    made.wait()
    yield made
    made.stop()


def test_several_agree_and_what_one_answered_outlives_its_kill(deployment: Deployment, servers: Servers) -> None:
    first, second = (servers.risk(place, event=deployment.pays("x", "card"), record=False) for place in (0, 1))
    assert first["reasons"] == second["reasons"]
    assert first["reasons"][0]["shared_with"] == 3
    assert first["probability"] == second["probability"]

    def shared_by(place: int) -> int:
        return int(servers.risk(place, event=deployment.pays("x", "card"), record=False)["reasons"][0]["shared_with"])

    servers.risk(0, event=deployment.pays("new1", "card"))
    assert shared_by(0) == 4
    wait_for(lambda: shared_by(1) == 4)
    wait_for(lambda: deployment.ledger.offset() == 4)
    # While nobody can write to the ledger they go on, and still count for each other.
    with write_lock(deployment.settings.places.ledger):
        told = servers.risk(0, event=deployment.pays("new2", "card"))
        assert shared_by(0) == 5
        wait_for(lambda: shared_by(1) == 5)
        assert deployment.ledger.offset() == 4
        os.kill(servers.worker_of(0), signal.SIGKILL)
    wait_for(lambda: deployment.ledger.offset() == 5, 60.0)
    assert [one.record.account_id for one in deployment.ledger.read(3, 9)] == ["new1", "new2"]
    store = AssessmentStore(deployment.settings.places.cases)
    assert re.fullmatch("as_[0-9a-f]{24}", told["assessment_id"])
    assert store.find(told["assessment_id"]).account_id == "new2"
    servers.wait()
    assert [shared_by(0), shared_by(1)] == [5, 5]


def entry(name: str) -> Entry:
    row = AssessmentRow(f"as_{name}", "a", "login", 0.5, "medium", "review", "m", "1", "", 2**41)
    return Entry(row, Record(name, "login", "a", 1, 0), b"digest".ljust(16), 0.25)


def test_the_dead_are_inherited_once_and_the_living_are_not(tmp_path: Path) -> None:
    one, other = Spool(tmp_path), Spool(tmp_path)
    segment = one.add(entry("e1"))
    assert list(other.take_over()) == []
    peers = Peers(other)
    assert peers.news() == [entry("e1")]
    one.add(entry("e2"))
    assert peers.news() == [entry("e2")]
    assert peers.news() == []
    peers.again()
    assert peers.news() == [entry("e1"), entry("e2")]
    one.kept(segment, 1)
    one.close()
    ((inherited, entries),) = other.take_over()
    assert entries == [entry("e1"), entry("e2")]
    assert list(Spool(tmp_path).take_over()) == []
    other.kept(inherited, 2)
    assert list(tmp_path.iterdir()) == []


def test_an_entry_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for name in ("e1", "e2"):
        spool.add(entry(name))
    spool.flush()
    (path,) = tmp_path.glob(f"*{SUFFIX}")
    whole = path.read_bytes()
    for end in range(len(whole) // 2 + 1, len(whole), 7):
        (tmp_path / "cut").write_bytes(whole[:end])
        entries, place = read(tmp_path / "cut", 0)
        assert (entries, place) == ([entry("e1")], len(whole) // 2)
    spool.close()


def test_what_was_kept_before_a_kill_is_kept_once(deployment: Deployment) -> None:
    """Killed between the ledger and the end of the file, the next process offers all of it again."""
    places = deployment.settings.places
    spool = Spool(places.risk / "spool")
    for name in ("e1", "e2"):
        spool.add(entry(name))
    draft = entry("e1").draft
    assert draft is not None
    deployment.ledger.append([draft])
    spool.close()
    with closing(open_ledger(deployment.settings)) as ledger:
        writer = Writer(Spool(places.risk / "spool"), ledger, AssessmentStore(places.cases))
        writer.take_over()
        assert len(writer) == 2
        writer.stop()
    assert [one.record.event_id for one in deployment.ledger.read(0, 9)] == ["e1", "e2"]
    assert list((places.risk / "spool").iterdir()) == []
