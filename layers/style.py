"""From the registry to a MapLibre style: one source per layer, drawn by the layer file's style in a light or a dark theme.

No ``glyphs`` and no ``sprite``: with none in the style MapLibre 6 draws all text from local fonts (frontend.md §0.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

from layers.catalogue import Registry
from layers.model import DomainValue, Layer, LayerStyle, ZoomStops

__all__ = ["THEMES", "Theme", "legend", "map_style"]

Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
Json = dict[str, Any]
FONTS = ["Noto Sans SC", "Noto Sans CJK SC", "Source Han Sans SC", "Microsoft YaHei", "WenQuanYi Micro Hei", "sans-serif"]
GROUND = {"light": "#f4f1ea", "dark": "#141a22"}
TEXT = {"light": "#2b2f36", "dark": "#d7dee8"}
HALO = {"light": "#ffffff", "dark": "#0d131a"}
LABEL_PIXELS = 12


def map_style(registry: Registry, theme: Theme, source: Callable[[Layer], Json]) -> Json:
    """Returns the style of the one-map.

    Args:
        source: gives the vector source of a layer (TileJSON inline: tiles, minzoom, maxzoom, bounds).

    >>> from layers.catalogue import load
    >>> style = map_style(load(), "light", lambda layer: {"type": "vector", "tiles": []})
    >>> style["version"], "glyphs" in style
    (8, False)
    """
    drawn = list(registry)
    bottom_up = sorted(drawn, key=lambda layer: layer.style.order)
    parts: list[Json] = [{"id": "ground", "type": "background", "paint": {"background-color": GROUND[theme]}}]
    for layer in bottom_up:
        parts.extend(_shapes(layer, theme))
    # labels above every shape, so that no fill covers a name
    for layer in bottom_up:
        parts.extend(_labels(layer, theme))
    return {
        "version": 8,
        "name": f"wanmi-{theme}",
        "sources": {layer.id: source(layer) for layer in drawn},
        "layers": parts,
    }


def legend(layer: Layer) -> list[Json]:
    """Returns the legend of a layer: one entry per drawn value, or one for the whole layer.

    >>> from layers.catalogue import load
    >>> [entry["zh"] for entry in legend(load().by_role("emergency"))][:2]
    ['Ⅰ级（特别重大）', 'Ⅱ级（重大）']
    """
    style = layer.style
    symbol = "point" if layer.points else "line" if layer.lines else "polygon"
    domain = layer.domain_of(style.by) if style.by is not None else None
    if domain is None:
        dark = style.colour_dark or style.colour
        return [{"value": None, "zh": layer.title.zh, "en": layer.title.en, "colour": style.colour, "colour_dark": dark, "symbol": symbol}]
    return [
        {
            "value": value.value, "zh": value.zh, "en": value.en, "symbol": symbol,
            "colour": _value_colour(value, style, "light"), "colour_dark": _value_colour(value, style, "dark"),
        }
        for value in domain.values
    ]  # fmt: skip


def _part(layer: Layer, name: str, kind: str, **rest: Any) -> Json:
    """A style layer; ``None`` members are left out, the visibility is the registry's default."""
    layout = {"visibility": "visible" if layer.visible else "none", **rest.pop("layout", {})}
    metadata = {"wanmi:layer": layer.id, "wanmi:basemap": layer.style.basemap, "wanmi:part": name}
    part = {"id": f"{layer.id}/{name}", "type": kind, "source": layer.id, "source-layer": layer.id, "metadata": metadata, "layout": layout}
    return part | {key: value for key, value in rest.items() if value is not None}


def _shapes(layer: Layer, theme: Theme) -> Iterable[Json]:
    if layer.points:
        yield from _points(layer, theme)
        return
    if layer.lines:
        yield from _lines(layer, theme)
        return
    yield from _areas(layer, theme)
    if "Point" in layer.geometry:
        only_points = ["==", ["geometry-type"], "Point"]
        yield _part(layer, "point", "circle", filter=only_points, paint=_circle(layer, theme))


def _areas(layer: Layer, theme: Theme) -> Iterable[Json]:
    style = layer.style
    areas = ["==", ["geometry-type"], "Polygon"]
    # a fill of opacity 0 is still there to be clicked
    paint = {"fill-color": _colour(layer, theme), "fill-opacity": style.opacity}
    yield _part(layer, "fill", "fill", filter=areas, paint=paint)
    outline = _outline(style, theme)
    if outline is not None:
        line: Json = {"line-color": outline, "line-width": _zoomed(style.width)}
        if style.dash:
            line["line-dasharray"] = list(style.dash)
        yield _part(layer, "outline", "line", filter=areas, paint=line, layout={"line-join": "round"})


def _lines(layer: Layer, theme: Theme) -> Iterable[Json]:
    style = layer.style
    round_ends: Json = {"line-cap": "round", "line-join": "round"}
    if style.by is not None and style.width_by:
        # the widest is drawn last, so that an arterial crosses over a lane
        rank: list[Any] = ["match", ["get", style.by]]
        for value, factor in style.width_by.items():
            rank += [value, round(factor * 100)]
        round_ends = {**round_ends, "line-sort-key": [*rank, 0]}
    if style.casing:
        width = _zoomed(style.width, style, extra=1.5)
        yield _part(
            layer, "casing", "line", layout=round_ends, paint={"line-color": _outline(style, theme) or "#888888", "line-width": width}
        )
    paint: Json = {"line-color": _colour(layer, theme), "line-width": _zoomed(style.width, style), "line-opacity": style.opacity}
    if style.dash:
        paint["line-dasharray"] = list(style.dash)
    yield _part(layer, "line", "line", layout=round_ends, paint=paint)


def _points(layer: Layer, theme: Theme) -> Iterable[Json]:
    style = layer.style
    detail = layer.detail_zoom or None
    yield _part(layer, "point", "circle", minzoom=detail, paint=_circle(layer, theme))
    if not detail:
        return
    # a cell is 32 pixels wide; thousands must not grow over their neighbours' numbers
    size = ["interpolate", ["linear"], ["log10", ["max", 1, ["get", "count"]]], 0, 6, 1, 9, 2, 12, 4, 17]
    cell = {**_circle(layer, theme), "circle-color": _theme_colour(style, theme), "circle-radius": size, "circle-opacity": 0.75}
    yield _part(layer, "cells", "circle", maxzoom=detail, paint=cell)


def _circle(layer: Layer, theme: Theme) -> Json:
    return {
        "circle-color": _colour(layer, theme),
        "circle-radius": _zoomed(layer.style.radius),
        "circle-stroke-color": _outline(layer.style, theme) or HALO[theme],
        "circle-stroke-width": ["interpolate", ["linear"], ["zoom"], 12, 0.4, 18, 1.2],
    }


def _labels(layer: Layer, theme: Theme) -> Iterable[Json]:
    style = layer.style
    colours = {"text-color": TEXT[theme], "text-halo-color": HALO[theme], "text-halo-width": 1.4}
    if layer.points and layer.detail_zoom:
        counts = {"text-field": ["to-string", ["get", "count"]], "text-font": FONTS, "text-size": 11, "text-allow-overlap": False}
        many = [">=", ["get", "count"], 10]
        plain = {"text-color": "#ffffff" if theme == "light" else "#0d131a"}
        yield _part(layer, "cell-label", "symbol", maxzoom=layer.detail_zoom, filter=many, layout=counts, paint=plain)
    if style.mark is not None:
        inside = {
            "text-field": ["get", style.mark],
            "text-font": FONTS,
            "text-size": 10,
            "text-allow-overlap": True,
            "text-ignore-placement": True,
        }
        white = {"text-color": "#ffffff", "text-halo-color": "#3a3a3a", "text-halo-width": 1.0}
        yield _part(layer, "mark", "symbol", minzoom=layer.detail_zoom or None, layout=inside, paint=white)
    if style.label is None:
        return
    layout: Json = {
        "text-field": ["coalesce", ["get", style.label], ""],
        "text-font": FONTS,
        "text-size": LABEL_PIXELS,
        "text-max-width": 8,
        "symbol-placement": "line" if layer.lines else "point",
    }
    if layer.points:
        layout |= {"text-anchor": "top", "text-offset": [0, 0.6], "text-optional": True}
    if layer.lines:
        layout |= {"symbol-spacing": 320, "text-rotation-alignment": "map"}
    if layer.style.outline is not None and not layer.points and not layer.lines and style.opacity < 0.1:
        colours = {**colours, "text-color": _outline(style, theme)}
    # an area that spans tiles is labelled once, in the tile that owns it
    once = None if layer.points or layer.lines else ["==", ["get", "count"], 1]
    yield _part(layer, "label", "symbol", minzoom=style.label_zoom, filter=once, layout=layout, paint=colours)


def _theme_colour(style: LayerStyle, theme: Theme) -> str:
    return (style.colour_dark or style.colour) if theme == "dark" else style.colour


def _outline(style: LayerStyle, theme: Theme) -> str | None:
    return (style.outline_dark or style.outline) if theme == "dark" else style.outline


def _colour(layer: Layer, theme: Theme) -> Any:
    """The layer's colour, or a match expression over the values of the field that it is drawn by."""
    style = layer.style
    domain = layer.domain_of(style.by) if style.by is not None else None
    if domain is None:
        return _theme_colour(style, theme)
    cases: list[Any] = ["match", ["get", style.by]]
    for value in domain.values:
        cases += [value.value, _value_colour(value, style, theme)]
    return [*cases, _theme_colour(style, theme)]


def _value_colour(value: DomainValue, style: LayerStyle, theme: Theme) -> str:
    dark = value.colour_dark if theme == "dark" else None
    return dark or value.colour or _theme_colour(style, theme)


def _zoomed(stops: ZoomStops, style: LayerStyle | None = None, extra: float = 0.0) -> Any:
    """Interpolates over zoom; with a style, each stop is multiplied by the factor of the feature's value."""

    def at(width: float) -> Any:
        if style is None or style.by is None or not style.width_by:
            return width + extra
        cases: list[Any] = ["match", ["get", style.by]]
        for value, factor in style.width_by.items():
            cases += [value, round(width * factor + extra, 2)]
        return [*cases, width + extra]

    if len(stops) == 1:
        return at(stops[0][1])
    return ["interpolate", ["exponential", 1.4], ["zoom"], *(part for zoom, width in stops for part in (zoom, at(width)))]
