"""The report in a real browser without a network: nothing fails, everything has a size, nothing sticks out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from graphsvc.evaluation.report import write_report
from tests.browser import CHROMIUM, DRIVER, FLAGS
from tests.evaluation import report_factory as made_up

OFFLINE = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
SIZES = """
return [...document.querySelectorAll("svg.chart")].map(chart => {
  const box = chart.getBoundingClientRect();
  return [box.width, box.height];
});
"""
OUTSIDE = """
return [...document.querySelectorAll("svg.chart")].flatMap(chart => {
  const frame = chart.getBoundingClientRect();
  return [...chart.querySelectorAll("text")].filter(text => {
    const box = text.getBoundingClientRect();
    return box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1;
  }).map(text => text.textContent);
});
"""
CONTRASTS = """
const light = colour => {
  const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map(part => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = element => {
  const colour = getComputedStyle(element).backgroundColor;
  return colour.endsWith(", 0)") ? ground(element.parentElement) : colour;
};
const found = new Set();
for (const element of document.querySelectorAll("h1, h2, h3, h4, p, a, li, span, dt, dd, th, td, code, caption, summary, figcaption, svg text")) {
  const style = getComputedStyle(element);
  const text = light(element.closest("svg") ? style.fill : style.color), behind = light(ground(element));
  const contrast = (Math.max(text, behind) + 0.05) / (Math.min(text, behind) + 0.05);
  if (contrast < 4.5) found.add(`${element.tagName} ${element.getAttribute("class")} ${contrast.toFixed(2)}`);
}
return [...found];
"""
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('browser') / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.execute_cdp_cmd("Network.enable", {})
    driver.execute_cdp_cmd("Network.emulateNetworkConditions", OFFLINE)
    yield driver
    driver.quit()


@pytest.fixture(scope="module", params=["one log", "many worlds"])
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_report(path, made_up.one_log() if request.param == "one log" else made_up.many_worlds())
    return path.as_uri()


@pytest.mark.parametrize("shade", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 380])
def test_the_page_is_whole(browser: webdriver.Chrome, address: str, tmp_path: Path, width: int, shade: str) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    wanted = {"features": [{"name": "prefers-color-scheme", "value": shade}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", wanted)
    browser.get(address)
    assert browser.save_screenshot(str(tmp_path / f"report-{width}-{shade}.png"))
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    sizes = browser.execute_script(SIZES)
    assert len(sizes) > 10
    assert all(wide > 250 and high > 50 for wide, high in sizes)
    assert browser.execute_script(OUTSIDE) == []
    assert browser.execute_script(CONTRASTS) == []
    log = browser.get_log("browser")  # type: ignore[no-untyped-call]
    assert [entry["message"] for entry in log if entry["level"] == "SEVERE"] == []
