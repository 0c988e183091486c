"""Adds rows to the audit log: within the transaction of what they tell of, so that neither stands without the other."""

from __future__ import annotations

import getpass
import ipaddress
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, text

__all__ = ["RESULTS", "Entry", "Result", "local_name", "record", "record_async"]

Result = Literal["ok", "refused", "failed"]
RESULTS: tuple[Result, ...] = ("ok", "refused", "failed")
MOST_NAME, MOST_OBJECT, MOST_TEXT = 100, 300, 2000
INSERT = text("""
    INSERT INTO audit.entry (actor, actor_name, address, action, object, result, detail)
    VALUES (:actor, :actor_name, CAST(:address AS inet), :action, :object, :result, CAST(:detail AS jsonb))
""")
WRITE = (
    "SELECT audit.write(%(action)s, %(result)s, %(actor)s::bigint, %(actor_name)s, %(address)s::inet, %(object)s, %(detail)s::text::jsonb)"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that somebody did or tried.

    Attributes:
        action: what, dotted, e.g. ``login``, ``account.add``, ``field.unmask``, ``denied``; its name for people in ``words``.
        actor: account id; None for strangers and for whoever sits at the machine (``actor_name`` then tells).
        address: network address of the client.
        object: on what, as a path, e.g. ``account/li`` or ``layer/case/17``.
        detail: further facts; never passwords, tokens, or values that the right masks.
    """

    action: str
    result: Result = "ok"
    actor: int | None = None
    actor_name: str | None = None
    address: str | None = None
    object: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


def record(connection: Connection, entry: Entry) -> None:
    """Adds a row within the caller's transaction.

    What strangers send (names, paths, addresses) is made storable and cut, so that no text of theirs keeps a row from being written.
    """
    connection.execute(INSERT, _values(entry))


async def record_async(connection: AsyncConnection[Any], entry: Entry) -> None:
    """Adds a row in a transaction of its own, over a connection of the serving role, whose transactions are read-only by default.

    Raises:
        ValueError: a transaction is open; a read-only one cannot be made to write any more.
    """
    if connection.info.transaction_status != TransactionStatus.IDLE:
        raise ValueError("record_async asks for a connection without an open transaction")
    async with connection.transaction():
        await connection.execute("SET TRANSACTION READ WRITE")
        await connection.execute(WRITE, _values(entry))


def local_name(environment: Mapping[str, str] | None = None) -> str:
    """Returns the name under which somebody at the machine acts; behind ``sudo`` the one who called it.

    >>> local_name({"SUDO_USER": "li"})
    'li@localhost'
    """
    names = os.environ if environment is None else environment
    try:
        found = names.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # an account id without a name, as in some containers
        found = str(os.geteuid())
    return f"{found}@localhost"


def _values(entry: Entry) -> dict[str, Any]:
    address, remark = _address(entry.address)
    detail = {_plain(str(key), MOST_NAME): _storable(value) for key, value in {**entry.detail, **remark}.items()}
    return {
        "actor": entry.actor, "actor_name": _plain(entry.actor_name, MOST_NAME), "address": address, "action": entry.action,
        "object": _plain(entry.object, MOST_OBJECT), "result": entry.result, "detail": json.dumps(detail, ensure_ascii=False),
    }  # fmt: skip


def _address(given: str | None) -> tuple[str | None, dict[str, str]]:
    """Returns the address without its zone; what is none (a socket's name) goes to the detail.

    >>> _address("fe80::1%eth0"), _address("unix")
    (('fe80::1', {}), (None, {'client': 'unix'}))
    """
    if given is None:
        return None, {}
    try:
        return str(ipaddress.ip_address(given.partition("%")[0])), {}
    except ValueError:
        return None, {"client": given}


def _plain(value: str | None, most: int) -> str | None:
    """Makes a text storable: NUL and lone surrogates become U+FFFD, and what is too long ends in an ellipsis.

    >>> _plain("a" + chr(0) + chr(0xD800), 9) == "a" + 2 * chr(0xFFFD), _plain("abcdef", 4)
    (True, 'abc…')
    """
    if value is None:
        return None
    kept = "".join("\ufffd" if char == "\x00" or "\ud800" <= char <= "\udfff" else char for char in value)
    return kept if len(kept) <= most else kept[: most - 1] + "…"


def _storable(value: object) -> object:
    """Makes a fact storable as jsonb, whatever it is.

    >>> _storable({"a": float("nan"), "b": [1, None, "x"]})
    {'a': 'nan', 'b': [1, None, 'x']}
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {_plain(str(key), MOST_NAME): _storable(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_storable(each) for each in value]
    return _plain(str(value), MOST_TEXT)
