"""An app with the pages over the results of a hand-made world, with real keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import flask
import pytest
from bs4 import BeautifulSoup
from flask.testing import FlaskClient

from graphsvc import ui
from graphsvc.api import problems, traffic
from graphsvc.cases.decisions import DecisionStore
from graphsvc.cases.keys import KeyStore
from graphsvc.cases.shown import DecisionReader
from graphsvc.clusters.results import ResultsReader
from graphsvc.config import load_settings
from graphsvc.graph.connection import connect
from graphsvc.graph.picture import ClusterGraph
from graphsvc.jobs.drift import Kept
from tests.ui.document import DOCUMENT
from tests.ui.world import picture_of, world_view, write_world

TOKEN = "one-time-token"


@dataclass(frozen=True)
class Site:
    """An app with its stores, and a key that may read."""

    app: flask.Flask
    reader: ResultsReader
    keys: KeyStore
    decisions: DecisionStore
    key: str

    def client(self) -> FlaskClient:
        """A browser that is signed in."""
        browser = self.app.test_client()
        assert browser.post("/login", data={"key": self.key}).status_code == 303
        return browser

    def cluster(self, account: str) -> str:
        found = self.reader.account(account).cluster_id
        assert found is not None
        return found


def no_graph(cluster_id: str, most: int) -> ClusterGraph:
    connect(load_settings(neo4j_uri="off"), start=False)
    raise AssertionError("without a database there is an error before this")


def no_drift() -> Kept | None:
    return None


def site(
    folder: Path,
    reader: ResultsReader,
    graph: Callable[[str, int], ClusterGraph] = no_graph,
    drift: Callable[[], Kept | None] = no_drift,
) -> Site:
    keys, tokens = KeyStore(folder / "cases.sqlite"), {TOKEN}

    def check_token(token: str) -> bool:
        good = token in tokens
        tokens.discard(token)
        return good

    app = flask.Flask("pages", static_folder=None)
    problems.init_app(app)
    traffic.init_app(app)
    decisions = DecisionReader(DecisionStore(folder / "cases.sqlite"), keys)
    parts = ui.Parts(reader, graph, keys.check, check_token, lambda: DOCUMENT, decisions, drift)
    app.register_blueprint(ui.blueprint(parts))
    return Site(app, reader, keys, decisions.store, keys.create("analyst", ["read"]))


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> ResultsReader:
    folder = tmp_path_factory.mktemp("pages")
    return write_world(world_view(folder / "w"), folder / "results.sqlite")


@pytest.fixture
def pages(tmp_path: Path, reader: ResultsReader) -> Site:
    """The pages of a service without a graph database."""
    return site(tmp_path, reader)


@pytest.fixture
def drawn(tmp_path: Path, reader: ResultsReader) -> Site:
    """The pages of a service that gives pictures."""
    return site(tmp_path, reader, lambda cluster_id, most: picture_of(reader, cluster_id, most))


def soup(text: str) -> BeautifulSoup:
    return BeautifulSoup(text, "html.parser")
