"""``/api/imports``: a file from the browser becomes an import job; what may be said of it is what ``wanmi import`` takes."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from sqlalchemy import Connection

from api.access import Action, Actor, Requires
from api.auth.office import OfficeDep
from api.dependencies import Connect, RegistryDep, RightDep, editable_layer, one_city
from api.errors import ApiError, bad_request
from api.jobs import WorkDep, job_view
from api.uploads import Form, receive
from api.work import Work
from data.jobs import IMPORT, uploadable
from data.mapping import split_pairs
from data.report import FileFault
from data.shapes import check_datum
from layers.catalogue import Registry
from spatial.audit.record import Entry, record
from spatial.jobs.kinds import Title
from spatial.jobs.records import Job, JobsRefused, Order, check_room, submit
from spatial.rights.model import Right

__all__ = ["IMPORTS_PATH", "router"]

IMPORTS_PATH = "/api/imports"
TEXTS = ("x", "y", "crs", "encoding", "source_layer", "publisher", "licence", "title")
FIELDS = frozenset({"layer", "city", "mapping", "constants", "datum", "on_bad", "dry_run", *TEXTS})
ON_BAD = ("refuse", "set_aside")
# What the command line calls them, and people.
PAIRS = {"mapping": ("--map", "字段对应"), "constants": ("--set", "固定值")}
YES = {"true": True, "false": False}
router = APIRouter(prefix=IMPORTS_PATH, tags=["jobs"])
ImportDep = Annotated[Actor, Depends(Requires(Action.IMPORT))]


@router.get("/options")
async def options(work: WorkDep, _: ImportDep) -> JSONResponse:
    """Tells what may be uploaded."""
    return JSONResponse({"endings": uploadable(), "most_bytes": work.settings.upload_mb << 20})


@router.post("")
async def upload(
    request: Request, office: OfficeDep, work: WorkDep, registry: RegistryDep, right: RightDep, connect: Connect, actor: ImportDep
) -> JSONResponse:
    """Takes a file and puts its import into the queue: 202 with the job, whose address is in ``Location``.

    Form fields: ``file``, ``layer``, ``city``, ``mapping`` (column=field, repeated), ``constants`` (field=value, repeated),
    ``x y crs datum encoding source_layer on_bad dry_run publisher licence title`` as of ``wanmi import``.
    """
    kind = work.kinds[IMPORT]
    token = uuid.uuid4().hex
    try:
        await office.counter.run(lambda connection: check_room(connection, kind, actor.account))
        form = await receive(request, FIELDS, lambda name: _place(work, token, name))
    except JobsRefused as refused:
        raise ApiError(429, "too-many-jobs", refused.zh, refused.en) from None
    name = work.uploads.name_for(token, form.file)
    try:
        parameters = {"file": form.file, "upload": name} | _parameters(form, registry, right)
        async with connect.queries() as connection:
            await one_city(connection, parameters["city"])  # one that is not seen is not there
        job = await office.counter.run(lambda connection: _submit(connection, work, registry, actor, parameters, form.size))
    except JobsRefused as refused:
        work.uploads.remove(name)
        raise ApiError(429, "too-many-jobs", refused.zh, refused.en) from None
    except BaseException:
        work.uploads.remove(name)
        raise
    return JSONResponse(job_view(job, work, actor), status_code=202, headers={"Location": f"/api/jobs/{job.id}"})


def _place(work: Work, token: str, name: str) -> Path:
    try:
        return work.uploads.path(work.uploads.name_for(token, name))
    except FileFault as fault:
        raise bad_request(fault.rule, fault.zh, fault.en, "file", name) from None


def _parameters(form: Form, registry: Registry, right: Right) -> dict[str, Any]:
    """Returns what was said of the file, as given; what can be seen to be wrong without reading the file is refused here."""
    layer = form.one("layer")
    if layer is None:
        raise bad_request("invalid-parameter", "请指明图层", "name the layer", "layer")
    found: dict[str, Any] = {"layer": editable_layer(registry, right, layer).id, "city": form.one("city")}
    found |= {name: value for name in TEXTS if (value := form.one(name)) is not None}
    found["on_bad"] = form.one("on_bad") or "refuse"
    if found["on_bad"] not in ON_BAD:
        raise bad_request(
            "invalid-parameter", "on_bad 应为 refuse 或 set_aside", "on_bad is refuse or set_aside", "on_bad", found["on_bad"]
        )
    dry_run = form.one("dry_run") or "false"
    if dry_run not in YES:
        raise bad_request("invalid-parameter", "dry_run 应为 true 或 false", "dry_run is true or false", "dry_run", dry_run)
    found["dry_run"] = YES[dry_run]
    try:
        for name, (option, zh) in PAIRS.items():
            try:
                found[name] = split_pairs([line for line in form.fields.get(name, ()) if line.strip()], option)
            except FileFault as fault:
                said = fault.zh.replace(option, f"“{zh}”"), fault.en.replace(option, name)
                raise bad_request("invalid-parameter", *said, name, fault.value) from None
        if (datum := form.one("datum")) is not None:
            found["datum"] = check_datum(datum)
    except FileFault as fault:
        raise bad_request(fault.rule, fault.zh, fault.en, fault.field, fault.value) from None
    return found


def _submit(connection: Connection, work: Work, registry: Registry, actor: Actor, parameters: Mapping[str, Any], size: int) -> Job:
    city = parameters["city"]
    layer, file = registry.layers[parameters["layer"]], parameters["file"]
    trial = ("（试运行）", " (dry run)") if parameters["dry_run"] else ("", "")
    title = Title(f"{file} → {layer.title.zh}{trial[0]}", f"{file} → {layer.title.en}{trial[1]}")
    job = submit(connection, work.kinds[IMPORT], Order(title, parameters, actor.account, actor.name, city))
    detail = {"file": file, "bytes": size, "layer": layer.id, "dry_run": parameters["dry_run"], "on_bad": parameters["on_bad"]}
    place = f"job/{job.id}"
    record(connection, Entry("job.add", actor=actor.account, actor_name=actor.name, address=actor.address, object=place, detail=detail))
    return job
