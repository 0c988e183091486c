"""The second factor over HTTP: the code after the password, and one's own factor begun, confirmed, shown and removed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import segno
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, Engine, text

from api.access import Action, Actor, Requires
from api.auth.joins import Joins
from api.dependencies import OpenDep, SettingsDep, Text
from api.errors import ApiError, not_found
from spatial.accounts.accounts import account_by_id
from spatial.accounts.factors import (
    FactorError,
    Outcome,
    begin_enrolment,
    check,
    confirm_enrolment,
    factor_state,
    must_enrol,
    pending,
    remove,
)
from spatial.accounts.login import LoginRefused, login
from spatial.accounts.model import Account
from spatial.accounts.policy import PROFILES, Profile
from spatial.accounts.sealing import SealError
from spatial.accounts.tickets import Redeemed, Ticket, issue, redeem
from spatial.audit.record import Entry, record
from spatial.settings import Settings

__all__ = ["FRESH", "TICKET_COOKIE", "TICKET_PATH", "router", "second_factor", "ticket_for"]

TICKET_COOKIE = "wanmi_ticket"
TICKET_PATH = "/api/login/code"

# Whoever signed in just now need not prove it again; a session left open is not enough to change how its owner signs in (ASVS 7.5.1).
FRESH = timedelta(minutes=10)
OwnDep = Annotated[Actor, Depends(Requires(Action.ME))]
Code = Annotated[Text, Field(min_length=1, max_length=64, description="six digits of the app, or a recovery code")]
Password = Annotated[Text, Field(max_length=256, description="one's own password")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CodeBody(_Body):
    """The second step of a log-in; without ``ticket`` the one in the cookie counts, which the identity provider's way back set."""

    code: Code
    ticket: Annotated[Text | None, Field(max_length=64)] = None


class BeginBody(_Body):
    """A password where the session is no longer fresh."""

    password: Password | None = None


class ConfirmBody(_Body):
    """The first code of a new factor."""

    code: Code


class RemoveBody(_Body):
    """Both factors: whoever takes one away has to hold both."""

    password: Password | None = None
    code: Code


def second_factor(joins: Joins) -> Callable[[Request, Account], Awaitable[None]]:
    """Returns what the log-in by password asks after the password was right, for ``app.state.second_factor``."""

    async def ask(request: Request, account: Account) -> None:
        """Passes where no code is due.

        Raises:
            ApiError: 401 ``second-factor-needed`` with a ticket for ``POST /api/login/code`` among its members.
        """
        settings: Settings = request.app.state.settings
        address = joins.address(request)

        def due(connection: Connection) -> Ticket | None:
            return ticket_for(connection, account, "password", address) if pending(connection, account.id, settings.totp) else None

        ticket = await joins.owner(request).run(due)
        if ticket is not None:
            error = ApiError(401, "second-factor-needed", "请输入动态码", "type the code of your second factor")
            error.members = {"ticket": ticket.token, "ends_at": ticket.ends_at.isoformat()}
            raise error

    return ask


def ticket_for(connection: Connection, account: Account, via: str, address: str | None) -> Ticket:
    """Makes a ticket and notes that the first step was passed: nobody is in yet."""
    record(connection, Entry("login.first", "ok", account.id, account.name, address, f"account/{account.name}", {"via": via}))
    return issue(connection, account, via, address)


def router(joins: Joins) -> APIRouter:
    """Returns the routes of second factors."""
    found = APIRouter(tags=["login"])

    @found.post("/api/login/code")
    async def code(request: Request, _: OpenDep, settings: SettingsDep, body: CodeBody) -> Response:
        """Ends a log-in with the code of the app or a recovery code."""
        return await _second_step(request, Response(), joins, settings, body)

    @found.get("/api/me/factor")
    async def state(request: Request, actor: OwnDep, settings: SettingsDep) -> dict[str, Any]:
        """Says whether one's own account has a second factor, and whether it must."""
        return await joins.owner(request).run(lambda connection: _state(connection, actor, settings))

    @found.post("/api/me/factor")
    async def begin(request: Request, actor: OwnDep, settings: SettingsDep, body: BeginBody) -> dict[str, Any]:
        """Makes a secret and shows it: as text, as an otpauth address and as a QR code."""
        return await _begin(request, joins, settings, _person(actor, settings), body)

    @found.post("/api/me/factor/confirm")
    async def confirm(request: Request, actor: OwnDep, settings: SettingsDep, body: ConfirmBody) -> dict[str, Any]:
        """Puts the factor into force by its first code and tells the recovery codes, this once."""
        return await _confirm(request, joins, _person(actor, settings), body)

    @found.delete("/api/me/factor", status_code=204)
    async def take_away(request: Request, actor: OwnDep, settings: SettingsDep, body: RemoveBody) -> None:
        """Takes one's own factor away, with password and code."""
        await _remove(request, joins, settings, _person(actor, settings), body)

    return found


def _person(actor: Actor, settings: Settings) -> Actor:
    """Lets in only who signed in with a browser: a key is a program's and has no factor.

    Raises:
        ApiError: 404 where factors are switched off, 403 for a key.
    """
    if settings.totp == "off":
        raise not_found("没有启用动态码", "second factors are not switched on")
    if actor.via != "session":
        raise ApiError(403, "session-needed", "动态码只能由本人登录后设置", "a factor is set by the person, signed in with a browser")
    return actor


async def _second_step(request: Request, response: Response, joins: Joins, settings: Settings, body: CodeBody) -> Response:
    token, address = body.ticket or request.cookies.get(TICKET_COOKIE, ""), joins.address(request)
    profile = PROFILES[settings.security_profile]

    def work(connection: Connection) -> Redeemed:
        found = redeem(connection, joins.sealer, token, body.code, address, profile)
        number, name = (found.account.id, found.account.name) if found.account else (None, None)
        reason = "ticket" if found.ended else f"code_{found.outcome.value}"
        detail = {"via": found.via, "reason": reason}
        if found.granted is None:
            record(connection, Entry("login", "refused", number, name, address, detail=detail))
        else:
            record(connection, Entry("login.second", "ok", number, name, address, detail=detail))
        return found

    with _sealed():
        redeemed = await joins.owner(request).run(work)
    if redeemed.granted is None:
        raise _refusal(redeemed)
    caller = await joins.finish(request, redeemed.granted.account, "oidc" if redeemed.via == "oidc" else "code", response)
    response.delete_cookie(TICKET_COOKIE, path=TICKET_PATH)
    return await joins.answer(request, caller, response)


@contextmanager
def _sealed() -> Iterator[None]:
    """Tells that the key of the secrets is missing: somebody at the machine has to see to it."""
    try:
        yield
    except SealError as error:
        raise ApiError(503, "factor-sealed", error.zh, error.en) from None


def _refusal(redeemed: Redeemed) -> ApiError:
    if redeemed.ended:
        return ApiError(401, "ticket-ended", "登录已超时，请重新登录", "this log-in has ended; sign in again")
    return _code_refusal(redeemed.outcome)


def _code_refusal(outcome: Outcome) -> ApiError:
    if outcome is Outcome.LOCKED:
        zh, en = "动态码错误次数过多，已暂时锁定，请稍后再试", "too many wrong codes; locked for a time"
        return ApiError(429, "code-locked", zh, en, "code")
    if outcome is Outcome.REPLAYED:
        zh, en = "这个动态码已用过，请等待下一个", "this code was used already; wait for the next one"
        return ApiError(401, "code-used", zh, en, "code")
    return ApiError(401, "code-wrong", "动态码不正确或已过期", "the code is wrong or its time is over", "code")


def _state(connection: Connection, actor: Actor, settings: Settings) -> dict[str, Any]:
    known = factor_state(connection, actor.account)
    return {
        "mode": settings.totp,
        "enrolled": known.enrolled_at is not None,
        "enrolled_at": known.enrolled_at,
        "recovery_left": known.recovery_left,
        "must_enrol": must_enrol(connection, actor.account, settings.totp),
        "password_needed": not _is_fresh(connection, actor),
    }


async def _begin(request: Request, joins: Joins, settings: Settings, actor: Actor, body: BeginBody) -> dict[str, Any]:
    owner = joins.owner(request)
    fresh = await owner.run(lambda connection: _is_fresh(connection, actor))
    if not fresh:
        await _prove(request, joins, settings, actor, body.password, "account.factor.begin")

    def work(connection: Connection) -> dict[str, Any]:
        made = begin_enrolment(connection, joins.sealer, account_by_id(connection, actor.account))
        record(connection, _entry("account.factor.begin", actor))
        # black on white in the dark theme too: cameras read no inverted codes
        qr = segno.make(made.uri, error="m", micro=False).svg_data_uri(scale=4, border=4, dark="#000", light="#fff")
        return {"secret": made.secret, "uri": made.uri, "qr": qr}

    with _sealed():
        try:
            return await owner.run(work)
        except FactorError as error:
            raise ApiError(409, "factor-enrolled", error.zh, error.en) from None


async def _confirm(request: Request, joins: Joins, actor: Actor, body: ConfirmBody) -> dict[str, Any]:
    def work(connection: Connection) -> dict[str, Any]:
        codes = confirm_enrolment(connection, joins.sealer, actor.account, body.code)
        _end_other_sessions(connection, actor)
        record(connection, _entry("account.factor.confirm", actor))
        return {"recovery_codes": codes}

    with _sealed():
        try:
            told = await joins.owner(request).run(work)
        except FactorError as error:
            refused = _entry("account.factor.confirm", actor, "refused", error.rule)
            status, slug = (400, "code-wrong") if error.rule == "code_wrong" else (409, "factor-not-begun")
            await joins.owner(request).run(lambda connection: record(connection, refused))
            raise ApiError(status, slug, error.zh, error.en, "code") from None
    joins.forget(request, actor.account)
    return told


async def _remove(request: Request, joins: Joins, settings: Settings, actor: Actor, body: RemoveBody) -> None:
    await _prove(request, joins, settings, actor, body.password, "account.factor.remove")
    profile = PROFILES[settings.security_profile]

    def work(connection: Connection) -> Outcome:
        outcome = check(connection, joins.sealer, actor.account, body.code, profile)
        if outcome.granted:
            remove(connection, actor.account)
            _end_other_sessions(connection, actor)
        record(connection, _entry("account.factor.remove", actor, *([] if outcome.granted else ["refused", f"code_{outcome.value}"])))
        return outcome

    with _sealed():
        outcome = await joins.owner(request).run(work)
    joins.forget(request, actor.account)
    if outcome is Outcome.NONE:
        raise ApiError(409, "factor-none", "该账户没有启用动态码", "the account has no second factor")
    if not outcome.granted:
        # 403, not 401: the session holds, it is the change that is refused
        refused = _code_refusal(outcome)
        raise ApiError(403 if refused.status == 401 else refused.status, refused.slug, refused.zh, refused.en, "code")


async def _prove(request: Request, joins: Joins, settings: Settings, actor: Actor, password: str | None, action: str) -> None:
    """Asks for the password of an account that has one; a wrong one counts as a failed log-in. Without one the session must be fresh.

    Raises:
        ApiError: 403.
    """
    owner, profile, address = joins.owner(request), PROFILES[settings.security_profile], joins.address(request)
    if not await owner.call(lambda engine: _is_proved(engine, actor, password, profile, address)):
        await owner.run(lambda connection: record(connection, _entry(action, actor, "refused", "password")))
        zh, en = "请输入正确的口令以确认是本人", "type your password, so that it is you"
        raise ApiError(403, "password-needed", zh, en, "password")


def _is_proved(engine: Engine, actor: Actor, password: str | None, profile: Profile, address: str | None) -> bool:
    with engine.begin() as connection:
        account = account_by_id(connection, actor.account)
        if account.password_changed_at is None:
            return _is_fresh(connection, actor)
    if not password:
        return False
    try:
        login(engine, account.name, password, address, profile)
    except LoginRefused:
        return False
    return True


def _is_fresh(connection: Connection, actor: Actor) -> bool:
    opened = connection.scalar(text("SELECT opened_at FROM account.session WHERE id = :id"), {"id": actor.session})
    return opened is not None and datetime.now(UTC) - opened < FRESH


def _end_other_sessions(connection: Connection, actor: Actor) -> None:
    """Whoever else sits in this account has to pass the factor as it is now (ASVS 7.4.3)."""
    connection.execute(
        text("UPDATE account.session SET revoked_at = now() WHERE account = :account AND id <> :own AND revoked_at IS NULL"),
        {"account": actor.account, "own": actor.session},
    )


def _entry(action: str, actor: Actor, result: Any = "ok", reason: str | None = None) -> Entry:
    detail = {"reason": reason} if reason else {}
    return Entry(action, result, actor.account, actor.name, actor.address, f"account/{actor.name}", detail)
