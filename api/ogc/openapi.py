"""A true OpenAPI 3.0.3 document of the OGC part; FastAPI's own is 3.1, and a relabelled 3.1 breaks real clients."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api.dependencies import RegistryDep, RightDep, visible_layers
from api.links import base_url
from api.ogc.items import DEFAULT_LIMIT, MAX_LIMIT
from layers.model import Attribute, Layer

__all__ = ["document", "router"]

router = APIRouter(prefix="/ogc", tags=["OGC API"])
MEDIA_TYPE = "application/vnd.oai.openapi+json;version=3.0"
GEOJSON = "application/geo+json"
TYPES: dict[str, dict[str, Any]] = {
    "text": {"type": "string"}, "integer": {"type": "integer"}, "number": {"type": "number"}, "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"}, "datetime": {"type": "string", "format": "date-time"},
}  # fmt: skip


@router.get("/api", response_class=JSONResponse)
async def api_document(request: Request, registry: RegistryDep, right: RightDep) -> JSONResponse:
    """Answers the API document."""
    layers = visible_layers(registry, right)
    return JSONResponse(document(layers, base_url(request)), media_type=MEDIA_TYPE)


def document(layers: list[Layer], server: str) -> dict[str, Any]:
    """Returns the document; every collection has its literal paths, as QGIS reads queryables from them."""
    paths: dict[str, Any] = {
        "/ogc": _get("landing", "入口 / landing page"),
        "/ogc/conformance": _get("conformance", "符合性 / conformance classes"),
        "/ogc/collections": _get("collections", "图层 / collections", parameters=["city"]),
        "/ogc/styles": _get("styles", "样式 / styles"),
        "/ogc/tileMatrixSets": _get("tileMatrixSets", "瓦片网格 / tile matrix sets"),
    }
    for layer in layers:
        here = f"/ogc/collections/{layer.id}"
        title = f"{layer.title.zh} / {layer.title.en}"
        paths[here] = _get(f"{layer.id}.collection", title, parameters=["city"])
        fields = [_field(key, field) for key, field in layer.fields.items()]
        paths[f"{here}/items"] = _get(
            f"{layer.id}.items", title, parameters=["city", "bbox", "limit", "after", "datetime", *fields], media_type=GEOJSON
        )
        paths[f"{here}/items/{{featureId}}"] = _get(f"{layer.id}.item", title, parameters=["featureId"], media_type=GEOJSON)
        paths[f"{here}/tiles/{{tileMatrixSetId}}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}"] = _get(
            f"{layer.id}.tile", title, media_type="application/vnd.mapbox-vector-tile",
            parameters=["tileMatrixSetId", "tileMatrix", "tileRow", "tileCol", "city"],
        )  # fmt: skip
    return {
        "openapi": "3.0.3",
        "info": {"title": "Wanmi 万米", "version": "0.1.0", "license": {"name": "Apache-2.0"}},
        "servers": [{"url": server}],
        "paths": paths,
        "components": {"parameters": _parameters(), "schemas": {"object": {"type": "object"}}},
    }


def _get(
    operation: str, summary: str, parameters: list[str | dict[str, Any]] | None = None, media_type: str = "application/json"
) -> dict[str, Any]:
    given = [{"$ref": f"#/components/parameters/{item}"} if isinstance(item, str) else item for item in parameters or []]
    binary = {"type": "string", "format": "binary"}
    schema = {"$ref": "#/components/schemas/object"} if "json" in media_type else binary
    responses: dict[str, Any] = {
        "200": {"description": "OK", "content": {media_type: {"schema": schema}}},
        "default": {"description": "problem", "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/object"}}}},
    }
    return {"get": {"operationId": operation, "summary": summary, "parameters": given, "responses": responses}}


def _field(key: str, field: Attribute) -> dict[str, Any]:
    return {
        "name": key,
        "in": "query",
        "required": False,
        "description": field.title.zh,
        "style": "form",
        "explode": False,
        "schema": TYPES[field.type],
    }


def _parameters() -> dict[str, Any]:
    def query(name: str, schema: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"name": name, "in": "query", "required": False, "style": "form", "explode": False, "schema": schema, **more}

    def path(name: str, schema: dict[str, Any]) -> dict[str, Any]:
        return {"name": name, "in": "path", "required": True, "schema": schema}

    numbers = {"type": "array", "minItems": 4, "maxItems": 6, "items": {"type": "number"}}
    whole = {"type": "integer", "minimum": 0}
    return {
        "city": query("city", {"type": "string"}),
        "bbox": query("bbox", numbers),
        "limit": query("limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}),
        "after": query("after", whole),
        "datetime": query("datetime", {"type": "string"}),
        "featureId": path("featureId", {"type": "integer", "minimum": 1}),
        "tileMatrixSetId": path("tileMatrixSetId", {"type": "string", "enum": ["WebMercatorQuad"]}),
        "tileMatrix": path("tileMatrix", whole),
        "tileRow": path("tileRow", whole),
        "tileCol": path("tileCol", whole),
    }
