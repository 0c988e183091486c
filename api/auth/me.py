"""One's own account: who one is, a new password, one's sessions and keys."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, Engine

from api.access import Actor
from api.auth.door import caller_of
from api.auth.office import Office, OfficeDep
from api.auth.session import answer_me, finish_login, me_document
from api.dependencies import MeDep, SelfDep, Text
from api.errors import ApiError, not_found
from spatial.accounts.accounts import account_by_id, set_password
from spatial.accounts.keys import SCOPES, ApiKey, add_key, keys, revoke_key
from spatial.accounts.login import LoginRefused, login
from spatial.accounts.model import SEPARATED, Account, AccountError
from spatial.accounts.policy import PasswordRefused, Profile
from spatial.accounts.sessions import Session, revoke, sessions_of
from spatial.audit.record import Entry, record

__all__ = ["router"]

router = APIRouter(prefix="/api/me", tags=["account"])
FIELDS = {"scope": "scopes", "key_title": "title", "key_days": "days"}


class NewPassword(BaseModel):
    """Body of a change of password."""

    model_config = ConfigDict(extra="forbid")

    old: str
    new: str


class NewKey(BaseModel):
    """Body of a new key."""

    model_config = ConfigDict(extra="forbid")

    title: Text
    scopes: Annotated[list[Text], Field(max_length=len(SCOPES))]
    days: int


@router.get("")
async def get_me(request: Request, _: MeDep) -> dict[str, Any]:
    """Answers who one is, which counters are open, and the token for unsafe requests."""
    return await me_document(request, caller_of(request))


@router.post("/password")
async def post_password(request: Request, body: NewPassword, office: OfficeDep, actor: MeDep) -> Response:
    """Changes the password; every session of the account ends and this browser gets a new one.

    The old one is asked for, and guessing it counts and locks as at log-in: a session left open must not be turned into the account.
    """
    _only_persons(actor)

    def change(engine: Engine) -> Account:
        login(engine, actor.name, body.old, actor.address, office.profile)
        with engine.begin() as connection:
            return _changed(connection, actor, body, office.profile)

    try:
        account = await office.gate.call(change)
    except LoginRefused:
        await _note_refusal(office, "account.password", actor, f"account/{actor.name}", "old")
        zh, en = "原口令不正确，或账户暂时锁定", "the old password is wrong, or the account is locked for a time"
        raise ApiError(403, "password-wrong", zh, en, "old") from None
    except PasswordRefused as error:
        await _note_refusal(office, "account.password", actor, f"account/{actor.name}", error.rule)
        refused = ApiError(400, "password-refused", error.zh, error.en, "new")
        refused.members = {"rule": error.rule}
        raise refused from None
    response = Response()
    caller = await finish_login(request, account, "change", response)
    return await answer_me(request, caller, response)


def _changed(connection: Connection, actor: Actor, body: NewPassword, profile: Profile) -> Account:
    if body.new == body.old:
        raise PasswordRefused("password_same", "新口令不能与原口令相同", "the new password is the old one")
    account = set_password(connection, actor.name, body.new, profile)
    record(connection, Entry("account.password", "ok", actor.account, actor.name, actor.address, f"account/{actor.name}"))
    return account


@router.get("/sessions")
async def get_sessions(office: OfficeDep, actor: SelfDep) -> dict[str, Any]:
    """Answers one's open sessions, the newest first; ``current`` marks that of this request."""
    found = await office.desk.run(lambda connection: sessions_of(connection, account_by_id(connection, actor.account)))
    return {"sessions": [_describe_session(session, actor) for session in found]}


@router.delete("/sessions", status_code=204)
async def delete_sessions(office: OfficeDep, actor: SelfDep) -> None:
    """Ends all of one's sessions but that of this request."""

    def ending(connection: Connection) -> None:
        others = [one for one in sessions_of(connection, account_by_id(connection, actor.account)) if one.id != actor.session]
        ended = sum(revoke(connection, one.id) for one in others)
        _note(connection, "session.revoke", actor, f"account/{actor.name}", {"sessions": ended})

    await office.desk.run(ending)
    office.held.drop(actor.account)


@router.delete("/sessions/{session}", status_code=204)
async def delete_session(
    office: OfficeDep, actor: SelfDep, session: Annotated[int, Path(ge=1, le=2**63 - 1, description="session id")]
) -> None:
    """Ends one of one's sessions; somebody else's is as unknown as one that is not there."""

    def ending(connection: Connection) -> bool:
        mine = {one.id for one in sessions_of(connection, account_by_id(connection, actor.account))}
        if session not in mine or not revoke(connection, session):
            return False
        _note(connection, "session.revoke", actor, f"account/{actor.name}", {"session": session})
        return True

    if not await office.desk.run(ending):
        raise not_found("没有这个会话", "there is no such session", "session", session)
    office.held.drop(actor.account)


@router.get("/keys")
async def get_keys(office: OfficeDep, actor: SelfDep) -> dict[str, Any]:
    """Answers one's keys, oldest first, the scopes there are, and the longest time in days; none for administrators."""
    found = await office.desk.run(lambda connection: keys(connection, actor.name))
    return {
        "keys": [_describe_key(key) for key in found],
        "scopes": [{"key": key, "zh": zh, "en": key} for key, zh in SCOPES.items()],
        "longest_days": office.profile.key_longest.days,
        "allowed": not set(actor.roles) & set(SEPARATED),
    }


@router.post("/keys", status_code=201)
async def post_key(body: NewKey, office: OfficeDep, actor: SelfDep) -> dict[str, Any]:
    """Makes a key and answers it this once."""

    def making(connection: Connection) -> tuple[str, ApiKey]:
        made = add_key(connection, actor.name, body.title, body.scopes, body.days, office.profile)
        _note(connection, "key.add", actor, f"key/{made.row.prefix}", {"scopes": list(made.row.scopes), "days": body.days})
        return made.key, made.row

    try:
        secret, row = await office.desk.run(making)
    except AccountError as error:
        await _note_refusal(office, "key.add", actor, f"account/{actor.name}", error.rule)
        status = 403 if error.rule == "key_administrator" else 400
        raise ApiError(status, error.rule.replace("_", "-"), error.zh, error.en, FIELDS.get(error.rule), error.value) from None
    return _describe_key(row) | {"secret": secret}


@router.delete("/keys/{prefix}", status_code=204)
async def delete_key(office: OfficeDep, actor: SelfDep, prefix: Annotated[Text, Path(description="prefix of the key")]) -> None:
    """Revokes one of one's keys; somebody else's is as unknown as one that is not there."""

    def ending(connection: Connection) -> bool:
        if not any(key.prefix == prefix and key.revoked_at is None for key in keys(connection, actor.name)):
            return False
        revoke_key(connection, prefix)
        _note(connection, "key.revoke", actor, f"key/{prefix}", {})
        return True

    if not await office.desk.run(ending):
        raise not_found("没有这个密钥", "there is no such key", "prefix", prefix)
    office.held.drop(actor.account)


def _only_persons(actor: Actor) -> None:
    if actor.via != "session":
        raise ApiError(403, "forbidden", "须由本人登录后操作", "a person has to log in for this")


def _note(connection: Connection, action: str, actor: Actor, target: str, detail: dict[str, object]) -> None:
    record(connection, Entry(action, "ok", actor.account, actor.name, actor.address, target, detail))


async def _note_refusal(office: Office, action: str, actor: Actor, target: str, why: str) -> None:
    await office.denials.note(Entry(action, "refused", actor.account, actor.name, actor.address, target, {"why": why}))


def _moment(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None


def _describe_session(session: Session, actor: Actor) -> dict[str, Any]:
    return {
        "id": session.id, "opened_at": _moment(session.opened_at), "seen_at": _moment(session.seen_at), "ends_at": _moment(session.ends_at),
        "ip": session.address, "agent": session.agent, "current": session.id == actor.session,
    }  # fmt: skip


def _describe_key(key: ApiKey) -> dict[str, Any]:
    return {
        "prefix": key.prefix, "title": key.title, "scopes": list(key.scopes), "created_at": _moment(key.created_at),
        "expires_at": _moment(key.expires_at), "last_used_at": _moment(key.last_used_at), "revoked_at": _moment(key.revoked_at),
    }  # fmt: skip
