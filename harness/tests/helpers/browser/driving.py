"""Starts the system's Chromium, and asks it what a reader would see."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.tests.helpers.imports import ROOT

SHOTS = ROOT / "build" / "screenshots"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars", "--force-color-profile=srgb",
)  # fmt: skip


class Window:
    """One window of a browser; every size is in CSS pixels."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def look(self, width: int = 1400, *, dark: bool = False, media: str = "", height: int = 1000) -> None:
        """Set the size of the window, the scheme of colours, and the medium (empty: a screen)."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        wishes = {"prefers-color-scheme": "dark" if dark else "light", "prefers-reduced-motion": "reduce"}
        features = [{"name": name, "value": value} for name, value in wishes.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})

    def open(self, page: Path, anchor: str = "") -> None:
        """Load a page from its file, anew, to its end."""
        from selenium.webdriver.support.wait import WebDriverWait

        self.driver.get("about:blank")
        self.driver.get(page.as_uri() + anchor)
        done = "return document.readyState === 'complete' && location.href === arguments[0]"
        WebDriverWait(self.driver, 60).until(lambda driver: driver.execute_script(done, page.as_uri() + anchor))

    def ask(self, script: str, *arguments: Any) -> Any:
        """What a script returns."""
        return self.driver.execute_script(script, *arguments)

    def keys(self, *keys: str) -> None:
        """Press keys, wherever the focus is."""
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def click(self, selector: str) -> None:
        """Click what a selector finds first, as a mouse does."""
        self.driver.find_element("css selector", selector).click()

    def errors(self) -> list[str]:
        """What the console says since it was asked last."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Every address that was asked for since this was asked last."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        sent = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
        return [url for url in sent if not url.startswith("about:")]

    def shoot(self, name: str, height: int = 0) -> Path:
        """A picture of the page from its top, kept in build/screenshots; by default all of it, up to 6000 pixels."""
        whole, width = self.ask("return [document.documentElement.scrollHeight, innerWidth]")
        clip = {"x": 0, "y": 0, "width": width, "height": height or min(whole, 6000), "scale": 1}
        told = {"format": "png", "captureBeyondViewport": True, "clip": clip}
        found = self.driver.execute_cdp_cmd("Page.captureScreenshot", told)
        return _kept(f"{name}.png", found["data"])

    def print(self, name: str) -> Path:
        """The page on paper, as the browser prints it, kept beside the pictures."""
        found = self.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True, "preferCSSPageSize": True})
        return _kept(f"{name}.pdf", found["data"])


@contextmanager
def window(profile: Path, *, scripts: bool = True) -> Iterator[Window]:
    """A window of a new browser with an empty profile. Skips the test where there is no browser."""
    pytest.importorskip("selenium", reason="selenium is not installed")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    browser, driver = _installed()
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    if not scripts:
        forbidden = {"profile.managed_default_content_settings.javascript": 2}
        options.add_experimental_option("prefs", forbidden)
    found = webdriver.Chrome(options=options, service=Service(executable_path=driver))
    try:
        yield Window(found)
    finally:
        found.quit()


def _installed() -> tuple[str, str]:
    """The paths of a browser and of its driver. Nothing is ever downloaded."""
    browser = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    driver = shutil.which("chromedriver") or shutil.which("chromedriver", path=os.environ.get("CHROMEWEBDRIVER", ""))
    if not browser:
        pytest.skip("chromium is not installed")
    if not driver:
        pytest.skip("chromedriver is not installed")
    return browser, driver


def _kept(name: str, data: str) -> Path:
    SHOTS.mkdir(parents=True, exist_ok=True)
    path = SHOTS / name
    path.write_bytes(base64.b64decode(data))
    return path
