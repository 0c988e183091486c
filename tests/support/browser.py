"""A real Chromium for the screens: watches every request, console line and error, and reads what was drawn from its pictures."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Playwright

from api.auth.credentials import COOKIE
from tests.support.serving import Address

# frontend.md §12: these draw WebGL in software; the command line's own --screenshot never does.
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"]
WEBGL = ["--enable-unsafe-swiftshader"]
NO_WEBGL = ["--disable-webgl", "--disable-3d-apis"]
IDLE_MILLISECONDS = 60_000


@dataclass
class Watched:
    """A page and what it did."""

    page: Page
    origin: str
    outside: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, state: str = "") -> None:
        """Opens the one-map with a state in its address and waits until the map is drawn."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.origin}/{state}")
        self.wait_idle()

    def wait_idle(self) -> None:
        """Waits until the map says that it is drawn."""
        self.page.wait_for_selector("html[data-map=idle]", state="attached", timeout=IDLE_MILLISECONDS)

    def picture(self, name: str | None = None) -> np.ndarray[Any, Any]:
        """Returns the screen as an array (height, width, 3); keeps the picture when TEST_PICTURES names a folder."""
        data = self.page.screenshot()
        folder = os.environ.get("TEST_PICTURES")
        if folder and name:
            Path(folder).mkdir(parents=True, exist_ok=True)
            (Path(folder) / f"{name}.png").write_bytes(data)
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def share(picture: np.ndarray[Any, Any], colour: str, tolerance: int = 6) -> float:
    """Returns the share of pixels near a colour ``#rrggbb``."""
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    return float((np.abs(picture.astype(int) - wanted).max(axis=2) <= tolerance).mean())


def chromium() -> str:
    """Returns the browser's program or skips the test."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found:
            return found
    pytest.skip("no Chromium on this machine")


@contextmanager
def running_browser(playwright: Playwright, flags: list[str]) -> Iterator[Browser]:
    """Starts Chromium."""
    browser = playwright.chromium.launch(executable_path=chromium(), args=[*QUIET, *flags])
    yield browser
    browser.close()


@contextmanager
def watched_page(browser: Browser, origin: str, width: int = 1280, height: int = 800) -> Iterator[Watched]:
    """Opens a page in a fresh profile with everything watched; signed in where the address brings a session."""
    context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce", locale="zh-CN")
    if isinstance(origin, Address):
        context.add_cookies([{"name": COOKIE, "value": origin.token, "url": str(origin), "httpOnly": True, "sameSite": "Lax"}])
    page = context.new_page()
    watched = Watched(page, origin)
    own = (origin, "data:", f"blob:{origin}", "about:")
    page.on("request", lambda request: watched.outside.append(request.url) if not request.url.startswith(own) else None)
    page.on("pageerror", lambda error: watched.complaints.append(f"error: {error}"))
    page.on("console", lambda line: watched.complaints.append(line.text) if line.type == "error" else None)
    yield watched
    context.close()
