"""A person's way through the pages in a real browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.expected_conditions import title_contains
from selenium.webdriver.support.wait import WebDriverWait
from werkzeug.serving import make_server

from tests.browser import CHROMIUM, DRIVER, FLAGS
from tests.ui.conftest import Site
from tests.ui.world import FARM

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed")


@pytest.fixture
def address(drawn: Site) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, drawn.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.mark.parametrize("width", [1280, 420])
def test_from_the_form_to_the_evidence(
    browser: webdriver.Chrome, address: str, drawn: Site, tmp_path: Path, width: int
) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(address)
    browser.find_element(By.ID, "key").send_keys(drawn.key)
    browser.find_element(By.CSS_SELECTOR, ".door button").click()
    wait = WebDriverWait(browser, 30)
    wait.until(title_contains("Clusters"))
    assert browser.save_screenshot(str(tmp_path / f"queue-{width}.png"))
    browser.find_element(By.PARTIAL_LINK_TEXT, "Trial farm").click()
    wait.until(title_contains("Trial farm"))
    evidence = browser.find_element(By.CSS_SELECTOR, "ol.evidence")
    assert evidence.is_displayed()
    assert "Payment instrument" in evidence.text
    assert browser.find_element(By.CSS_SELECTOR, "svg.graph circle").size["width"] > 0
    assert browser.execute_script("let e = document.documentElement; return e.scrollWidth - e.clientWidth") == 0
    assert browser.execute_script("return getComputedStyle(document.querySelector('.card')).borderRadius") == "12px"
    assert browser.save_screenshot(str(tmp_path / f"cluster-{width}.png"))
    log = browser.get_log("browser")  # type: ignore[no-untyped-call]
    broken = [entry["message"] for entry in log if entry["level"] == "SEVERE"]
    assert broken == []


@pytest.mark.parametrize("width", [1280, 420])
def test_the_pack_stands_with_its_counter_evidence(
    browser: webdriver.Chrome, address: str, drawn: Site, tmp_path: Path, width: int
) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(f"{address}/login")
    browser.find_element(By.ID, "key").send_keys(drawn.key)
    browser.find_element(By.CSS_SELECTOR, ".door button").click()
    WebDriverWait(browser, 30).until(title_contains("Clusters"))
    browser.get(f"{address}/clusters/{drawn.cluster(FARM[0])}")
    pack = browser.find_element(By.CSS_SELECTOR, "section.pack")
    assert pack.is_displayed()
    links, tried = pack.find_elements(By.CSS_SELECTOR, ".columns > div")
    assert tried.size["width"] >= 0.9 * links.size["width"]
    assert "A household" in tried.text
    assert "First seen as a cluster, of 16 accounts." in browser.find_element(By.CSS_SELECTOR, ".history").text
    assert browser.execute_script("let e = document.documentElement; return e.scrollWidth - e.clientWidth") == 0
    browser.execute_script("arguments[0].scrollIntoView()", pack)
    assert browser.save_screenshot(str(tmp_path / f"pack-{width}.png"))
