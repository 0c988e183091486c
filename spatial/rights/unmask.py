"""One masked field of one feature, shown to one person for an hour after a reason was given (issue 4, point 6)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg2 import sql
from sqlalchemy import Connection, text

from grid_coding.errors import BilingualError
from layers.model import Layer
from spatial.audit.record import Entry, record
from spatial.rights.views import ACTOR_SETTING, held
from spatial.tables import LAYER_SCHEMA

__all__ = ["Unmasked", "UnmaskRefused", "unmask"]

SHOWN_FOR = timedelta(hours=1)
# More in one hour is no longer looking something up but taking a copy of it.
MOST_AN_HOUR = 60
REASON_LENGTHS = (4, 500)


class UnmaskRefused(BilingualError):
    """A field is not shown.

    Attributes:
        rule: ``missing`` (no such feature or field for this person), ``forbidden``, ``reason`` or ``too_many``.
    """

    def __init__(self, rule: str, zh: str, en: str) -> None:
        super().__init__(zh, en)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Unmasked:
    """The field's value, and until when it is shown to this person wherever the feature is."""

    value: object
    until: datetime


def unmask(connection: Connection, layer: Layer, feature: int, field: str, reason: str, actor: Entry) -> Unmasked:
    """Shows a field; the caller commits, and the audit row with it.

    Args:
        connection: of the owner; reads the value itself.
        actor: who asks, as the audit log writes it (``actor``, ``actor_name``, ``address``).

    Raises:
        UnmaskRefused: the reason is too short, the feature is not seen or not to be unmasked, or too much was shown this hour.
    """
    words = reason.strip()
    attribute = layer.fields.get(field)
    if attribute is None or attribute.clearance is None:
        raise UnmaskRefused("missing", f"“{layer.title.zh}”没有需要脱敏的字段“{field}”", f"{layer.id!r} has no masked field {field!r}")
    if not REASON_LENGTHS[0] <= len(words) <= REASON_LENGTHS[1]:
        raise UnmaskRefused("reason", "请写明查看的理由（4–500 字）", "give the reason for looking, 4 to 500 characters")
    account = actor.actor
    readable, allowed, value = _look(connection, layer, feature, field, account)
    if not readable:
        raise UnmaskRefused("missing", f"没有要素 {feature}", f"there is no feature {feature}")
    if not allowed:
        raise UnmaskRefused("forbidden", "您不能查看这里的脱敏字段", "you may not look at masked fields here")
    shown = text("SELECT count(*) FROM access.unmasking WHERE account = :account AND at > now() - interval '1 hour'")
    if int(connection.scalar(shown, {"account": account}) or 0) >= MOST_AN_HOUR:
        zh, en = f"一小时内最多查看 {MOST_AN_HOUR} 个脱敏字段", f"at most {MOST_AN_HOUR} masked fields are shown an hour"
        raise UnmaskRefused("too_many", zh, en)
    granted = connection.execute(
        text("""
            INSERT INTO access.unmasking (account, layer, feature, field, reason, until)
            VALUES (:account, :layer, :feature, :field, :reason, now() + :span) RETURNING until
        """),
        {"account": account, "layer": layer.id, "feature": feature, "field": field, "reason": words, "span": SHOWN_FOR},
    )
    until: datetime = granted.scalar_one()
    record(
        connection,
        Entry(
            "field.unmask", "ok", account, actor.actor_name, actor.address, f"{layer.id}/{feature}/{field}",
            {"reason": words, "until": until.isoformat()},
        ),
    )  # fmt: skip
    return Unmasked(value, until)


def _look(connection: Connection, layer: Layer, feature: int, field: str, account: int | None) -> tuple[bool, bool, object]:
    """Returns whether the account may read the feature, may unmask there, and the value; the latter only then."""
    cursor = connection.connection.cursor()
    cursor.execute("SELECT set_config(%s, %s, true)", (ACTOR_SETTING, str(account or 0)))
    cursor.execute(
        sql.SQL("SELECT ({read}) IS TRUE, ({unmask}) IS TRUE, CASE WHEN {unmask} THEN {field} END FROM {table} WHERE id = %s").format(
            read=sql.SQL(held(layer, "read")), unmask=sql.SQL(held(layer, "unmask")), field=sql.Identifier(field),
            table=sql.Identifier(LAYER_SCHEMA, layer.id),
        ),
        (feature,),
    )  # fmt: skip
    row = cursor.fetchone()
    cursor.execute("SELECT set_config(%s, '', true)", (ACTOR_SETTING,))
    return (bool(row[0]), bool(row[1]), row[2]) if row is not None else (False, False, None)
