"""A real server over a small known world, reached through its socket."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from graphsvc.cases.keys import KeyStore
from graphsvc.config import Settings, load_settings
from graphsvc.jobs.detect import detect
from graphsvc.jobs.ingest import ingest_events, ingest_labels
from tests.known_world import START, World, known_world

READY_WITHIN_S = 90


@dataclass(frozen=True)
class Served:
    """A running server, its data folder, a client with a key for everything, and the world it knows."""

    url: str
    settings: Settings
    client: httpx.Client
    world: World
    process: subprocess.Popen[bytes]

    def key(self, *scopes: str) -> dict[str, str]:
        """Headers with a new key of these scopes."""
        return {"Authorization": f"Bearer {KeyStore(self.settings.places.cases).create('test', scopes)}"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(settings: Settings, world: World) -> Iterator[Served]:
    """Runs `graphsvc serve` on a data folder as a process of its own."""
    port = free_port()
    environment = {
        **os.environ,
        "GRAPHSVC_DATA": str(settings.places.root),
        "GRAPHSVC_NEO4J_URI": settings.neo4j_uri or "",
    }
    environment = {name: value for name, value in environment.items() if value}
    key = KeyStore(settings.places.create().cases).create("test")
    command = [sys.executable, "-m", "graphsvc", "serve", "--port", str(port)]
    process = subprocess.Popen(command, env=environment)
    url = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as client:
            wait_ready(client, process)
            yield Served(url, settings, client, world, process)
    finally:
        process.terminate()
        process.wait(30)


def wait_ready(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended by itself"
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise AssertionError("the server was not ready in time")


def prepared(folder: Path, uri: str | None = "off") -> tuple[Settings, World]:
    """A data folder with the known world, a few labels and a detection."""
    settings = load_settings(data=folder / "data", neo4j_uri=uri)
    world = known_world()
    ingest_events(settings, world.write(folder / "events.ndjson"))
    known = [
        {"account_id": account, "verdict": "abusive", "kind": "trial_farm"}
        for account in world.groups["ring_cards"][:3]
    ]
    known += [{"account_id": world.groups["campus"][0], "verdict": "benign", "kind": "shared_network"}]
    facts = {"decided_at": START.isoformat(), "source": "review"}
    (folder / "labels.ndjson").write_text("".join(json.dumps(label | facts) + "\n" for label in known))
    ingest_labels(settings, str(folder / "labels.ndjson"))
    detect(settings, None, lambda step, share: None)
    return settings, world


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The server that most tests share, without a graph database."""
    with served(*prepared(tmp_path_factory.mktemp("api"))) as running:
        yield running
