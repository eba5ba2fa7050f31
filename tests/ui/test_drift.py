"""The page of drift: what moved and how far, when it was measured, and what to do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.expected_conditions import title_contains
from selenium.webdriver.support.wait import WebDriverWait
from werkzeug.serving import make_server

from gnn.drift import ACCOUNT_SCORE, CLUSTER_SCORE
from graphsvc.api import create_app
from graphsvc.cases.links import LinkStore
from graphsvc.clusters.results import ResultsReader
from graphsvc.config import Settings
from graphsvc.jobs import drift
from graphsvc.jobs.drift import Comparison, Kept, Moved
from tests.browser import CHROMIUM, DRIVER, FLAGS
from tests.links.worlds import DAY_MS, START_MS
from tests.ui.conftest import Site, site, soup
from tests.ui.world import world_view, write_world

CALM = tuple(Moved(f"own_fact_{n:02d}", round(0.05 - n / 1000, 4), "calm") for n in range(30))


def kept(training: Comparison | None, earlier: Comparison | None, unlike: float = 0.0) -> Kept:
    as_of_ms = START_MS + 3 * DAY_MS
    return Kept(
        as_of_ms=as_of_ms, model_version="gnn-1a2b3c4d", training=training, earlier=earlier, unlike=unlike, past=()
    )


ALARMED = kept(
    Comparison(
        None,
        (
            Moved("own_status_429_share", 1.31, "alarm"),
            Moved(ACCOUNT_SCORE, 0.27, "alarm"),
            Moved("own_few_values", 0.24, "calm"),
            Moved("own_night_share", 0.14, "moved"),
            Moved(CLUSTER_SCORE, 0.02, "calm"),
            *CALM,
        ),
    ),
    Comparison(START_MS + DAY_MS, (Moved("own_night_share", 0.41, "alarm"), Moved(CLUSTER_SCORE, 0.0, "calm"), *CALM)),
    unlike=0.034,
)


def page_of(folder: Path, reader: ResultsReader, found: Kept | None, path: str = "/drift") -> BeautifulSoup:
    folder.mkdir(exist_ok=True)
    answer = site(folder, reader, drift=lambda: found).client().get(path)
    assert answer.status_code == 200
    return soup(answer.text)


def table(page: BeautifulSoup, label: str) -> list[list[str]]:
    found = page.select(f"table[aria-label='{label}'] tbody tr")
    return [[" ".join(cell.get_text(" ").split()) for cell in row.select("th, td")] for row in found]


def test_the_furthest_moved_come_first_and_what_chance_may_do_is_calm(tmp_path: Path, reader: ResultsReader) -> None:
    page = page_of(tmp_path, reader, ALARMED)
    assert table(page, "Drift of scores") == [
        ["Score of accounts", "Alarm 0.27", "–"],
        ["Score of clusters", "Calm 0.02", "Calm 0.00"],
    ]
    features = table(page, "Drift of features")
    assert features[:3] == [
        ["Own status 429 share", "Alarm 1.31", "–"],
        ["Own night share", "Moved 0.14", "Alarm 0.41"],
        ["Own few values", "Calm 0.24", "–"],
    ]
    assert len(features) == 20
    assert "13 more moved less" in page.get_text()


def test_an_alarm_says_when_it_was_measured_and_what_to_do(tmp_path: Path, reader: ResultsReader) -> None:
    page = page_of(tmp_path, reader, ALARMED)
    assert page.select_one("h1").get_text(" ", strip=True) == "Drift Alarm"  # type: ignore[union-attr]
    times = [one["datetime"] for one in page.select("time")]
    assert times == ["2025-06-18T15:06:40Z", "2025-06-16T15:06:40Z"]
    said = " ".join(page.get_text(" ").split())
    assert "What to do now" in said
    assert "Against training: 2 alarms, 1 moved, 32 calm." in said
    assert "UTC: 1 alarm, 0 moved, 31 calm." in said
    assert "3% of accounts" in said


def test_the_queue_warns_only_where_something_alarms(tmp_path: Path, reader: ResultsReader) -> None:
    (warned,) = page_of(tmp_path / "a", reader, ALARMED, "/").select("p.caution")
    assert "3 of the features and scores" in warned.get_text()
    assert [link["href"] for link in warned.select("a")] == ["/drift"]
    moved = kept(Comparison(None, (Moved("own_night_share", 0.14, "moved"),)), None)
    assert not page_of(tmp_path / "b", reader, moved, "/").select("p.caution")
    assert "Keep an eye on it" in page_of(tmp_path / "c", reader, moved).get_text()


def test_what_was_not_compared_is_said(tmp_path: Path, reader: ResultsReader) -> None:
    page = page_of(tmp_path / "a", reader, kept(None, None))
    said = " ".join(page.get_text(" ").split())
    assert "Nothing to do" in said
    assert "keeps no record of what it learnt from" in said
    assert "this is the first one by this model" in said
    assert not page.select("table")
    assert "of accounts" not in said
    assert "Drift was not measured yet" in page_of(tmp_path / "b", reader, None).get_text()


def test_strangers_do_not_see_it(tmp_path: Path, reader: ResultsReader) -> None:
    answer = site(tmp_path, reader, drift=lambda: ALARMED).app.test_client().get("/drift")
    assert (answer.status_code, answer.location) == (303, "/login?next=/drift")


def test_the_service_shows_and_counts_what_the_last_detection_kept(settings: Settings, tmp_path: Path) -> None:
    app = create_app(settings)
    browser = app.test_client()
    browser.get(f"/enter?token={LinkStore(settings.places.cases).create()}")
    assert "Drift was not measured yet" in browser.get("/drift").text
    metrics = browser.get("/metrics").text
    assert "graphsvc_drift_alarms{" not in metrics
    assert "\ngraphsvc_drift_unlike_share" not in metrics, "what was not measured is not nought"
    write_world(world_view(tmp_path / "w"), settings.places.results)
    drift.keep(settings.places, ALARMED)
    assert "Alarm" in soup(browser.get("/drift").text).select_one("h1").get_text()  # type: ignore[union-attr]
    assert "Drift alarm." in browser.get("/").text
    metrics = browser.get("/metrics").text
    assert 'graphsvc_drift_alarms{against="training"} 2.0' in metrics
    assert 'graphsvc_drift_alarms{against="earlier"} 1.0' in metrics
    assert 'graphsvc_drift_psi{against="training",of="own_status_429_share"} 1.31' in metrics
    assert "graphsvc_drift_unlike_share 0.034" in metrics
    (moment,) = [line.split()[1] for line in metrics.splitlines() if line.startswith("graphsvc_drift_as_of_seconds ")]
    assert float(moment) == ALARMED.as_of_ms / 1000
    app.extensions["graphsvc"].close()


@pytest.fixture
def address(tmp_path: Path, reader: ResultsReader) -> Iterator[tuple[str, Site]]:
    made = site(tmp_path, reader, drift=lambda: ALARMED)
    server = make_server("127.0.0.1", 0, made.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed")
@pytest.mark.parametrize("width", [1280, 420])
def test_from_the_warning_to_what_moved_in_a_browser(address: tuple[str, Site], tmp_path: Path, width: int) -> None:
    url, made = address
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(options=options, service=Service(DRIVER)) as browser:
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.get(url)
        browser.find_element(By.ID, "key").send_keys(made.key)
        browser.find_element(By.CSS_SELECTOR, ".door button").click()
        wait = WebDriverWait(browser, 30)
        wait.until(title_contains("Clusters"))
        assert browser.save_screenshot(str(tmp_path / f"warned-{width}.png"))
        browser.find_element(By.PARTIAL_LINK_TEXT, "What moved").click()
        wait.until(title_contains("Drift"))
        assert browser.find_element(By.CSS_SELECTOR, "h1 .state.alarm").is_displayed()
        assert "Own status 429 share" in browser.find_element(By.CSS_SELECTOR, "[aria-label='Drift of features']").text
        assert browser.execute_script("let e = document.documentElement; return e.scrollWidth - e.clientWidth") == 0
        assert browser.save_screenshot(str(tmp_path / f"drift-{width}.png"))
        log = browser.get_log("browser")  # type: ignore[no-untyped-call]
        assert [entry["message"] for entry in log if entry["level"] == "SEVERE"] == []
