"""The door: who asks, by what proof, and whether the counter is theirs. Every route passes it through ``api.access.Requires``.

A session comes by cookie: HttpOnly, Path=/, Secure under https, SameSite=Lax. Lax and not Strict, because people enter by links in
messages and other systems and come back from a single sign-on by a redirect: under Strict both would find them logged out. What Lax
lets through are navigations by GET, which change nothing here; whatever changes something needs the token of the session as well.
Programs send a key, as Bearer or as the password of HTTP Basic; the user name there is that of the key's account, or empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn
from urllib.parse import quote

from fastapi import Request
from sqlalchemy import Connection

from api.access import Action, Actor
from api.auth.bulkhead import Bulkhead
from api.auth.counters import allowed, only_administrates, scope_missing
from api.auth.credentials import Given, read_credentials
from api.auth.denials import Denials
from api.auth.origin import SAFE, foreign_origin, is_csrf_token
from api.errors import ApiError
from spatial.accounts.factors import must_enrol
from spatial.accounts.first import public_account
from spatial.accounts.held import Held, Proof
from spatial.accounts.keys import find_key
from spatial.accounts.policy import Profile, network_address
from spatial.accounts.sessions import TOUCH_AFTER, find
from spatial.audit.record import Entry

__all__ = ["Caller", "Door", "actor_of", "address_of", "caller_of"]

NAME_SHOWN = 60
# What the public's proof is remembered under; no token looks like it.
STRANGER = "public"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who acts in this request, and by what: the proof and, of a session, its token."""

    actor: Actor
    proof: Proof | None = None
    token: str | None = None


def caller_of(request: Request) -> Caller:
    """Returns who acts; only for handlers whose route ``Requires`` more than OPEN."""
    caller: Caller = request.state.caller
    return caller


def address_of(request: Request) -> str | None:
    """Returns the client's network address; what proxies say of it counts only from trusted ones (``trusted_proxies``)."""
    return network_address(request.client.host if request.client else None)


class Door:
    """Decides who comes in; one per worker."""

    def __init__(self, desk: Bulkhead, held: Held, denials: Denials, profile: Profile, public: bool, totp: str) -> None:
        self._desk = desk
        self._held = held
        self._denials = denials
        self._profile = profile
        self._public = public
        self._totp = totp

    async def admit(self, request: Request, action: Action) -> Actor:
        """Returns who acts, or raises what the answer is; nobody is looked up where everybody may come.

        Raises:
            ApiError: 400 malformed credentials, 401 none that hold, 403 not the actor's counter, 303 to a page for people.
        """
        if action is Action.OPEN:
            return Actor(0, "stranger", "", via="stranger", address=address_of(request))
        caller: Caller | None = getattr(request.state, "caller", None)
        if caller is None:
            caller = await self._identify(request)
            request.state.caller = caller
        await self._decide(request, caller, action)
        return caller.actor

    async def _identify(self, request: Request) -> Caller:
        try:
            given = read_credentials(request.headers)
        except ApiError as error:
            await self._note(request, None, error.slug)
            raise
        if given is None:
            return await self._stranger(request)
        proof = await self._prove(given)
        if proof is None or (given.user and given.user.lower() != proof.account.name.lower()):
            await self._note(request, None, "session" if given.by == "cookie" else "key")
            raise _unauthenticated(request)
        actor = actor_of(proof, address_of(request))
        if given.by == "cookie" and request.method not in SAFE:
            if foreign_origin(request.headers):
                await self._refuse(request, actor, "origin", "请求来自其他网站，已拒绝", "the request comes from another site")
            if not is_csrf_token(given.token, request.headers):
                await self._refuse(
                    request, actor, "csrf", "缺少或错误的 X-CSRF-Token，请刷新页面", "X-CSRF-Token is missing or wrong; reload the page"
                )
        return Caller(actor, proof, given.token if given.by == "cookie" else None)

    async def _prove(self, given: Given) -> Proof | None:
        """What a token proves: as remembered, else as the database says."""
        now = datetime.now(UTC)
        proof = self._held.find(given.token, now)
        if proof is None:
            generation = self._held.generation

            def ask(connection: Connection) -> Proof | None:
                if given.by == "cookie":
                    session = find(connection, given.token, self._profile)
                    if session is None:
                        return None
                    return Proof.of_session(session, must_enrol(connection, session.account.id, self._totp))
                found = find_key(connection, given.token)
                return Proof.of_key(*found) if found is not None else None

            proof = await self._desk.run(ask)
            if proof is not None:
                self._held.keep(given.token, proof, generation)
        # a session's token is no key, wherever it is put, and the other way round
        return proof if proof is not None and (proof.session is not None) == (given.by == "cookie") else None

    async def _stranger(self, request: Request) -> Caller:
        """Nobody in particular: the public where it is let in."""
        address = address_of(request)
        if self._public:
            now = datetime.now(UTC)
            proof = self._held.find(STRANGER, now)
            if proof is None:
                generation = self._held.generation
                account = await self._desk.run(public_account)
                if account is not None:
                    proof = Proof(account, now + TOUCH_AFTER)
                    self._held.keep(STRANGER, proof, generation)
            if proof is not None:
                return Caller(actor_of(proof, address), proof)
        if navigates(request):
            raise _to_login(request)
        await self._note(request, None, "nothing")
        raise _unauthenticated(request)

    async def _decide(self, request: Request, caller: Caller, action: Action) -> None:
        actor, proof = caller.actor, caller.proof
        if proof is not None and proof.session is not None and proof.session.must_change and action is not Action.ME:
            if navigates(request):
                raise _to_login(request, "change=1&")
            await self._refuse(request, actor, "password-must-change", "须先修改口令", "the password has to be changed first")
        if proof is not None and proof.must_enrol and action is not Action.ME:
            if navigates(request):
                raise _to_login(request, "enrol=1&")
            await self._refuse(request, actor, "factor-must-enrol", "须先启用动态码", "a second factor has to be set up first")
        if allowed(actor, action):
            return
        if actor.via == "public":
            if navigates(request):
                raise _to_login(request)
            await self._note(request, actor, "forbidden")
            raise _unauthenticated(request)
        if navigates(request) and (only_administrates(actor) or not actor.roles):
            # who has no role yet is told so there, and has his own account menu
            raise _redirect(
                "/admin", "管理员与尚未授权的账户不看业务数据", "administrators and accounts without a role see no business data"
            )
        if scope_missing(actor, action):
            zh, en = "密钥的范围不包括此操作", "the scope of the key does not include this"
        else:
            zh, en = "您的角色不能使用此功能", "this is not open to your role"
        await self._refuse(request, actor, "forbidden", zh, en)

    async def _refuse(self, request: Request, actor: Actor, slug: str, zh: str, en: str) -> NoReturn:
        await self._note(request, actor, slug)
        raise ApiError(403, slug, zh, en)

    async def note_denied(self, request: Request) -> None:
        """What the right refused to somebody who was let in."""
        caller: Caller | None = getattr(request.state, "caller", None)
        await self._note(request, caller.actor if caller is not None else None, "right")

    async def _note(self, request: Request, actor: Actor | None, why: str) -> None:
        """A refusal in the audit log; never the credential, nor the query, in which somebody may have put one."""
        await self._denials.note(
            Entry(
                "denied", "refused", actor.account if actor else None, actor.name if actor else None, address_of(request),
                object=request.url.path[:NAME_SHOWN], detail={"why": why, "method": request.method[:NAME_SHOWN]},
            )
        )  # fmt: skip


def navigates(request: Request) -> bool:
    """Whether a person opens an address, rather than a program or a script reads it."""
    return request.method in ("GET", "HEAD") and "text/html" in request.headers.get("accept", "")


def actor_of(proof: Proof, address: str | None) -> Actor:
    """Returns who acts by a proof."""
    account = proof.account
    if proof.session is not None:
        return Actor(account.id, account.name, account.title, account.roles, "session", session=proof.session.id, address=address)
    if proof.key is not None:
        return Actor(account.id, account.name, account.title, account.roles, "key", proof.key.scopes, address=address)
    return Actor(account.id, account.name, account.title, account.roles, "public", address=address)


def _unauthenticated(request: Request) -> ApiError:
    """A 401 with a challenge. Browsers answer one of Basic with a window of their own, so it is offered to programs only.

    QGIS calls itself Mozilla as browsers do, and over plain http browsers send no ``Sec-Fetch-Site``.
    """
    agent = request.headers.get("user-agent", "")
    browser = "sec-fetch-site" in request.headers or (agent.startswith("Mozilla/") and "QGIS" not in agent)
    error = ApiError(401, "unauthenticated", "请登录，或提供有效的密钥", "log in, or send a key that holds")
    error.headers = {"WWW-Authenticate": 'Bearer realm="wanmi"' if browser else 'Basic realm="wanmi", charset="UTF-8"'}
    return error


def _to_login(request: Request, why: str = "") -> ApiError:
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return _redirect(f"/login?{why}next={quote(here, safe='/')}", "请登录", "log in first")


def _redirect(target: str, zh: str, en: str) -> ApiError:
    """See Other, as an error: a dependency cannot answer, and what stands behind it must not run."""
    error = ApiError(303, "elsewhere", zh, en)
    error.headers = {"Location": target}
    return error
