"""Organisations: departments, companies and exchange peers that cases and assets belong to."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import Connection, text

from spatial.accounts.model import AccountError

__all__ = ["KINDS", "Organisation", "add_organisation", "organisation_id", "organisations"]

KEY_PATTERN = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
KINDS = {"department": "部门", "company": "企业", "peer": "对端"}


@dataclass(frozen=True, slots=True)
class Organisation:
    """One organisation with its titles; ``kind`` is one of ``KINDS``."""

    key: str
    title_zh: str
    title_en: str
    kind: str = "department"
    id: int = 0


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
    rows = connection.execute(text("SELECT key, title_zh, title_en, kind, id FROM account.organisation ORDER BY key"))
    return [Organisation(*row) for row in rows]


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
