"""Whether the database enforces the right: asked of its catalogue, whatever the registry says.

``plan_seen`` mends what differs from the registry; here is found what somebody has done by hand since, or an archive brought along.
"""

from __future__ import annotations

from dataclasses import dataclass

from psycopg2.extensions import connection as Connection

from spatial.rights.views import ACTOR_ROLE, APP_ROLE, SEEN_SCHEMA
from spatial.streams import STREAM_SCHEMA
from spatial.tables import LAYER_SCHEMA

__all__ = ["Breach", "breaches", "enforced"]


@dataclass(frozen=True, slots=True)
class Breach:
    """One way past the right: the object it is about and a sentence in both languages."""

    name: str
    zh: str
    en: str


# Tables of layers and streams: the policies there must be, no more (permissive ones add up) and no fewer.
POLICIES = """
    SELECT c.oid::regclass::text,
           CASE WHEN NOT relrowsecurity THEN 'off' WHEN found IS DISTINCT FROM wanted THEN 'policies' END
    FROM pg_class c,
         LATERAL (SELECT CASE WHEN relnamespace = to_regnamespace(%(layers)s) THEN ARRAY['delete', 'insert', 'read', 'update']
                         ELSE ARRAY['insert', 'read'] END AS wanted) w,
         LATERAL (SELECT array_agg(polname::text ORDER BY polname::text) AS found FROM pg_policy WHERE polrelid = c.oid) f
    WHERE relnamespace IN (to_regnamespace(%(layers)s), to_regnamespace(%(streams)s)) AND relkind IN ('r', 'p') AND NOT relispartition
      AND (NOT relrowsecurity OR found IS DISTINCT FROM wanted)
    ORDER BY 1
"""
OPEN = r"""
    SELECT c.oid::regclass || ' ' || polname FROM pg_policy p JOIN pg_class c ON c.oid = polrelid
    WHERE relnamespace IN (to_regnamespace(%(layers)s), to_regnamespace(%(streams)s))
      AND concat(pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)) !~ 'access\.effective'
    ORDER BY 1
"""
VIEWS = """
    SELECT c.oid::regclass::text FROM pg_class c WHERE relnamespace = to_regnamespace(%(seen)s)
      AND (relkind <> 'v' OR pg_get_userbyid(relowner) <> %(actor)s) ORDER BY 1
"""
# has_any_column_privilege covers a grant on the table, on a column, to PUBLIC and by membership.
REACHED = """
    SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND nspname <> %(seen)s AND nspname !~ '^pg_' AND nspname <> 'information_schema'
      AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
      AND (has_any_column_privilege(%(app)s, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')
           OR has_table_privilege(%(app)s, c.oid, 'DELETE, TRUNCATE, TRIGGER'))
    ORDER BY 1
"""
# The partitions of a stream have no policies of their own: their rows are reached through the root alone.
PARTITIONS = """
    SELECT c.oid::regclass::text FROM pg_class c WHERE relispartition AND relkind IN ('r', 'p')
      AND relnamespace IN (to_regnamespace(%(layers)s), to_regnamespace(%(streams)s))
      AND has_any_column_privilege(%(actor)s, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES') ORDER BY 1
"""
ROLES = """
    SELECT r.rolname FROM pg_roles r WHERE r.rolname IN (%(app)s, %(actor)s)
      AND (rolsuper OR rolbypassrls OR rolcreaterole
           OR r.rolname = %(app)s AND pg_has_role(r.oid, (SELECT oid FROM pg_roles WHERE rolname = %(actor)s), 'MEMBER')
           OR EXISTS (SELECT FROM pg_class WHERE relnamespace = to_regnamespace(%(layers)s) AND relkind IN ('r', 'p')
                      AND pg_has_role(r.oid, relowner, 'MEMBER')))
    ORDER BY 1
"""
SENTENCES = {
    "off": ("{0} 没有开启行级权限", "row-level security is off on {0}"),
    "policies": ("{0} 的权限策略不是应有的那些", "the policies of {0} are not those that belong there"),
    OPEN: ("策略 {0} 不问权限", "the policy {0} does not ask for the right"),
    VIEWS: ("{0} 不是属于 wanmi_actor 的视图，越过了权限", "{0} is no view of wanmi_actor's and passes the right by"),
    REACHED: ("服务角色可以直接访问 {0}", "the serving role reaches {0} directly"),
    PARTITIONS: ("wanmi_actor 可以直接访问分区 {0}，越过了权限", "wanmi_actor reaches the partition {0} and passes the right by"),
    ROLES: ("角色 {0} 的权利过大，不受行级权限约束", "the role {0} may too much: row-level security does not bind it"),
}


def enforced(connection: Connection) -> bool:
    """True when the database has come to the version that brought the right."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regnamespace(%s) IS NOT NULL AND to_regclass('access.effective') IS NOT NULL", (SEEN_SCHEMA,))
        return bool((cursor.fetchone() or (False,))[0])


def breaches(connection: Connection) -> list[Breach]:
    """Returns every way past the right that the catalogue shows; none in a database that was upgraded and left alone.

    Args:
        connection: the owner's, on a server that has the roles.
    """
    names = {"layers": LAYER_SCHEMA, "streams": STREAM_SCHEMA, "seen": SEEN_SCHEMA, "actor": ACTOR_ROLE, "app": APP_ROLE}
    found = []
    with connection.cursor() as cursor:
        cursor.execute(POLICIES, names)
        said = [(str(name), str(kind)) for name, kind in cursor.fetchall()]
        for question in (OPEN, VIEWS, REACHED, PARTITIONS, ROLES):
            cursor.execute(question, names)
            said += [(str(name), question) for (name,) in cursor.fetchall()]
    for name, kind in said:
        zh, en = SENTENCES[kind]
        found.append(Breach(name, zh.format(name), en.format(name)))
    return found
