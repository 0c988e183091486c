"""First paint and map-idle of the one-map in headless Chromium: ``python -m bench.first_paint KEY [URL]``.

Prints the median of five cold loads (fresh profile each) in milliseconds, the bytes that went over the wire and the
number of requests, and the machine's load beside them.
"""

from __future__ import annotations

import os
import statistics
import sys
import time

from playwright.sync_api import Browser, sync_playwright

ROUNDS = 5
FLAGS = ["--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader", "--disable-background-networking"]
PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
WIRE = "() => performance.getEntriesByType('resource').reduce((sum, entry) => sum + entry.transferSize, 0)"


def load(browser: Browser, address: str, key: str) -> tuple[float, float, int, int]:
    """Loads the page once; returns first paint (ms), map idle (ms), bytes and requests."""
    context = browser.new_context(viewport={"width": 1920, "height": 1080}, extra_http_headers={"Authorization": f"Bearer {key}"})
    page = context.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    began = time.perf_counter()
    page.goto(address)
    page.wait_for_selector("html[data-map=idle]", state="attached", timeout=60_000)
    idle = (time.perf_counter() - began) * 1000
    found = (float(page.evaluate(PAINT)), idle, int(page.evaluate(WIRE)), len(requests))
    context.close()
    return found


def main() -> None:
    """Measures and prints."""
    key, address = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "http://127.0.0.1:8000/"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        rounds = [load(browser, address, key) for _ in range(ROUNDS)]
        browser.close()
    paint, idle, wire, requests = (statistics.median(values) for values in zip(*rounds, strict=True))
    print(
        f"first paint {paint:.0f} ms, map idle {idle:.0f} ms, {wire / 1e6:.2f} MB, {requests:.0f} requests, load {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
