"""``/api/audit``: the auditor's counter. The owner's connection reads it, in threads: the serving role has no right on the log."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import FileResponse, StreamingResponse
from psycopg2.errors import QueryCanceled
from pydantic import Field
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from starlette.background import BackgroundTask

from api.access import Action, Actor, Requires
from api.auth.office import OfficeDep
from api.dependencies import SettingsDep, StrictQuery, Text
from api.errors import ApiError, bad_request
from spatial.audit.export import FORMATS, csv_chunks, write_xlsx
from spatial.audit.heads import head_files
from spatial.audit.record import Entry, Result, record
from spatial.audit.search import HOME, Filters, FiltersRefused, Place, all_pages, as_document, find, parse_moment
from spatial.audit.state import audit_state
from spatial.audit.words import ACTIONS, RESULT_WORDS

__all__ = ["router"]

router = APIRouter(prefix="/api/audit", tags=["audit"])
AuditorDep = Annotated[Actor, Depends(Requires(Action.AUDIT))]
SECONDS = 10


class FilterQuery(StrictQuery):
    """Conditions, all of which must be met."""

    since: Annotated[Text | None, Field(alias="from", description="day or moment, from then on")] = None
    until: Annotated[Text | None, Field(alias="to", description="day, the whole of it, or moment, before then")] = None
    actor: Annotated[Text | None, Field(description="number, name or title of an account")] = None
    action: Annotated[Text | None, Field(description="an action with those below it: account finds account.add")] = None
    object: Annotated[Text | None, Field(description="a part of the object")] = None
    result: Result | None = None
    address: Annotated[Text | None, Field(description="network address, or a network like 10.1.0.0/16")] = None
    q: Annotated[Text | None, Field(description="a part of object, name, action or detail")] = None

    def filters(self) -> Filters:
        """Returns the conditions; empty texts ask for nothing."""
        number = int(self.actor) if self.actor and self.actor.isascii() and self.actor.isdigit() and len(self.actor) < 19 else None
        try:
            return Filters(
                since=parse_moment(self.since, "from") if self.since else None,
                until=parse_moment(self.until, "to", end=True) if self.until else None,
                actor=None if number is not None else self.actor or None, account=number, action=self.action or None,
                object=self.object or None, result=self.result, address=self.address or None, words=self.q or None,
            )  # fmt: skip
        except FiltersRefused as error:
            raise _refused(error) from None


class PageQuery(FilterQuery):
    """Conditions and a page."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 200
    after: Annotated[Text | None, Field(description="the next of the page before")] = None


class ExportQuery(FilterQuery):
    """Conditions and a format."""

    format: Literal["csv", "xlsx"] = "csv"


@router.get("")
async def get_entries(office: OfficeDep, _: AuditorDep, query: Annotated[PageQuery, Query()]) -> dict[str, Any]:
    """Answers rows of the log, newest first."""
    filters = query.filters()
    try:
        place = Place.of(query.after) if query.after else None
    except FiltersRefused as error:
        raise _refused(error) from None

    def work(engine: Engine) -> dict[str, Any]:
        with _reading(engine) as connection:
            found = find(connection, filters, query.limit, place)
        return {"items": [as_document(row) for row in found.rows], "next": None if found.end is None else str(found.end)}

    return await office.counter.call(work)


@router.get("/state")
async def get_state(office: OfficeDep, settings: SettingsDep, _: AuditorDep) -> dict[str, Any]:
    """Answers how the log stands, and what actions and results are called."""

    def work(engine: Engine) -> dict[str, Any]:
        with _reading(engine) as connection:
            return asdict(audit_state(connection, head_files(settings)))

    words = {"actions": _named(ACTIONS), "results": _named(RESULT_WORDS)}
    return {**await office.counter.call(work), **words}


@router.get("/export")
async def get_export(office: OfficeDep, actor: AuditorDep, query: Annotated[ExportQuery, Query()]) -> Response:
    """Answers all rows that meet the conditions as a file; the export is itself in the log before its first byte leaves."""
    filters = query.filters()
    entry = Entry(
        "audit.export", "ok", actor.account or None, actor.name, actor.address, "audit", {"format": query.format, **filters.told()}
    )  # fmt: skip
    await office.counter.call(partial(_record, entry=entry))
    name = f"wanmi-audit-{datetime.now(HOME):%Y%m%d-%H%M%S}.{query.format}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    if query.format == "csv":
        return StreamingResponse(csv_chunks(all_pages(office.engine, filters)), media_type=FORMATS["csv"], headers=headers)
    made = await office.counter.call(partial(_workbook, filters=filters))
    return FileResponse(made, media_type=FORMATS["xlsx"], headers=headers, background=BackgroundTask(made.unlink))


def _workbook(engine: Engine, filters: Filters) -> Path:
    with tempfile.NamedTemporaryFile(prefix="wanmi-audit-", suffix=".xlsx", delete=False) as file:
        made = Path(file.name)
    try:
        with _foreseen():
            write_xlsx(all_pages(engine, filters), made)
    except BaseException:
        made.unlink()
        raise
    return made


def _record(engine: Engine, entry: Entry) -> None:
    with _foreseen(), engine.begin() as connection:
        record(connection, entry)


@contextmanager
def _reading(engine: Engine) -> Iterator[Connection]:
    """A read-only transaction with a limit on its time."""
    with _foreseen(), engine.connect() as connection:
        connection.execute(text(f"SET LOCAL statement_timeout = '{SECONDS}s'"))
        yield connection


@contextmanager
def _foreseen() -> Iterator[None]:
    """Turns what the database says of itself into our sentences."""
    try:
        yield
    except DBAPIError as error:
        if isinstance(error.orig, QueryCanceled):
            raise ApiError(503, "too-slow", "查询超时，请缩小时间范围", "the search took too long; take a shorter time") from None
        if isinstance(error, OperationalError | InterfaceError):
            raise ApiError(503, "unavailable", "数据库暂时不可用，请稍后再试", "the database is not available; try again soon") from None
        raise


def _refused(error: FiltersRefused) -> ApiError:
    return bad_request("invalid-parameter", error.zh, error.en, error.field, error.value)


def _named(words: Any) -> list[dict[str, str]]:
    return [{"key": key, "zh": zh, "en": en} for key, (zh, en) in words.items()]
