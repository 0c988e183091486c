"""Accounts, for the system administrator: made, found, changed, disabled; never what somebody may see, and never business data."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from api.access import Action, Actor, Requires
from api.dependencies import SettingsDep, StrictQuery, Text
from api.desk import DeskDep, Told
from spatial.accounts.accounts import NewAccount, account_by_name, change, create, disable, enable, find_accounts, set_password
from spatial.accounts.keys import ApiKey, keys, revoke_key
from spatial.accounts.model import ROLES, STATES, Account, AccountError
from spatial.accounts.organisations import KINDS, Organisation, add_organisation, organisations
from spatial.accounts.policy import PROFILES, one_time_password
from spatial.accounts.sessions import revoke_all, sessions_of

__all__ = ["Body", "describe_organisation", "moment", "organisation_router", "router"]

router = APIRouter(prefix="/api/users", tags=["users"])
UsersDep = Annotated[Actor, Depends(Requires(Action.USERS))]
Name = Annotated[Text, Path(description="name of the account")]
MOST = 500
# A one-time password is kept by no browser and no proxy.
NO_STORE = "no-store"
# Whoever can set their passwords could act as them: the separation would be one of names only.
APART = frozenset({"secadmin", "auditor"})


class Body(BaseModel):
    """Base of bodies: an unknown member is an error."""

    model_config = ConfigDict(extra="forbid")


class UsersQuery(StrictQuery):
    """Which accounts."""

    q: Text = ""
    state: Literal["active", "disabled", "locked"] | None = None
    role: Text | None = None
    limit: Annotated[int, Field(ge=1, le=MOST)] = 200
    offset: Annotated[int, Field(ge=0, le=1_000_000)] = 0


class Person(Body):
    """Who an account stands for."""

    title: Text
    organisation: Text | None = None
    department: Annotated[Text | None, Field(max_length=100)] = None
    post: Annotated[Text | None, Field(max_length=100)] = None


class NewPerson(Person):
    """A new account; roles are the security administrator's to give."""

    name: Text


class NewOrganisation(Body):
    """A new organisation."""

    key: Text
    title_zh: Annotated[Text, Field(max_length=100)]
    title_en: Annotated[Text, Field(max_length=100)] = ""
    kind: Text = "department"


@router.get("")
async def get_users(_: UsersDep, desk: DeskDep, query: Annotated[UsersQuery, Query()]) -> dict[str, Any]:
    """Answers a page of accounts with what filters and forms need."""

    def work(connection: Connection) -> dict[str, Any]:
        total, found = find_accounts(connection, query.q, query.state, query.role, query.limit, query.offset)
        homes = organisations(connection)
        return {
            "total": total,
            "accounts": [describe_account(one) for one in found],
            "organisations": [describe_organisation(one) for one in homes],
            "kinds": [{"key": key, "zh": zh, "en": key} for key, zh in KINDS.items()],
            "states": [{"key": key, "zh": zh, "en": key} for key, zh in STATES.items()],
            "roles": [{"key": role.key, "zh": role.zh, "en": role.en} for role in ROLES.values()],
        }

    return await desk.read(work)


@router.post("", status_code=201)
async def add_user(_: UsersDep, desk: DeskDep, settings: SettingsDep, body: NewPerson, response: Response) -> dict[str, Any]:
    """Makes an account without roles and answers it with its one-time password, which is told this once."""
    profile = PROFILES[settings.security_profile]
    response.headers["Cache-Control"] = NO_STORE

    def work(connection: Connection) -> Told[dict[str, Any]]:
        create(connection, NewAccount(body.name, body.title, (), body.organisation, body.department, body.post))
        password = one_time_password(profile, body.name)
        made = set_password(connection, body.name, password, profile, must_change=True)
        return {"account": describe_account(made), "password": password}, {"title": made.title, "organisation": made.organisation}

    return await desk.change("account.add", f"account/{body.name}", work)


@router.get("/{name}")
async def get_user(_: UsersDep, desk: DeskDep, name: Name) -> dict[str, Any]:
    """Answers an account with its open sessions and its keys."""

    def work(connection: Connection) -> dict[str, Any]:
        account = account_by_name(connection, name)
        opened = [
            {"opened_at": moment(one.opened_at), "seen_at": moment(one.seen_at), "ends_at": moment(one.ends_at),
             "network_address": one.address, "agent": one.agent}
            for one in sessions_of(connection, account)
        ]  # fmt: skip
        return {"account": describe_account(account), "sessions": opened, "keys": [_key(one) for one in keys(connection, account.name)]}

    return await desk.read(work)


@router.post("/{name}")
async def change_user(_: UsersDep, desk: DeskDep, name: Name, body: Person) -> dict[str, Any]:
    """Changes title, organisation, department and post."""

    def work(connection: Connection) -> Told[dict[str, Any]]:
        old = account_by_name(connection, name)
        new = change(connection, name, body.title, body.organisation, body.department, body.post)
        fields = ("title", "organisation", "department", "post")
        turned = {one: [getattr(old, one), getattr(new, one)] for one in fields if getattr(old, one) != getattr(new, one)}
        return {"account": describe_account(new)}, turned

    return await desk.change("account.change", f"account/{name}", work)


@router.post("/{name}/disable")
async def disable_user(actor: UsersDep, desk: DeskDep, name: Name) -> dict[str, Any]:
    """Disables an account; its sessions and keys end at once."""

    def work(connection: Connection) -> Told[dict[str, Any]]:
        if name.casefold() == actor.name.casefold():
            raise AccountError("own_account", name, "不能停用自己的账户", "nobody disables his own account")
        return {"account": describe_account(disable(connection, name))}, {}

    return await desk.change("account.disable", f"account/{name}", work)


@router.post("/{name}/enable")
async def enable_user(_: UsersDep, desk: DeskDep, name: Name) -> dict[str, Any]:
    """Lets a disabled or locked account in again."""

    def work(connection: Connection) -> Told[dict[str, Any]]:
        return {"account": describe_account(enable(connection, name))}, {}

    return await desk.change("account.enable", f"account/{name}", work)


@router.post("/{name}/password")
async def reset_password(_: UsersDep, desk: DeskDep, settings: SettingsDep, name: Name, response: Response) -> dict[str, Any]:
    """Sets a one-time password and answers it this once; all sessions of the account end."""
    profile = PROFILES[settings.security_profile]
    response.headers["Cache-Control"] = NO_STORE

    def work(connection: Connection) -> Told[dict[str, Any]]:
        apart = APART & set(account_by_name(connection, name).roles)
        if apart:
            role = ROLES[min(apart)]
            zh = f"三员分立：{role.zh}的口令不由系统管理员重置；请在服务器本机运行 ./wanmi user password {name}"
            en = f"separated duties: the {role.en}'s password is reset on the machine itself: ./wanmi user password {name}"
            raise AccountError("separated_password", name, zh, en)
        password = one_time_password(profile, name)
        account = set_password(connection, name, password, profile, must_change=True)
        return {"account": describe_account(account), "password": password}, {"must_change": True}

    return await desk.change("account.password", f"account/{name}", work)


@router.post("/{name}/sessions/end")
async def end_sessions(_: UsersDep, desk: DeskDep, name: Name) -> dict[str, Any]:
    """Ends all sessions of an account."""

    def work(connection: Connection) -> Told[dict[str, Any]]:
        account = account_by_name(connection, name)
        ended = len(sessions_of(connection, account))
        revoke_all(connection, account.id)
        return {"ended": ended}, {"ended": ended}

    return await desk.change("account.sessions", f"account/{name}", work)


@router.post("/{name}/keys/{prefix}/revoke")
async def revoke(_: UsersDep, desk: DeskDep, name: Name, prefix: Annotated[Text, Path(description="prefix of the key")]) -> dict[str, Any]:
    """Revokes a key of an account."""

    def work(connection: Connection) -> Told[dict[str, Any]]:
        if prefix not in {one.prefix for one in keys(connection, name)}:
            raise AccountError("key", prefix, f"“{name}”没有密钥“{prefix}”", f"{name!r} has no key {prefix!r}")
        return {"key": _key(revoke_key(connection, prefix))}, {"prefix": prefix}

    return await desk.change("key.revoke", f"account/{name}", work)


organisation_router = APIRouter(prefix="/api/organisations", tags=["users"])


@organisation_router.post("", status_code=201)
async def add(_: UsersDep, desk: DeskDep, body: NewOrganisation) -> dict[str, Any]:
    """Makes an organisation; names by which rows call it are the security administrator's."""

    def work(connection: Connection) -> Told[dict[str, Any]]:
        given = Organisation(body.key, body.title_zh.strip(), body.title_en.strip() or body.key, body.kind)
        made = add_organisation(connection, given)
        return {"organisation": describe_organisation(made)}, {"title": made.title_zh, "kind": made.kind}

    return await desk.change("organisation.add", f"organisation/{body.key}", work)


def describe_account(account: Account) -> dict[str, Any]:
    """Returns what the system administrator sees of an account."""
    return {
        "name": account.name, "title": account.title, "state": account.state, "organisation": account.organisation,
        "department": account.department, "post": account.post, "roles": list(account.roles), "must_change": account.must_change,
        "locked_until": moment(account.locked_until), "last_login_at": moment(account.last_login_at),
        "created_at": moment(account.created_at), "disabled_at": moment(account.disabled_at),
        "password_changed_at": moment(account.password_changed_at),
    }  # fmt: skip


def describe_organisation(one: Organisation) -> dict[str, Any]:
    """Returns what administrators see of an organisation."""
    return {
        "key": one.key, "title": {"zh": one.title_zh, "en": one.title_en}, "kind": one.kind, "names": list(one.names),
        "accounts": one.accounts,
    }  # fmt: skip


def _key(key: ApiKey) -> dict[str, Any]:
    return {
        "prefix": key.prefix, "title": key.title, "scopes": list(key.scopes), "created_at": moment(key.created_at),
        "expires_at": moment(key.expires_at), "last_used_at": moment(key.last_used_at), "revoked_at": moment(key.revoked_at),
    }  # fmt: skip


def moment(at: datetime | None) -> str | None:
    """Returns a moment as RFC 3339, None for none."""
    return at.isoformat() if at is not None else None
