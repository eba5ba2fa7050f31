"""The pages as part of the service's own app, over its data folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import flask
import pytest

from graphsvc.api import create_app
from graphsvc.cases.links import LinkStore
from graphsvc.config import Settings
from tests.ui.conftest import soup
from tests.ui.world import world_view, write_world


@pytest.fixture
def app(settings: Settings) -> Iterator[flask.Flask]:
    made = create_app(settings)
    yield made
    made.extensions["graphsvc"].close()


def test_from_a_one_time_link_to_a_cluster(app: flask.Flask, settings: Settings, tmp_path: Path) -> None:
    browser = app.test_client()
    assert browser.get("/").location == "/login"
    browser.get(f"/enter?token={LinkStore(settings.places.cases).create()}")
    assert "Nothing was looked at yet" in browser.get("/").text
    write_world(world_view(tmp_path / "w"), settings.places.results)
    link = soup(browser.get("/").text).select_one("table.queue a")
    assert link is not None
    page = browser.get(str(link["href"]))
    assert page.status_code == 200
    assert "There is no picture now." in page.text


def test_the_reference_shows_the_services_own_calls(app: flask.Flask) -> None:
    page = soup(app.test_client().get("/docs").text)
    assert page.select("#post-v1-risk")
    assert not page.select("[style], script")
    for link in page.select("a[href^='#']"):
        assert page.select(f"[id='{str(link['href'])[1:]}']"), link


def test_the_pages_do_not_stand_in_the_way_of_the_api(app: flask.Flask) -> None:
    browser = app.test_client()
    assert browser.get("/v1/clusters", headers={"Accept": "text/html"}).status_code == 401
    assert browser.get("/healthz").json == {"status": "ok"}
    wrong = browser.get("/v1/events", headers={"Accept": "text/html"})
    assert (wrong.status_code, wrong.mimetype) == (405, "application/problem+json")
