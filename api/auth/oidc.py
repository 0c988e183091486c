"""Signing in through the identity provider of the intranet: there and back (OpenID Connect, code flow with PKCE).

What fails is a sentence: a problem document for programs, the log-in page with the problem's slug for people.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import Field
from sqlalchemy import Connection

from api.auth.factors import TICKET_COOKIE, TICKET_PATH, ticket_for
from api.auth.joins import Joins, local_page
from api.auth.provider import Provider, ProviderError, TokenRefused
from api.dependencies import OpenDep, SettingsDep, StrictQuery, Text
from api.errors import not_found, problem
from api.links import url
from grid_coding.errors import BilingualError
from spatial.accounts.factors import pending
from spatial.accounts.flows import HOLDS, Flow, TooManyFlows, begin_flow, take_flow
from spatial.accounts.identities import IdentityRefused, sign_in
from spatial.accounts.login import Granted
from spatial.accounts.policy import PROFILES
from spatial.accounts.tickets import HOLDS as TICKET_HOLDS
from spatial.accounts.tickets import Ticket
from spatial.audit.record import Entry, record
from spatial.settings import Settings

__all__ = ["FLOW_COOKIE", "router"]

FLOW_COOKIE = "wanmi_flow"
LOGIN_PAGE = "/login"
CALLBACK = ("api", "login", "oidc", "callback")
FLOW_PATH = "/api/login/oidc"
# Providers may add what they like to the answer; of an error only these names are kept (RFC 6749 §4.1.2.1, OpenID Core §3.1.2.6).
ERRORS = frozenset({
    "access_denied", "invalid_request", "unauthorized_client", "unsupported_response_type", "invalid_scope", "server_error",
    "temporarily_unavailable", "interaction_required", "login_required", "account_selection_required", "consent_required",
})  # fmt: skip


class Declined(BilingualError):
    """The provider sent the person back without a code; ``reason`` is what it said."""

    def __init__(self, reason: str) -> None:
        super().__init__("已取消登录，或被统一身份认证拒绝", "signing in was cancelled, or the identity provider declined it")
        self.reason = reason


class WrongPage(BilingualError):
    """The page to go to afterwards is not one of ours."""

    reason = "next"

    def __init__(self) -> None:
        super().__init__("登录后的页面只能是本系统的路径", "the page after log-in is a path of this server")


class OidcQuery(StrictQuery):
    """Parameters of the way there."""

    next: Annotated[Text, Field(description="page to go to afterwards, a path of this server")] = "/"


# What is told of each: status and slug; the log-in page has a sentence for every slug.
TOLD: dict[type[BilingualError], tuple[int, str]] = {
    WrongPage: (400, "oidc-page"),
    TokenRefused: (401, "oidc-proof"),
    Declined: (401, "oidc-declined"),
    IdentityRefused: (403, "oidc-account"),
    TooManyFlows: (429, "oidc-busy"),
}


def router(provider: Provider | None, joins: Joins) -> APIRouter:
    """Returns the two routes; without a provider both are 404."""
    found = APIRouter(tags=["login"])

    @found.get("/api/login/oidc", status_code=303, response_class=RedirectResponse)
    async def there(request: Request, _: OpenDep, query: Annotated[OidcQuery, Query()]) -> Response:
        """Sends the browser to the identity provider."""
        return await _answered(request, joins, _there(request, _switched_on(provider), joins, query.next))

    @found.get("/api/login/oidc/callback", status_code=303, response_class=RedirectResponse)
    async def back(request: Request, _: OpenDep, settings: SettingsDep) -> Response:
        """Takes the browser back and opens a session, or asks for the code of the second factor."""
        return await _answered(request, joins, _back(request, _switched_on(provider), joins, settings))

    return found


def _switched_on(provider: Provider | None) -> Provider:
    if provider is None:
        raise not_found("没有启用统一身份认证", "no identity provider is configured")
    return provider


async def _there(request: Request, provider: Provider, joins: Joins, page: str) -> Response:
    if not local_page(page):
        raise WrongPage
    address = joins.address(request)
    flow = await joins.owner(request).run(lambda connection: begin_flow(connection, page, address))
    response = RedirectResponse(await provider.authorization_url(flow, url(request, *CALLBACK)), 303)
    _set_cookie(request, response, FLOW_COOKIE, flow.browser, FLOW_PATH, int(HOLDS.total_seconds()), "lax")
    return response


async def _back(request: Request, provider: Provider, joins: Joins, settings: Settings) -> Response:
    values, profile, owner = request.query_params, PROFILES[settings.security_profile], joins.owner(request)
    flow = await _flow(request, joins, values.get("state", ""))
    # RFC 9207: an answer that names another issuer was meant for somebody else
    if values.get("iss", provider.issuer) != provider.issuer:
        raise TokenRefused("answer: iss")
    if "error" in values:
        told = values["error"]
        raise Declined(f"provider: {told if told in ERRORS else 'error'}")
    code = values.get("code", "")
    if not 0 < len(code) <= 4096 or not code.isprintable() or not code.isascii():
        raise TokenRefused("answer: code")
    vouched = await provider.vouched(flow, code, url(request, *CALLBACK))
    address = joins.address(request)

    def known(connection: Connection) -> Granted | Ticket | IdentityRefused:
        try:
            granted = sign_in(connection, provider.issuer, vouched.subject, vouched.name, profile)
        except IdentityRefused as error:  # told after the commit: an account left for too long stays disabled
            return error
        if not pending(connection, granted.account.id, settings.totp):
            return granted
        return ticket_for(connection, granted.account, "oidc", address)

    found = await owner.run(known)
    if isinstance(found, IdentityRefused):
        raise found
    if isinstance(found, Ticket):
        response = RedirectResponse(f"{LOGIN_PAGE}?step=code&next={quote(flow.next, safe='')}", 303)
        _set_cookie(request, response, TICKET_COOKIE, found.token, TICKET_PATH, int(TICKET_HOLDS.total_seconds()), "strict")
    else:
        response = RedirectResponse(flow.next, 303)
        await joins.finish(request, found.account, "oidc", response)
    response.delete_cookie(FLOW_COOKIE, path=FLOW_PATH)
    return response


async def _flow(request: Request, joins: Joins, state: str) -> Flow:
    browser = request.cookies.get(FLOW_COOKIE, "")
    flow = await joins.owner(request).run(lambda connection: take_flow(connection, state, browser))
    if flow is None:
        raise TokenRefused("answer: state")
    return flow


async def _answered(request: Request, joins: Joins, work: Awaitable[Response]) -> Response:
    """Awaits the work; what it refuses is audited and told, to people on the log-in page."""
    try:
        return await work
    except ProviderError as error:
        await _note(request, joins, Entry("login", "failed", detail={"via": "oidc", "reason": error.reason}))
        return _told(request, error.status, "oidc-unavailable" if error.status == 503 else "oidc-answer", error)
    except (WrongPage, TokenRefused, Declined, IdentityRefused, TooManyFlows) as error:
        account = getattr(error, "account", None)
        detail = {"via": "oidc", "reason": getattr(error, "reason", "too_many")}
        await _note(request, joins, Entry("login", "refused", object=f"account/{account}" if account else None, detail=detail))
        return _told(request, *TOLD[type(error)], error)


async def _note(request: Request, joins: Joins, entry: Entry) -> None:
    address = joins.address(request)
    await joins.owner(request).run(lambda connection: record(connection, replace(entry, address=address)))


def _told(request: Request, status: int, slug: str, error: BilingualError) -> Response:
    if "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(f"{LOGIN_PAGE}?refused={slug}", 303)
    return problem(status, slug, error.zh, error.en)


def _set_cookie(
    request: Request, response: Response, name: str, value: str, path: str, seconds: int, same_site: Literal["lax", "strict"]
) -> None:
    secure = request.url.scheme == "https"
    response.set_cookie(name, value, max_age=seconds, path=path, httponly=True, samesite=same_site, secure=secure)
