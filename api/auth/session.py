"""A session over HTTP: every way in (password, code, single sign-on) ends in ``finish_login``."""

from __future__ import annotations

from typing import Literal

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy import Connection

from api.auth.counters import counters
from api.auth.credentials import COOKIE
from api.auth.door import Caller, actor_of, address_of
from api.auth.office import office_of
from api.auth.origin import csrf_token
from spatial.accounts.factors import must_enrol
from spatial.accounts.held import Proof
from spatial.accounts.model import ROLES, Account
from spatial.accounts.organisations import organisations
from spatial.accounts.policy import password_rules
from spatial.accounts.sessions import Opened, find, open_session, revoke
from spatial.audit.record import Entry, record

__all__ = ["How", "answer_me", "clear_cookie", "finish_login", "me_document"]

How = Literal["password", "code", "oidc", "change"]


async def finish_login(request: Request, account: Account, how: How, response: Response) -> Caller:
    """Opens the session of somebody who has proved who they are, sets its cookie on ``response`` and writes the audit log.

    A session that the browser had before ends: its token may be known to whoever sat there earlier.
    """
    office = office_of(request)
    address, agent, former = address_of(request), request.headers.get("user-agent"), request.cookies.get(COOKIE)

    def opening(connection: Connection) -> tuple[Opened, bool]:
        before = find(connection, former, office.profile) if former else None
        if before is not None:
            revoke(connection, before.id)
        if how != "change":
            record(connection, Entry("login", "ok", account.id, account.name, address, f"account/{account.name}", {"how": how}))
        opened = open_session(connection, account, office.profile, address, agent, via="oidc" if how == "oidc" else "password")
        return opened, must_enrol(connection, account.id, request.app.state.settings.totp)

    opened, enrol = await office.desk.run(opening)
    proof = Proof.of_session(opened.session, enrol)
    # ends with the browser, and on the server long before; why Lax: see ``api.auth.door``
    response.set_cookie(COOKIE, opened.token, path="/", httponly=True, samesite="lax", secure=request.url.scheme == "https")
    return Caller(actor_of(proof, address), proof, opened.token)


def clear_cookie(request: Request, response: Response) -> None:
    """Takes the cookie back."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax", secure=request.url.scheme == "https")


async def me_document(request: Request, caller: Caller) -> dict[str, object]:
    """Returns who one is, as screens need it; ``csrf`` goes with every unsafe request by cookie."""
    actor, account = caller.actor, caller.proof.account if caller.proof else None
    titles = {one.key: {"zh": one.title_zh, "en": one.title_en} for one in await office_of(request).desk.run(organisations)}
    session = caller.proof.session if caller.proof else None
    rules = password_rules(office_of(request).profile)
    return {
        "account": actor.account,
        "name": actor.name,
        "title": actor.title,
        "roles": list(actor.roles),
        "grants": [
            {
                "role": grant.role,
                "zh": ROLES[grant.role].zh,
                "en": ROLES[grant.role].en,
                "area": grant.area,
                "organisation": grant.organisation,
            }
            for grant in (account.grants if account else ())
        ],
        "organisation": account.organisation if account else None,
        "organisation_title": titles.get(account.organisation or "") if account else None,
        "via": actor.via,
        "must_change": session.must_change if session else False,
        "must_enrol": caller.proof.must_enrol if caller.proof else False,
        "second_factor": request.app.state.settings.totp != "off",
        "counters": [] if session and (session.must_change or (caller.proof is not None and caller.proof.must_enrol)) else counters(actor),
        "password_rules": {"zh": rules[0], "en": rules[1]},
        "csrf": csrf_token(caller.token) if caller.token else None,
    }


async def answer_me(request: Request, caller: Caller, cookies: Response) -> JSONResponse:
    """Returns the document of ``/api/me`` with the cookies of another response."""
    answer = JSONResponse(await me_document(request, caller))
    for value in cookies.headers.getlist("set-cookie"):
        answer.headers.append("set-cookie", value)
    return answer
