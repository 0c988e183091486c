"""One shape for every error: RFC 9457 problem+json with Chinese and English sentences; no driver text leaves the house."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from psycopg_pool import PoolClosed, PoolTimeout
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as EngineTimeout
from starlette.exceptions import HTTPException

from grid_coding.errors import BilingualError
from spatial.accounts.model import AccountError
from spatial.rights.rules import RuleError
from tiles.grids import TileError

__all__ = ["ApiError", "bad_request", "not_found", "problem", "register_error_handlers"]

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = "2"
SECRET_PATHS = ("/api/login", "/api/me")
# What is known of nobody is 404, what stands against what is there already 409; a value that cannot be is 422.
MISSING = frozenset({"account", "key", "rule_version"})
CONFLICTS = frozenset({
    "separated_duties", "last_security_administrator", "role_once", "name_taken", "organisation_taken", "organisation_name_taken",
    "organisation_rights", "own_account", "own_grants", "separated_password", "rule_base", "rule_same",
})  # fmt: skip
FIELDS = {
    "name_taken": "name", "role_once": "role", "role_organisation": "organisation", "organisation_key": "key", "organisation_taken": "key",
    "organisation_kind": "kind", "organisation_title": "title", "organisation_name": "name", "organisation_name_taken": "name",
    "organisation_rights": "organisation", "separated_duties": "role", "administrator_everywhere": "area",
}  # fmt: skip
log = logging.getLogger("wanmi.api")


class ApiError(BilingualError):
    """An error with a status, a stable slug, a sentence in both languages and, where there is one, field and value.

    ``headers`` go with the answer, ``members`` into its document.
    """

    headers: Mapping[str, str] = MappingProxyType({})
    members: Mapping[str, object] = MappingProxyType({})

    def __init__(self, status: int, slug: str, zh: str, en: str, field: str | None = None, value: object = None) -> None:
        super().__init__(zh, en)
        self.status = status
        self.slug = slug
        self.field = field
        self.value = value
        self.denied = False

    def because_denied(self) -> ApiError:
        """Marks an answer that the right gave, whatever it looks like: it goes into the audit log."""
        self.denied = True
        return self


def bad_request(slug: str, zh: str, en: str, field: str | None = None, value: object = None) -> ApiError:
    """Returns a 400."""
    return ApiError(400, slug, zh, en, field, value)


def not_found(zh: str, en: str, field: str | None = None, value: object = None) -> ApiError:
    """Returns a 404; the unknown and the forbidden look the same (design §1.3)."""
    return ApiError(404, "not-found", zh, en, field, value)


def problem(status: int, slug: str, zh: str, en: str, **members: Any) -> JSONResponse:
    """Returns a problem document; members that are None are left out."""
    body = {"type": f"urn:wanmi:problem:{slug}", "title": en, "status": status, "detail": zh, "detail_en": en}
    body |= {key: value for key, value in members.items() if value is not None}
    headers = {"Retry-After": RETRY_SECONDS} if status == 503 else None
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)


async def _api_error(request: Request, raised: Exception) -> JSONResponse:
    error = cast(ApiError, raised)
    if error.denied:
        await request.app.state.door.note_denied(request)
    shown = str(error.value)[:200] if error.value is not None else None
    response = problem(error.status, error.slug, error.zh, error.en, field=error.field, value=shown, **error.members)
    response.headers.update(error.headers)
    return response


async def _validation(request: Request, raised: Exception) -> JSONResponse:
    error = cast(RequestValidationError, raised)
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        return problem(400, "unknown-parameter", f"没有参数“{field}”", f"there is no parameter {field!r}", field=field)
    # bodies that carry passwords and codes: nothing of them is told back, a missing field would tell all the others
    shown = None if request.url.path.startswith(SECRET_PATHS) else str(first.get("input"))[:200]
    return problem(
        400, "invalid-parameter", f"参数“{field}”有误：{first['msg']}", f"parameter {field!r}: {first['msg']}", field=field, value=shown
    )


async def _tile(_: Request, raised: Exception) -> JSONResponse:
    error = cast(TileError, raised)
    return problem(404, "outside-grid", error.zh, error.en)


async def _refused(_: Request, raised: Exception) -> JSONResponse:
    """What accounts and rules refuse, with the rule that is broken."""
    error = cast(AccountError | RuleError, raised)
    status = 404 if error.rule in MISSING else 409 if error.rule in CONFLICTS else 422
    field = error.field if isinstance(error, RuleError) else FIELDS.get(error.rule, error.rule)
    slug = error.rule.replace("_", "-")
    return problem(status, slug, error.zh, error.en, rule=error.rule, field=field or None, value=error.value[:200] or None)


async def _http(_: Request, raised: Exception) -> JSONResponse:
    error = cast(HTTPException, raised)
    zh = {404: "没有这个地址", 405: "这个地址不接受该方法"}.get(error.status_code, "请求无法处理")
    response = problem(error.status_code, "http", zh, str(error.detail))
    response.headers.update(error.headers or {})
    return response


async def _unavailable(_: Request, error: Exception) -> JSONResponse:
    log.warning("database unavailable: %s", type(error).__name__)
    return problem(503, "unavailable", "数据库暂时不可用，请稍后再试", "the database is not available; try again soon")


async def _too_slow(_: Request, error: Exception) -> JSONResponse:
    log.warning("query cancelled: %s", type(error).__name__)
    return problem(503, "too-slow", "查询超时，请缩小范围或放大地图", "the query took too long; narrow it or zoom in")


async def _unexpected(_: Request, error: Exception) -> JSONResponse:
    reference = uuid.uuid4().hex[:12]
    log.error("unexpected error %s", reference, exc_info=error)
    return problem(500, "internal", f"内部错误，编号 {reference}", f"internal error, reference {reference}", reference=reference)


def register_error_handlers(app: FastAPI) -> None:
    """Maps every exception to its answer; the one table of the house."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(TileError, _tile)
    app.add_exception_handler(HTTPException, _http)
    away = (PoolTimeout, PoolClosed, psycopg.OperationalError, psycopg.InterfaceError, EngineTimeout, OperationalError, InterfaceError)
    app.add_exception_handler(AccountError, _refused)
    app.add_exception_handler(RuleError, _refused)
    for unavailable in away:
        app.add_exception_handler(unavailable, _unavailable)
    app.add_exception_handler(psycopg.errors.QueryCanceled, _too_slow)
    app.add_exception_handler(Exception, _unexpected)
