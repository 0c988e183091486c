"""Absolute links, made in one place that knows the proxy's prefix."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from fastapi import Request

__all__ = ["base_url", "link", "url"]

GEOJSON = "application/geo+json"
JSON = "application/json"


def base_url(request: Request) -> str:
    """Returns scheme, host and prefix as the client sees them, without a slash at the end."""
    return str(request.base_url).rstrip("/")


def url(request: Request, *path: str, **query: object) -> str:
    """Returns an absolute address; path parts and query values are escaped, None values left out."""
    parts = "/".join(quote(part, safe="{}") for part in path)
    given = {key: str(value) for key, value in query.items() if value is not None}
    return f"{base_url(request)}/{parts}" + (f"?{urlencode(given, safe='{},:/')}" if given else "")


def link(href: str, rel: str, media_type: str = JSON, title: str | None = None, **more: Any) -> dict[str, Any]:
    """Returns a link object."""
    found = {"href": href, "rel": rel, "type": media_type, **more}
    return found | ({"title": title} if title else {})
