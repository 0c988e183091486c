"""``/api/jobs``: one's own long work, how far it is, cancelled, reported on.

The screen asks for the list every second while a job of the person runs, and not at all otherwise: one indexed query of a few
rows. A held request per screen (long polling, SSE) would take one of the six connections that a browser has for tiles.

三员分立: the system administrator sees that jobs run and may cancel them, but nothing of what they are about; whose job it is
decides everything else, and another's is unknown (404).
"""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from anyio import to_thread
from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy import Connection

from api.access import ADMINISTRATOR, Action, Actor, Requires
from api.auth.office import OfficeDep
from api.dependencies import StrictQuery
from api.errors import ApiError, not_found
from api.work import Work
from spatial.audit.record import Entry, record
from spatial.jobs import records
from spatial.jobs.kinds import Title
from spatial.jobs.records import Job, JobEnded, JobError

__all__ = ["WorkDep", "job_view", "router"]

MOST_ID = 2**63 - 1
router = APIRouter(prefix="/api/jobs", tags=["jobs"])
JobsDep = Annotated[Actor, Depends(Requires(Action.JOBS))]
JobId = Annotated[int, Path(ge=1, le=MOST_ID, description="job id")]


async def _work(request: Request) -> Work:
    work: Work = request.app.state.work
    return work


WorkDep = Annotated[Work, Depends(_work)]


class JobsQuery(StrictQuery):
    """Parameters of the list."""

    limit: Annotated[int, Query(ge=1, le=200)] = 50
    before: Annotated[int | None, Query(ge=1, le=MOST_ID)] = None


def _oversees(actor: Actor) -> bool:
    """Whether somebody looks after the machine and not after the city."""
    return ADMINISTRATOR[Action.USERS] in actor.roles


def job_view(job: Job, work: Work, actor: Actor) -> dict[str, Any]:
    """Returns a job as JSON; for whom it is not, without anything that it is about."""
    kind = work.kinds.get(job.kind)
    view: dict[str, Any] = {
        "id": job.id, "kind": job.kind, "kind_title": _title(kind.title if kind else Title(job.kind, job.kind)), "actor": job.actor_name,
        "state": job.state, "place": job.place, "cancelling": job.cancel_asked_at is not None and job.finished_at is None,
        "attempts": job.attempts, "created_at": job.created_at.isoformat(),
        "started_at": job.started_at.isoformat() if job.started_at else None,
        "finished_at": job.finished_at.isoformat() if job.finished_at else None,
    }  # fmt: skip
    if job.actor != actor.account:
        return view
    return view | {
        "title": _title(job.title), "city": job.city, "parameters": {key: job.parameters[key] for key in job.parameters if key != "upload"},
        "stage": _title(job.stage), "done": job.done, "total": job.total, "message": _title(job.message), "result": job.result,
        "report": job.has_report,
    }  # fmt: skip


def _title(title: Title | None) -> dict[str, str] | None:
    return {"zh": title.zh, "en": title.en} if title else None


@router.get("")
async def list_jobs(office: OfficeDep, work: WorkDep, actor: JobsDep, query: Annotated[JobsQuery, Query()]) -> JSONResponse:
    """Lists jobs, the newest first; ``next`` is what to give as ``before`` for the page after."""
    whose = None if _oversees(actor) else actor.account
    found = await office.counter.run(lambda connection: records.jobs(connection, whose, query.limit, query.before))
    further = found[-1].id if len(found) == query.limit else None
    return JSONResponse({"jobs": [job_view(job, work, actor) for job in found], "next": further})


@router.get("/{job}")
async def one_job(office: OfficeDep, work: WorkDep, actor: JobsDep, job: JobId) -> JSONResponse:
    """Returns one job."""
    return JSONResponse(job_view(await office.counter.run(lambda connection: _known(connection, job, actor)), work, actor))


@router.post("/{job}/cancel")
async def cancel_job(office: OfficeDep, work: WorkDep, actor: JobsDep, job: JobId) -> JSONResponse:
    """Ends a queued job at once, asks a running one to end."""

    def cancel(connection: Connection) -> tuple[Job, bool]:
        known = _known(connection, job, actor)
        try:
            gone = records.cancel(connection, known)
        except JobEnded as error:
            raise ApiError(409, "job-ended", error.zh, error.en) from None
        detail = {"kind": known.kind, "state": known.state, "whose": known.actor_name}
        entry = Entry("job.cancel", actor=actor.account, actor_name=actor.name, address=actor.address, object=f"job/{job}", detail=detail)
        record(connection, entry)
        return records.job_by_id(connection, job), gone

    found, gone = await office.counter.run(cancel)
    kind = work.kinds.get(found.kind)
    if gone and kind is not None and kind.clean is not None:
        await to_thread.run_sync(kind.clean, found.parameters)
    return JSONResponse(job_view(found, work, actor))


@router.get("/{job}/report")
async def report(office: OfficeDep, actor: JobsDep, job: JobId) -> Response:
    """Returns the report of one's own job as a file."""

    def read(connection: Connection) -> tuple[str, str | None]:
        known = records.job_by_id(connection, job, actor.account)
        return known.title.zh, records.report_of(connection, job)

    try:
        title, text = await office.counter.run(read)
    except JobError as error:
        raise not_found(error.zh, error.en) from None
    if text is None:
        raise not_found(f"任务 {job} 没有报告", f"the job {job} has no report")
    name = quote(f"{title}-{job}.json", safe="")
    headers = {"Content-Disposition": f"attachment; filename=\"job-{job}.json\"; filename*=UTF-8''{name}"}
    return Response(text, media_type="application/json", headers=headers)


def _known(connection: Connection, job: int, actor: Actor) -> Job:
    try:
        return records.job_by_id(connection, job, None if _oversees(actor) else actor.account)
    except JobError as error:
        raise not_found(error.zh, error.en) from None
