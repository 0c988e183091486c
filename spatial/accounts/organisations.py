"""Organisations: departments, companies and exchange peers that cases and assets belong to."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sqlalchemy import Connection, text

from spatial.accounts.model import AccountError

__all__ = [
    "KINDS", "Organisation", "add_name", "add_organisation", "organisation_by_key", "organisation_id", "organisations", "remove_name",
    "retitle",
]  # fmt: skip

KEY_PATTERN = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
NAME_LENGTH = 100
KINDS = {"department": "部门", "company": "企业", "peer": "对端"}


@dataclass(frozen=True, slots=True)
class Organisation:
    """One organisation with its titles; ``kind`` is one of ``KINDS``.

    ``names`` are what rows call it beside its titles; whatever row names it so is its own. ``accounts`` counts who belongs to it.
    """

    key: str
    title_zh: str
    title_en: str
    kind: str = "department"
    id: int = 0
    names: tuple[str, ...] = field(default=())
    accounts: int = 0


def add_organisation(connection: Connection, organisation: Organisation) -> Organisation:
    """Stores a new organisation and returns it with its id.

    Raises:
        AccountError: a wrong or taken key, an unknown kind, no title.
    """
    key = organisation.key
    if not KEY_PATTERN.fullmatch(key):
        zh = f"机构标识“{key}”只能由小写字母、数字、- 和 _ 组成，最多 32 位"
        raise AccountError("organisation_key", key, zh, f"the key {key!r} of an organisation holds up to 32 of a-z, 0-9, - and _")
    if organisation.kind not in KINDS:
        kinds = "、".join(KINDS)
        raise AccountError("organisation_kind", organisation.kind, f"没有机构类别“{organisation.kind}”；可用：{kinds}",
                           f"no kind of organisation {organisation.kind!r}; there are: {', '.join(KINDS)}")  # fmt: skip
    if not organisation.title_zh.strip() or not organisation.title_en.strip():
        raise AccountError("organisation_title", key, f"机构“{key}”没有名称", f"the organisation {key!r} has no title")
    number = connection.scalar(
        text("""
            INSERT INTO account.organisation (key, title_zh, title_en, kind) VALUES (:key, :zh, :en, :kind)
            ON CONFLICT (key) DO NOTHING RETURNING id
        """),
        {"key": key, "zh": organisation.title_zh, "en": organisation.title_en, "kind": organisation.kind},
    )
    if number is None:
        raise AccountError("organisation_taken", key, f"已有机构“{key}”", f"there is an organisation {key!r} already")
    return Organisation(key, organisation.title_zh, organisation.title_en, organisation.kind, number)


def organisations(connection: Connection) -> list[Organisation]:
    """Returns all organisations by key."""
    rows = connection.execute(text("""
        SELECT o.key, o.title_zh, o.title_en, o.kind, o.id,
               ARRAY(SELECT n.name FROM access.organisation_name n WHERE n.organisation = o.id ORDER BY n.name) AS names,
               (SELECT count(*) FROM account.account a WHERE a.organisation = o.id) AS accounts
        FROM account.organisation o ORDER BY o.key
    """))  # fmt: skip
    return [Organisation(r.key, r.title_zh, r.title_en, r.kind, r.id, tuple(r.names), r.accounts) for r in rows]


def organisation_by_key(connection: Connection, key: str) -> Organisation:
    """Returns an organisation.

    Raises:
        AccountError: there is no such organisation.
    """
    number = organisation_id(connection, key)
    return next(one for one in organisations(connection) if one.id == number)


def retitle(connection: Connection, key: str, title_zh: str, title_en: str) -> Organisation:
    """Changes the titles of an organisation; rows that call it by a former title are its own no more, unless that is kept as a name.

    Raises:
        AccountError: there is no such organisation, or no title.
    """
    number = organisation_id(connection, key)
    if not title_zh.strip() or not title_en.strip():
        raise AccountError("organisation_title", key, f"机构“{key}”没有名称", f"the organisation {key!r} has no title")
    connection.execute(
        text("UPDATE account.organisation SET title_zh = :zh, title_en = :en WHERE id = :id"),
        {"zh": title_zh.strip(), "en": title_en.strip(), "id": number},
    )
    return organisation_by_key(connection, key)


def add_name(connection: Connection, key: str, name: str) -> Organisation:
    """Adds a name by which rows call an organisation, exactly as it stands in them.

    Raises:
        AccountError: there is no such organisation, no name, or the name is another's or stands there already.
    """
    number = organisation_id(connection, key)
    name = name.strip()
    if not 0 < len(name) <= NAME_LENGTH:
        zh, en = f"名称须有 1–{NAME_LENGTH} 个字", f"a name has 1 to {NAME_LENGTH} characters"
        raise AccountError("organisation_name", name[:40], zh, en)
    for one in organisations(connection):
        if name in (one.title_zh, one.title_en, *one.names):
            zh, en = f"“{name}”已是机构“{one.title_zh}”的名称", f"{name!r} is a name of the organisation {one.key!r} already"
            raise AccountError("organisation_name_taken", name, zh, en)
    connection.execute(text("INSERT INTO access.organisation_name (organisation, name) VALUES (:id, :name)"), {"id": number, "name": name})
    return organisation_by_key(connection, key)


def remove_name(connection: Connection, key: str, name: str) -> Organisation:
    """Takes a name from an organisation; its titles stay.

    Raises:
        AccountError: there is no such organisation, or it has no such name.
    """
    values = {"id": organisation_id(connection, key), "name": name}
    if not connection.execute(text("DELETE FROM access.organisation_name WHERE organisation = :id AND name = :name"), values).rowcount:
        zh, en = f"机构“{key}”没有名称“{name[:40]}”", f"the organisation {key!r} has no name {name[:40]!r}"
        raise AccountError("organisation_name", name[:40], zh, en)
    return organisation_by_key(connection, key)


def organisation_id(connection: Connection, key: str | None) -> int | None:
    """Returns the id of an organisation, None for none.

    Raises:
        AccountError: there is no such organisation.
    """
    if key is None:
        return None
    number: int | None = connection.scalar(text("SELECT id FROM account.organisation WHERE key = :key"), {"key": key})
    if number is None:
        known = "、".join(organisation.key for organisation in organisations(connection)) or "（无）"
        raise AccountError("organisation", key, f"没有机构“{key}”；已有：{known}", f"there is no organisation {key!r}; known: {known}")
    return number
