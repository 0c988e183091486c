"""Legend values switched off and on: map, legend, list, counts and clicks follow alike."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, quote, urlencode, urlsplit
from urllib.request import urlopen

import numpy as np
import pytest

from layers.catalogue import Registry
from layers.model import Layer
from layers.style import GROUND
from tests.support.browser import Watched, share
from tests.support.serving import Address
from tests.web.conftest import Showcase

pytestmark = pytest.mark.browser


def counts(origin: Address, layer: Layer) -> dict[str, int]:
    """Returns the objects of the sample city by legend value."""
    with urlopen(origin.request(f"/api/statistics?layer={layer.id}&by={layer.style.by}&city=sample")) as answer:
        return {item["key"]: item["count"] for item in json.load(answer)["items"]}


def place_of(origin: Address, layer: Layer, value: str) -> tuple[float, float]:
    """Returns where one object of a legend value lies."""
    wanted = urlencode({"city": "sample", "limit": 1, layer.style.by or "": value})
    with urlopen(origin.request(f"/ogc/collections/{layer.id}/items?{wanted}")) as answer:
        lon, lat = json.load(answer)["features"][0]["geometry"]["coordinates"]
    return lon, lat


def listed(screen: Watched, number: int) -> None:
    """Waits until the list has this count, and no longer than a reading takes."""
    screen.page.wait_for_selector(f'.list:not(.busy) [data-count="{number}"]')


def test_values_off_are_off_everywhere(screen: Watched, showcase: Showcase, registry: Registry) -> None:
    case = registry.by_role("case")
    (hidden,) = case.hidden
    domain = case.domain_of(case.style.by or "")
    assert domain is not None
    colour = next(value.colour for value in domain.values if value.value == hidden) or ""
    known = counts(showcase.origin, case)
    total = showcase.rows[case.id]
    others = total - known[hidden]
    other = max((value for value in known if value != hidden), key=lambda value: known[value])
    lon, lat = place_of(showcase.origin, case, hidden)
    row, start = f".layer[data-layer={case.id}]", f"#city=sample&at=15/{lat:.5f}/{lon:.5f}&on={case.id}"
    switch = f"{row} [data-value={hidden}] [role=checkbox]"
    asked: list[dict[str, list[str]]] = []
    screen.page.on("request", lambda request: asked.append(parse_qs(urlsplit(request.url).query)) if "/items" in request.url else None)

    # at first what the layer file hides is off, in the tree, on the map, in the list and for clicks
    screen.open(start)
    screen.page.wait_for_selector(f"{row} .row .count >> text={others:,} / {total:,}")
    assert screen.page.get_attribute(switch, "aria-checked") == "false"
    assert f"{known[hidden]:,}" in screen.page.inner_text(f"{row} [data-value={hidden}]")
    assert share(screen.picture("legend-start"), colour, 2) < 0.0005
    box = screen.page.locator("#map").bounding_box()
    assert box is not None
    screen.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    screen.page.wait_for_selector(".card .notice:not(:has(.spin))")
    screen.page.keyboard.press("Escape")
    screen.open(f"{start}&list={case.id}@city")
    listed(screen, others)
    assert set(asked[-1][case.style.by or ""]) == set(known) - {hidden}
    assert screen.page.locator(".chip").count() == 1

    # switched on by the keyboard: all is shown, and the address says so
    screen.page.focus(switch)
    screen.page.keyboard.press("Space")
    listed(screen, total)
    screen.wait_idle()
    assert f"&hide={case.id}:&" in screen.page.url
    assert screen.page.locator(".chip").count() == 0
    assert share(screen.picture("legend-all"), colour, 2) > 0.005

    # one value alone, from the address too; back is a step
    screen.page.click(f"{row} [data-value={other}] [role=checkbox]", modifiers=["Alt"])
    listed(screen, known[other])
    screen.open(f"#{urlsplit(screen.page.url).fragment}")
    listed(screen, known[other])
    assert screen.page.inner_text(f"{row} .row .count") == f"{known[other]:,} / {total:,}"
    assert hidden in screen.page.url
    screen.page.click(".chip")
    listed(screen, total)

    # a start state is no news in the address
    screen.page.click(switch)
    listed(screen, others)
    assert "hide=" not in screen.page.url


def on_ground(colour: str, opacity: float = 0.75) -> str:
    """Returns what a cell's colour looks like over the light ground."""
    over, under = (np.array([int(text[i : i + 2], 16) for i in (1, 3, 5)]) for text in (colour, GROUND["light"]))
    return "#" + "".join(f"{round(part):02x}" for part in over * opacity + under * (1 - opacity))


def test_cells_count_what_is_on(screen: Watched, registry: Registry) -> None:
    component = registry.by_role("component")
    domain = component.domain_of(component.style.by or "")
    assert domain is not None
    known = counts(screen.origin, component)
    rare = min((value for value in domain.values if known.get(value.value)), key=lambda value: known[value.value])
    off = "~".join(quote(value.value) for value in domain.values if value is not rare)
    layer_colour, value_colour = on_ground(component.style.colour), on_ground(rare.colour or "")
    start = f"#city=sample&at=14/34.79700/114.03250&on={component.id}"
    screen.open(start)
    everything = screen.picture("cells-all")
    screen.open(f"{start}&hide={component.id}:{off}")
    few = screen.picture("cells-few")
    assert share(everything, layer_colour) > 0.02 > share(everything, value_colour)
    assert share(few, value_colour) > 0.001 > share(few, layer_colour)
    screen.page.wait_for_selector(f".layer[data-layer={component.id}] .row .count >> text={known[rare.value]:,} / {sum(known.values()):,}")
