"""Who holds which role where, for the security administrator; and the names by which rows call an organisation."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import Field
from sqlalchemy import Connection

from api.dependencies import RegistryDep, StrictQuery, Text
from api.desk import DeskDep, Told
from api.rights import RightsDep, describe_area
from api.users import Body, describe_organisation
from layers.catalogue import Registry
from spatial.accounts.accounts import account_by_name, find_accounts
from spatial.accounts.grants import add_grant, remove_grant
from spatial.accounts.model import NEEDS_ORGANISATION, ROLES, SEPARATED, Account, AccountError, Grant
from spatial.accounts.organisations import add_name, organisation_by_key, organisations, remove_name, retitle
from spatial.rights.areas import areas_named, areas_under, find_areas

__all__ = ["router"]

router = APIRouter(prefix="/api/rights", tags=["rights"])
Name = Annotated[Text, Path(description="name of the account")]
Key = Annotated[Text, Path(description="key of the organisation")]
MOST = 500


class HoldersQuery(StrictQuery):
    """Which accounts; ``role=none`` are those that hold no role yet."""

    q: Text = ""
    role: Text | None = None
    limit: Annotated[int, Field(ge=1, le=MOST)] = 200
    offset: Annotated[int, Field(ge=0, le=1_000_000)] = 0


class AreasQuery(StrictQuery):
    """Areas below a code, or those whose name holds the words."""

    under: Annotated[Text, Field(max_length=15)] = ""
    q: Annotated[Text, Field(max_length=50)] = ""


class Granted(Body):
    """A role, where, and for which organisation (none: that of the account)."""

    role: Text
    area: Text = ""
    organisation: Text | None = None


class Titles(Body):
    """Titles of an organisation."""

    title_zh: Annotated[Text, Field(max_length=100)]
    title_en: Annotated[Text, Field(max_length=100)]


class OneName(Body):
    """A name by which rows call an organisation."""

    name: Text


@router.get("/accounts")
async def get_holders(_: RightsDep, desk: DeskDep, registry: RegistryDep, query: Annotated[HoldersQuery, Query()]) -> dict[str, Any]:
    """Answers a page of accounts with the roles they hold."""

    def work(connection: Connection) -> dict[str, Any]:
        role = "" if query.role == "none" else query.role
        total, found = find_accounts(connection, query.q, None, role, query.limit, query.offset)
        named = areas_named(connection, registry, {grant.area for one in found for grant in one.grants if grant.area})
        return {
            "total": total,
            "accounts": [_holder(one) for one in found],
            "areas": {code: describe_area(area) for code, area in named.items()},
            "organisations": [describe_organisation(one) for one in organisations(connection)],
            "roles": [
                {
                    "key": one.key,
                    "zh": one.zh,
                    "en": one.en,
                    "separated": one.key in SEPARATED,
                    "organisation": one.key in NEEDS_ORGANISATION,
                }
                for one in ROLES.values()
            ],
        }

    return await desk.read(work)


@router.post("/accounts/{name}/grants", status_code=201)
async def give(_: RightsDep, desk: DeskDep, registry: RegistryDep, name: Name, body: Granted) -> dict[str, Any]:
    """Gives an account a role."""
    return await _turn(desk, registry, "right.grant", name, body)


@router.post("/accounts/{name}/grants/remove")
async def take(_: RightsDep, desk: DeskDep, registry: RegistryDep, name: Name, body: Granted) -> dict[str, Any]:
    """Takes a role from an account."""
    return await _turn(desk, registry, "right.revoke", name, body)


async def _turn(desk: DeskDep, registry: Registry, action: str, name: str, body: Granted) -> dict[str, Any]:
    def work(connection: Connection) -> Told[dict[str, Any]]:
        if name.casefold() == desk.actor.name.casefold():
            raise AccountError(
                "own_grants",
                name,
                "不能更改自己的角色；请另一位安全管理员办理",
                "nobody changes his own roles: ask another security administrator",
            )
        grant = Grant(body.role, body.area, body.organisation)
        (add_grant if action == "right.grant" else remove_grant)(connection, name, grant)
        account = account_by_name(connection, name)
        named = areas_named(connection, registry, {one.area for one in account.grants if one.area})
        answer = {"account": _holder(account), "areas": {code: describe_area(area) for code, area in named.items()}}
        return answer, {"role": grant.role, "area": grant.area, "organisation": grant.organisation}

    return await desk.change(action, f"account/{name}", work)


@router.get("/areas")
async def get_areas(_: RightsDep, desk: DeskDep, registry: RegistryDep, query: Annotated[AreasQuery, Query()]) -> dict[str, Any]:
    """Answers areas by code and name: cities, what lies under a code, or what a search finds."""

    def work(connection: Connection) -> dict[str, Any]:
        words = query.q.strip()
        found = find_areas(connection, registry, words) if words else areas_under(connection, registry, query.under)
        return {"areas": [describe_area(one) for one in found]}

    return await desk.read(work)


@router.get("/organisations")
async def get_organisations(_: RightsDep, desk: DeskDep) -> dict[str, Any]:
    """Answers organisations with the names by which rows call them."""
    return {"organisations": [describe_organisation(one) for one in await desk.read(organisations)]}


@router.post("/organisations/{key}")
async def change_titles(_: RightsDep, desk: DeskDep, key: Key, body: Titles) -> dict[str, Any]:
    """Changes the titles of an organisation; what is its own follows."""

    def work(connection: Connection) -> Told[dict[str, Any]]:
        old = organisation_by_key(connection, key)
        new = retitle(connection, key, body.title_zh, body.title_en)
        turned = {"title": [old.title_zh, new.title_zh], "title_en": [old.title_en, new.title_en]}
        return {"organisation": describe_organisation(new)}, turned

    return await desk.change("organisation.change", f"organisation/{key}", work)


@router.post("/organisations/{key}/names", status_code=201)
async def give_name(_: RightsDep, desk: DeskDep, key: Key, body: OneName) -> dict[str, Any]:
    """Adds a name by which rows call an organisation."""

    def work(connection: Connection) -> Told[dict[str, Any]]:
        return {"organisation": describe_organisation(add_name(connection, key, body.name))}, {"added": body.name.strip()}

    return await desk.change("organisation.change", f"organisation/{key}", work)


@router.post("/organisations/{key}/names/remove")
async def take_name(_: RightsDep, desk: DeskDep, key: Key, body: OneName) -> dict[str, Any]:
    """Takes a name from an organisation."""

    def work(connection: Connection) -> Told[dict[str, Any]]:
        return {"organisation": describe_organisation(remove_name(connection, key, body.name))}, {"removed": body.name}

    return await desk.change("organisation.change", f"organisation/{key}", work)


def _holder(account: Account) -> dict[str, Any]:
    return {
        "name": account.name, "title": account.title, "state": account.state, "organisation": account.organisation,
        "department": account.department, "post": account.post,
        "grants": [{"role": one.role, "area": one.area, "organisation": one.organisation} for one in account.grants],
    }  # fmt: skip
