"""Log-in with name and password, and log-out.

The seam for other ways in: a second factor is a function in ``app.state.second_factor`` that raises the 401 problem
``second-factor-needed`` (with its ticket in ``error.members``); its own route and the return of a single sign-on end in
``api.auth.session.finish_login``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection, Engine

from api.auth.door import address_of, caller_of
from api.auth.office import OfficeDep
from api.auth.origin import foreign_origin
from api.auth.session import answer_me, clear_cookie, finish_login
from api.dependencies import MeDep, OpenDep
from api.errors import ApiError
from data.sample_city import SAMPLE_KEY
from spatial.accounts.accounts import NAME_PATTERN
from spatial.accounts.first import demo_names
from spatial.accounts.login import Granted, LoginRefused, login
from spatial.accounts.model import Account
from spatial.accounts.sessions import revoke
from spatial.audit.record import Entry, record
from spatial.cities import city_or_none

__all__ = ["SecondFactor", "refuse_foreign", "router"]

router = APIRouter(prefix="/api", tags=["account"])
SecondFactor = Callable[[Request, Account], Awaitable[None]]


class Credentials(BaseModel):
    """Body of a log-in."""

    model_config = ConfigDict(extra="forbid")

    username: str
    password: str


@router.get("/login")
async def get_login(request: Request, office: OfficeDep, _: OpenDep) -> dict[str, Any]:
    """Answers what the log-in page shows: the users of a sample city, whether single sign-on is there, and nothing else."""

    def demo(connection: Connection) -> list[str]:
        return demo_names(connection) if city_or_none(connection, SAMPLE_KEY) is not None else []

    return {"title": {"zh": "万米", "en": "Wanmi"}, "demo": await office.gate.run(demo), "oidc": request.app.state.oidc}


async def refuse_foreign(request: Request, office: OfficeDep) -> None:
    """Refuses a log-in that a page of somebody else sends: it would put a person into an account that is not theirs.

    Raises:
        ApiError: 403.
    """
    if foreign_origin(request.headers):
        await office.denials.note(Entry("login", "refused", address=address_of(request), detail={"why": "origin"}))
        raise ApiError(403, "origin", "请求来自其他网站，已拒绝", "the request comes from another site")


@router.post("/login")
async def post_login(request: Request, body: Credentials, office: OfficeDep, _: OpenDep) -> Response:
    """Logs in with name and password; a second factor is asked for where there is one."""
    await refuse_foreign(request, office)
    address = address_of(request)

    def attempt(engine: Engine) -> Granted:
        return login(engine, body.username, body.password, address, office.profile)

    try:
        granted = await office.gate.call(attempt)
    except LoginRefused as error:
        # what cannot be a name may be a password in the wrong field
        name = body.username if NAME_PATTERN.fullmatch(body.username) else "?"
        await office.denials.note(Entry("login", "refused", actor_name=name, address=address, detail={"how": "password"}))
        raise ApiError(401, "login-refused", error.zh, error.en) from None
    second: SecondFactor | None = request.app.state.second_factor
    if second is not None:
        await second(request, granted.account)
    response = Response()
    caller = await finish_login(request, granted.account, "password", response)
    return await answer_me(request, caller, response)


@router.post("/logout", status_code=204)
async def post_logout(request: Request, office: OfficeDep, actor: MeDep) -> Response:
    """Ends the session of this request; others of the same person go on."""

    def ending(connection: Connection) -> None:
        if actor.session is not None and revoke(connection, actor.session):
            record(connection, Entry("logout", "ok", actor.account, actor.name, actor.address, f"account/{actor.name}"))

    response = Response(status_code=204)
    if caller_of(request).token is not None:
        await office.desk.run(ending)
        # this worker need not wait for the notification
        office.held.drop(actor.account)
        clear_cookie(request, response)
    return response
