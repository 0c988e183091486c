"""Features of a collection as GeoJSON: pages and single features (OGC API - Features Part 1, §7.15, §7.16)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.datastructures import QueryParams

from api.dependencies import Connect, ExactnessDep, LayerDep, checked_text, one_city, parse_bbox
from api.errors import bad_request, not_found
from api.links import GEOJSON, link, url
from api.render import collection_text
from layers.model import Attribute, Layer
from spatial.features import Selection, count, item, items

__all__ = ["field_filters", "parse_datetime", "router"]

router = APIRouter(prefix="/ogc/collections/{layer}", tags=["OGC API - Features"])
MAX_LIMIT = 10_000
MAX_VALUES = 100
DEFAULT_LIMIT = 100
PARAMETERS = frozenset({"city", "bbox", "limit", "after", "datetime", "f"})
CHINA = timezone(timedelta(hours=8))
DATE_ONLY = re.compile(r"\d{4}-\d{2}-\d{2}")


@router.get("/items", response_class=Response)
async def get_items(
    request: Request,
    layer: LayerDep,
    connect: Connect,
    exactness: ExactnessDep,
    city: Annotated[str | None, Query(description="city key")] = None,
    bbox: Annotated[str | None, Query(description="west,south,east,north in degrees")] = None,
    limit: Annotated[int, Query(ge=1)] = DEFAULT_LIMIT,
    after: Annotated[int, Query(ge=0, description="last id of the page before; taken from the next link")] = 0,
    datetime_: Annotated[str | None, Query(alias="datetime", description="moment or interval on the layer's time field")] = None,
    f: Annotated[str | None, Query(pattern="^(json|geojson)$", description="format; GeoJSON is the only one")] = None,
) -> Response:
    """Answers a page of features; every field is a parameter for equality, e.g. ``status=破损``."""
    start, end = parse_datetime(layer, datetime_)
    equals = field_filters(layer, request.query_params, PARAMETERS)
    size = min(limit, MAX_LIMIT)
    async with connect.queries() as connection:
        found = await one_city(connection, city)
        selection = Selection(found.id if found else None, parse_bbox(bbox), start, end, equals, connect.gated)
        page = items(layer, selection, size + 1, after)
        rows = await (await connection.execute(page.statement, page.params, prepare=True)).fetchall()
        matched = await count(connection, layer, selection, exactness.of(layer, found))
    links = [link(str(request.url), "self", GEOJSON)]
    if len(rows) > size:
        following = request.url.include_query_params(after=rows[size - 1][0])
        links.append(link(str(following), "next", GEOJSON))
    key = "numberMatched" if matched.exact else "numberEstimated"
    members = {
        key: matched.rows,
        "numberReturned": min(len(rows), size),
        "timeStamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "links": links,
    }
    return Response(collection_text([row[2] for row in rows[:size]], members), media_type=GEOJSON)


@router.get("/items/{feature_id}", response_class=Response)
async def get_item(request: Request, layer: LayerDep, connect: Connect, feature_id: str) -> Response:
    """Answers one feature; the strong ETag is its version."""
    if request.query_params.keys() - {"f"}:
        name = min(request.query_params.keys() - {"f"})
        raise bad_request("unknown-parameter", f"没有参数“{name}”", f"there is no parameter {name!r}", name)
    missing = not_found(f"没有要素 {feature_id[:40]}", f"there is no feature {feature_id[:40]}", "id", feature_id)
    if not re.fullmatch(r"[1-9]\d{0,17}", feature_id):
        raise missing
    async with connect.queries() as connection:
        query = item(layer, int(feature_id))
        row = await (await connection.execute(query.statement, query.params, prepare=True)).fetchone()
    if row is None:
        raise missing
    headers = {"ETag": f'"{row[1]}"'}
    if any(field.clearance is not None for field in layer.fields.values()):
        # one version looks different to different people, and to one person after a field was unmasked
        headers["Cache-Control"] = "private, no-store"
    elif request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    here = ("ogc", "collections", layer.id)
    links = [link(str(request.url), "self", GEOJSON), link(url(request, *here), "collection")]
    return Response(collection_text([row[2]], {"links": links}, single=True), media_type=GEOJSON, headers=headers)


def field_filters(layer: Layer, given: QueryParams, known: frozenset[str]) -> dict[str, list[object]]:
    """Returns the filters among query parameters, typed by field; a repeated parameter means any of its values.

    Raises:
        ApiError: 400, an unknown parameter or a value that does not fit its field.
    """
    equals: dict[str, list[object]] = {}
    for name, value in given.multi_items():
        if name in known:
            continue
        if name not in layer.fields:
            raise bad_request(
                "unknown-parameter", f"图层“{layer.title.zh}”没有参数或字段“{name[:60]}”",
                f"layer {layer.id!r} has no parameter or field {name[:60]!r}", name[:60],
            )  # fmt: skip
        equals.setdefault(name, []).append(_typed(name, layer.fields[name], value))
        if len(equals[name]) > MAX_VALUES:
            raise bad_request("invalid-parameter", f"一个字段最多 {MAX_VALUES} 个值", f"at most {MAX_VALUES} values a field", name)
    return equals


def _typed(name: str, field: Attribute, value: str) -> object:
    try:
        if field.type == "integer":
            number = int(value)
            if abs(number) >= 1 << 63:
                raise ValueError
            return number
        if field.type == "number":
            return float(value)
        if field.type == "boolean":
            return {"true": True, "false": False}[value]
        if field.type == "date":
            return datetime.strptime(value, "%Y-%m-%d").date()
        if field.type == "datetime":
            return _moment(value)
        return checked_text(value)
    except (ValueError, KeyError):
        raise bad_request(
            "invalid-parameter", f"“{value[:60]}”不是字段“{field.title.zh}”的有效值（{field.type}）",
            f"{value[:60]!r} is no value of field {name!r} ({field.type})", name, value,
        ) from None  # fmt: skip


def parse_datetime(layer: Layer, text: str | None) -> tuple[datetime | None, datetime | None]:
    """Reads ``datetime``: a moment, a day, or an interval with ``..`` or nothing for an open end.

    Days and naive times are those of Asia/Shanghai; a layer without a time field takes any value and ignores it
    (OGC API - Features §7.15.4: features without time always match).
    """
    if text is None:
        return None, None
    try:
        begin, slash, finish = text.partition("/")
        start = None if begin in ("", "..") else _moment(begin)
        until = finish if slash else begin
        end = None if until in ("", "..") else _moment(until, end_of_day=True)
        if not slash and start is None:
            raise ValueError(text)
        if start is not None and end is not None and start > end:
            raise ValueError(text)
    except ValueError:
        raise bad_request(
            "invalid-parameter", "datetime 应为 RFC 3339 时刻、日期或区间（起/止，可用 .. 表示不限）",
            "datetime is an RFC 3339 moment, a day, or an interval start/end with .. for open", "datetime", text,
        ) from None  # fmt: skip
    return (start, end) if layer.time is not None else (None, None)


def _moment(text: str, end_of_day: bool = False) -> datetime:
    if DATE_ONLY.fullmatch(text):
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=CHINA)
        return day + timedelta(days=1, microseconds=-1) if end_of_day else day
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=CHINA)
