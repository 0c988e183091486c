"""API keys for programs, QGIS and GDAL: shown once, kept as a hash, limited in scope and time, revoked at will."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

from spatial.accounts.accounts import account_by_id, account_by_name
from spatial.accounts.model import SEPARATED, Account, AccountError
from spatial.accounts.policy import Profile
from spatial.accounts.tokens import digest, new_token

__all__ = ["SCOPES", "ApiKey", "MadeKey", "add_key", "find_key", "keys", "revoke_key"]

SCOPES = {"read": "读取", "write": "编辑", "ingest": "写入传感数据", "exchange": "数据交换"}
PREFIX_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
PATTERN = re.compile(r"wanmi_([a-z0-9]{8})_[A-Za-z0-9_-]{43}")
TITLE_LENGTH = 100
TOUCH_AFTER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as lists show it; ``prefix`` is the part of it that may be seen."""

    prefix: str
    account: str
    title: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A new key, told this once."""

    key: str
    row: ApiKey


def add_key(
    connection: Connection, name: str, title: str, scopes: Sequence[str], days: int, profile: Profile, at: datetime | None = None
) -> MadeKey:
    """Makes a key of an account.

    Raises:
        AccountError: no such account or scope, a separated administrator, no title, or a time that the profile does not allow.
    """
    account = account_by_name(connection, name)
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        given = unknown[0] if unknown else ""
        zh, en = f"没有范围“{given}”；可用：{'、'.join(SCOPES)}", f"there is no scope {given!r}; there are: {', '.join(SCOPES)}"
        raise AccountError("scope", given, zh, en)
    if set(account.roles) & set(SEPARATED):
        zh, en = f"“{name}”是管理员，只能由本人登录，不能有密钥", f"{name!r} is an administrator: a person logs in, there are no keys"
        raise AccountError("key_administrator", name, zh, en)
    if not 0 < len(title.strip()) <= TITLE_LENGTH:
        raise AccountError(
            "key_title", title, f"密钥须有 1–{TITLE_LENGTH} 个字的用途说明", f"a key has a title of 1 to {TITLE_LENGTH} characters"
        )
    if not 1 <= days <= profile.key_longest.days:
        zh, en = f"密钥有效期应为 1–{profile.key_longest.days} 天", f"a key is valid for 1 to {profile.key_longest.days} days"
        raise AccountError("key_days", str(days), zh, en)
    now = at or datetime.now(UTC)
    prefix = "".join(secrets.choice(PREFIX_ALPHABET) for _ in range(8))
    key = f"wanmi_{prefix}_{new_token()}"
    row = ApiKey(prefix, account.name, title.strip(), tuple(dict.fromkeys(scopes)), now, now + timedelta(days=days))
    connection.execute(
        text("""
            INSERT INTO account.api_key (prefix, key_hash, account, title, scopes, created_at, expires_at)
            VALUES (:prefix, :hash, :account, :title, :scopes, :at, :expires)
        """),
        {"prefix": prefix, "hash": digest(key), "account": account.id, "title": row.title, "scopes": list(row.scopes), "at": now,
         "expires": row.expires_at},
    )  # fmt: skip
    return MadeKey(key, row)


SELECT = """
    SELECT k.prefix, a.name AS account, k.title, k.scopes, k.created_at, k.expires_at, k.last_used_at, k.revoked_at
    FROM account.api_key k JOIN account.account a ON a.id = k.account
"""


def keys(connection: Connection, name: str | None = None) -> list[ApiKey]:
    """Returns the keys of an account, or of all, oldest first.

    Raises:
        AccountError: there is no such account.
    """
    number = account_by_name(connection, name).id if name is not None else None
    rows = connection.execute(
        text(SELECT + "WHERE CAST(:account AS bigint) IS NULL OR k.account = :account ORDER BY k.id"), {"account": number}
    ).mappings()
    return [ApiKey(**{**row, "scopes": tuple(row["scopes"])}) for row in rows]


def find_key(connection: Connection, key: str, at: datetime | None = None) -> tuple[ApiKey, Account] | None:
    """Returns a key and its account if it holds, and notes at most once a minute that it was used."""
    if not PATTERN.fullmatch(key):
        return None
    now = at or datetime.now(UTC)
    row = (
        connection.execute(
            text("""
                SELECT k.id, k.account AS number, a.name AS account, k.prefix, k.title, k.scopes, k.created_at, k.expires_at,
                       k.last_used_at, k.revoked_at
                FROM account.api_key k JOIN account.account a ON a.id = k.account AND a.state = 'active'
                WHERE k.key_hash = :hash AND k.revoked_at IS NULL AND k.expires_at > :at
            """),
            {"hash": digest(key), "at": now},
        )
        .mappings()
        .one_or_none()
    )
    if row is None:
        return None
    known = {**row, "scopes": tuple(row["scopes"])}
    number, owner = known.pop("id"), account_by_id(connection, known.pop("number"))
    if known["last_used_at"] is None or now - known["last_used_at"] >= TOUCH_AFTER:
        connection.execute(text("UPDATE account.api_key SET last_used_at = :at WHERE id = :id"), {"at": now, "id": number})
        known["last_used_at"] = now
    return ApiKey(**known), owner


def revoke_key(connection: Connection, prefix: str, at: datetime | None = None) -> ApiKey:
    """Revokes a key by the part of it that lists show; it holds no longer from the commit on.

    Raises:
        AccountError: there is no such key, or it was revoked before.
    """
    values = {"prefix": prefix.removeprefix("wanmi_").partition("_")[0], "at": at or datetime.now(UTC)}
    gone = connection.execute(text("UPDATE account.api_key SET revoked_at = :at WHERE prefix = :prefix AND revoked_at IS NULL"), values)
    if not gone.rowcount:
        zh, en = f"没有有效的密钥“{prefix}”", f"there is no key {prefix!r} that holds"
        raise AccountError("key", prefix, zh, en)
    row = connection.execute(text(SELECT + "WHERE k.prefix = :prefix"), values).mappings().one()
    return ApiKey(**{**row, "scopes": tuple(row["scopes"])})
