"""A thin application with the routes of second factors and outside identities; log-in as the house does it, without its door."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from anyio import to_thread
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy import Connection, Engine, text

from api.access import Action, Actor
from api.auth import factors, oidc
from api.auth.joins import Joins
from api.auth.provider import Provider, provider_of
from api.errors import ApiError, register_error_handlers
from spatial.accounts.accounts import account_by_id
from spatial.accounts.login import LoginRefused, login
from spatial.accounts.model import Account
from spatial.accounts.policy import PROFILES
from spatial.accounts.sealing import Sealer
from spatial.accounts.sessions import find, open_session
from spatial.settings import Settings
from tests.support.people import PASSWORD, add_person

__all__ = ["COOKIE", "add_present", "thin_app"]

Result = TypeVar("Result")
COOKIE = "wanmi_session"


def add_present(engine: Engine, name: str, *roles: str, password: str | None = PASSWORD) -> Account:
    """Makes an account of today: routes go by the real clock."""
    account = add_person(engine, name, *roles, password=password)
    with engine.begin() as connection:
        connection.execute(
            text("""
                UPDATE account.account SET enabled_at = now(), created_at = now(),
                       password_changed_at = CASE WHEN password_changed_at IS NOT NULL THEN now() END WHERE id = :id
            """),
            {"id": account.id},
        )
        return account_by_id(connection, account.id)


class SessionDoor:
    """What the house's door does: the cookie says who acts."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def admit(self, request: Request, action: Action) -> Actor:
        with self.engine.begin() as connection:
            session = find(connection, request.cookies.get(COOKIE, ""), PROFILES["mlps2"])
        if session is None:
            return Actor(0, "stranger", "", via="stranger")
        account = session.account
        return Actor(account.id, account.name, account.title, account.roles, "session", session=session.id, address="10.0.0.7")


class Desk:
    """Owner's work in threads."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def run(self, work: Callable[[Connection], Result]) -> Result:
        def within() -> Result:
            with self.engine.begin() as connection:
                return work(connection)

        return await to_thread.run_sync(within)

    async def call(self, work: Callable[[Engine], Result]) -> Result:
        return await to_thread.run_sync(work, self.engine)


def thin_app(settings: Settings, engine: Engine, folder: Path, provider: Provider | None = None) -> FastAPI:
    """Returns the application; ``X-Address`` of a request stands for its network address."""
    app, desk, profile = FastAPI(), Desk(engine), PROFILES[settings.security_profile]

    def address(request: Request) -> str | None:
        return request.headers.get("x-address", "10.0.0.7")

    async def finish(request: Request, account: Account, how: str, response: Response) -> Account:
        via = "oidc" if how == "oidc" else "password"
        opened = await desk.run(lambda connection: open_session(connection, account, profile, address(request), via=via))
        response.set_cookie(COOKIE, opened.token)
        return account

    async def answer(request: Request, account: Account, cookies: Response) -> Response:
        told = JSONResponse({"account": account.id, "name": account.name})
        for value in cookies.headers.getlist("set-cookie"):
            told.headers.append("set-cookie", value)
        return told

    joins = Joins(finish, answer, lambda request: desk, Sealer(folder), address, lambda request, account: None)
    app.state.settings, app.state.engine, app.state.door = settings, engine, SessionDoor(engine)
    ask = factors.second_factor(joins)

    @app.post("/api/login")
    async def by_password(request: Request, body: dict[str, Any]) -> Response:
        try:
            granted = await desk.call(lambda engine: login(engine, body["username"], body["password"], address(request), profile))
        except LoginRefused as error:
            raise ApiError(401, "login-refused", error.zh, error.en) from None
        await ask(request, granted.account)
        response = Response()
        return await answer(request, await finish(request, granted.account, "password", response), response)

    @app.get("/api/me")
    async def me(request: Request) -> dict[str, Any]:
        session = await desk.run(lambda connection: find(connection, request.cookies.get(COOKIE, ""), profile))
        if session is None:
            raise ApiError(401, "unauthenticated", "未登录", "not signed in")
        name = await desk.run(lambda connection: account_by_id(connection, session.account.id).name)
        return {"name": name, "via": session.via, "must_change": session.must_change, "session": session.id}

    app.include_router(factors.router(joins))
    app.include_router(oidc.router(provider or provider_of(settings), joins))
    register_error_handlers(app)
    return app
