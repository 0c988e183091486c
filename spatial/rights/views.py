"""From the registry to what the database enforces: policies on the tables, views that mask, gate functions.

The serving role reads the views of schema ``seen`` and nothing else. The views belong to the role ``wanmi_actor``, which is
subject to the policies; the owner of the tables is not, which is what "system context" means here (docs/adr/0007). Who acts is
one setting, ``wanmi.actor``, an account id; without it nothing is seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, text

from layers.catalogue import Registry
from layers.model import Attribute, Layer
from layers.stream import Stream
from spatial.streams import STREAM_SCHEMA
from spatial.tables import LAYER_SCHEMA

__all__ = [
    "ACTOR_ROLE", "ACTOR_SETTING", "APP_ROLE", "SEEN_SCHEMA",
    "Part", "box_query", "drop_seen", "find_query", "parts", "plan_seen", "register_layers", "strip_right",
]  # fmt: skip

APP_ROLE = "wanmi_app"
ACTOR_ROLE = "wanmi_actor"
ACTOR_SETTING = "wanmi.actor"
SEEN_SCHEMA = "seen"
SYSTEM = ("id", "city", "area", "geom", "geom3857", "anchor", "version", "created_at", "updated_at")
STREAM_SYSTEM = ("city", "area", "geom", "received_at")
ACTOR = f"nullif(current_setting('{ACTOR_SETTING}', true), '')::bigint"
WRITES = {"INSERT": "WITH CHECK ({0})", "UPDATE": "USING ({0}) WITH CHECK ({0})", "DELETE": "USING ({0})"}
# Seen, where one may read everything of a city: a dataset row tells numbers of all areas.
WIDE = {
    "city": f"""
        SELECT c.* FROM wanmi.city c WHERE EXISTS (
          SELECT FROM access.effective e, unnest(e.areas || e.own) held, regexp_replace(held, '^.*\\x1e', '') pattern
          WHERE e.account = {ACTOR} AND e.action = 'read' AND (c.prefix LIKE pattern OR rtrim(pattern, '%') LIKE c.prefix || '%'))
    """,
    "dataset": f"""
        SELECT d.* FROM wanmi.dataset d JOIN wanmi.city c ON c.id = d.city WHERE EXISTS (
          SELECT FROM access.effective e WHERE e.account = {ACTOR} AND e.action = 'read'
          AND (e.layer = d.layer OR d.layer IS NULL) AND c.prefix LIKE ANY (e.areas))
    """,
    "migration": "SELECT version_num FROM wanmi.alembic_version",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One object of the schema ``seen`` or one layer's policies: a name and the statements that make it."""

    name: str
    statements: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Changes with the text of the statements."""
        return hashlib.sha256("\n".join(self.statements).encode()).hexdigest()[:16]


def held(source: Layer | Stream, action: str) -> str:
    """Returns the condition that a row lies where the actor may do something.

    Each list of patterns is an uncorrelated sub-select: read once a statement, by primary key, however many rows there are.
    """

    def of(column: str) -> str:
        return (
            f"(SELECT e.{column} FROM access.effective e WHERE e.account = {ACTOR} AND e.layer = '{source.id}' AND e.action = '{action}')"
        )

    within = f"area LIKE ANY ({of('areas')}::text[])"
    if not source.parties:
        return within
    named = ", ".join(f'"{key}"' for key in source.parties)
    own = f"E'\\x1f' || concat_ws(E'\\x1f', {named}) || E'\\x1f\\x1e' || area LIKE ANY ({of('own')}::text[])"
    # most hold nothing as their own: asked once, not for each row
    return f"{within} OR {of('own IS NOT NULL')} AND {own}"


def _mask(attribute: Attribute, key: str) -> str:
    if attribute.mask == "phone":
        # four digits at least stay hidden, whatever the number's length
        return (
            f"CASE WHEN char_length(\"{key}\") < 7 THEN '****'"
            f' ELSE left("{key}", 3) || \'****\' || right("{key}", least(4, char_length("{key}") - 7)) END'
        )
    if attribute.mask == "name":
        return f"left(\"{key}\", 1) || '**'"
    return "NULL"


def _column(source: Layer | Stream, key: str, attribute: Attribute) -> str:
    if attribute.clearance is None:
        return f'"{key}"'
    clear = held(source, attribute.clearance)
    if isinstance(source, Layer):
        clear += (
            f" OR id = ANY (ARRAY(SELECT u.feature FROM access.unmasking u WHERE u.account = {ACTOR} AND u.layer = '{source.id}'"
            f" AND u.field = '{key}' AND u.until > now()))"
        )
    return f'CASE WHEN {clear} THEN "{key}" ELSE {_mask(attribute, key)} END AS "{key}"'


def _view(schema: str, source: Layer | Stream, columns: tuple[str, ...]) -> str:
    fields = [_column(source, key, attribute) for key, attribute in source.fields.items()]
    return f'SELECT {", ".join([*columns, *fields])} FROM {schema}."{source.id}"'


def _policies(schema: str, source: Layer | Stream) -> Iterator[str]:
    table = f'{schema}."{source.id}"'
    yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
    for name in ("read", "insert", "update", "delete"):
        yield f'DROP POLICY IF EXISTS "{name}" ON {table}'
    yield f'CREATE POLICY "read" ON {table} FOR SELECT USING ({held(source, "read")})'
    verbs = WRITES if isinstance(source, Layer) else {"INSERT": WRITES["INSERT"]}
    for verb, clause in verbs.items():
        yield f'CREATE POLICY "{verb.lower()}" ON {table} FOR {verb} {clause.format(held(source, "edit"))}'
    yield f"GRANT SELECT, {', '.join(verbs)} ON {table} TO {ACTOR_ROLE}"
    yield f"REVOKE ALL ON {table} FROM {APP_ROLE}"


def _seen(name: str, query: str) -> Part:
    view = f'{SEEN_SCHEMA}."{name}"'
    return Part(
        name,
        (
            f"CREATE VIEW {view} AS {query}",
            f"ALTER VIEW {view} OWNER TO {ACTOR_ROLE}",
            f"GRANT SELECT ON {view} TO {APP_ROLE}",
        ),
    )


def _function(name: str, arguments: str, returns: str, body: str) -> Part:
    """A gate: runs as the owner, whom no policy binds, and so must cut by the right itself."""
    made = f'{SEEN_SCHEMA}."{name}"'
    return Part(
        name,
        (
            f"CREATE FUNCTION {made}({arguments}) RETURNS {returns} LANGUAGE plpgsql STABLE SECURITY DEFINER"
            f" SET search_path = pg_catalog, public AS $body$ BEGIN {body} END $body$",
            f"REVOKE ALL ON FUNCTION {made} FROM PUBLIC",
            f"GRANT EXECUTE ON FUNCTION {made} TO {APP_ROLE}, {ACTOR_ROLE}",
        ),
    )


def find_query(layer: Layer) -> str:
    """Returns what the gate of the search asks: $1 word, $2 part, $3 head (patterns), $4 city, $5 box, $6 how many at most."""
    matches, ranks = [], []
    for key, attribute in layer.fields.items():
        if attribute.search:
            column, word, head = (f'upper("{key}")', "upper($1)", "upper($3)") if attribute.unique else (f'"{key}"', "$1", "$3")
            matches.append(f"{column} LIKE {head if attribute.unique else '$2'}")
            ranks.append(f"CASE WHEN {column} = {word} THEN 2 WHEN {column} LIKE {head} THEN 1 ELSE 0 END")
    return (
        f'SELECT id FROM {LAYER_SCHEMA}."{layer.id}" WHERE ({" OR ".join(matches)}) AND ({held(layer, "read")})'
        f" AND ($4 IS NULL OR city = $4) AND ($5 IS NULL OR geom && $5)"
        f' ORDER BY greatest({", ".join(ranks)}) DESC, char_length("{layer.name}"), id LIMIT $6'
    )


def _find(layer: Layer) -> Part:
    """The gate of the search: LIKE is not leakproof, so under the policies no trigram index would serve it (design §1.3).

    Candidates are cut by the right here and matched again on the masked view by whoever asks. Best first, so that a cap loses
    the least.
    """
    arguments = "word text, part text, head text, home smallint, box geometry, most integer"
    # EXECUTE plans with the values at hand: a prefix reaches its index only so
    body = f"RETURN QUERY EXECUTE $find${find_query(layer)}$find$ USING word, part, head, home, box, most;"
    return _function(f"find_{layer.id}", arguments, "SETOF bigint", body)


def box_query(layer: Layer, column: str) -> str:
    """Returns what the gate of the box asks of a geometry column: $1 is the box."""
    return f'SELECT id FROM {LAYER_SCHEMA}."{layer.id}" WHERE {column} && $1 AND ({held(layer, "read")})'


def _box(layer: Layer) -> Part:
    """The gate to the spatial indexes where nobody may mark ``&&`` LEAKPROOF; the box tells by its SRID which index is meant."""
    body = (
        f"IF ST_SRID(box) = 3857 THEN RETURN QUERY EXECUTE $box${box_query(layer, 'geom3857')}$box$ USING box;"
        f" ELSE RETURN QUERY EXECUTE $box${box_query(layer, 'geom')}$box$ USING box; END IF;"
    )
    return _function(f"box_{layer.id}", "box geometry", "SETOF bigint", body)


def parts(registry: Registry) -> list[Part]:
    """Returns everything of schema ``seen``, in the order it is made."""
    found = [_seen(name, " ".join(query.split())) for name, query in WIDE.items()]
    mine = f"RETURN QUERY SELECT e.layer, e.action, e.areas, e.own IS NOT NULL FROM access.effective e WHERE e.account = {ACTOR};"
    found.append(_function("rights", "", 'TABLE (layer text, action text, areas text[], "own" boolean)', mine))
    for layer in registry:
        columns = tuple(column for column in SYSTEM if column != "anchor" or not layer.points)
        found += [_seen(layer.id, _view(LAYER_SCHEMA, layer, columns)), _box(layer)]
        if any(attribute.search for attribute in layer.fields.values()):
            found.append(_find(layer))
    for stream in registry.streams.values():
        columns = tuple(column for column in STREAM_SYSTEM if column != "geom" or stream.geometry)
        found.append(_seen(stream.id, _view(STREAM_SCHEMA, stream, columns)))
    return found


def register_layers(connection: Connection, registry: Registry) -> bool:
    """Tells the database which layers and streams there are and how sensitive; returns whether that was news."""
    wanted = {(layer.id, "layer", layer.sensitivity) for layer in registry}
    wanted |= {(stream.id, "stream", stream.sensitivity) for stream in registry.streams.values()}
    known = {(row.id, row.kind, row.sensitivity) for row in connection.execute(text("SELECT id, kind, sensitivity FROM access.layer"))}
    gone = {row[0] for row in known} - {row[0] for row in wanted}
    for name in gone:
        connection.execute(text("DELETE FROM access.layer WHERE id = :id"), {"id": name})
    for row in sorted(wanted - known):
        connection.execute(
            text("""
                INSERT INTO access.layer (id, kind, sensitivity) VALUES (:id, :kind, :sensitivity)
                ON CONFLICT (id) DO UPDATE SET kind = EXCLUDED.kind, sensitivity = EXCLUDED.sensitivity
            """),
            dict(zip(("id", "kind", "sensitivity"), row, strict=True)),
        )
    return wanted != known


def plan_seen(connection: Connection, registry: Registry) -> list[tuple[str, str]]:
    """Returns (a line for people, a statement) for whatever of the right's objects is missing or not as it should be."""
    steps: list[tuple[str, str]] = []
    present = _present(connection)
    wanted = {part.name: part for part in parts(registry)}
    for name, (drop, digest) in sorted(present.items()):
        if name not in wanted or wanted[name].digest != digest:
            steps.append((f"- {SEEN_SCHEMA}.{name}", drop))
    for part in wanted.values():
        if present.get(part.name, ("", ""))[1] != part.digest:
            kind = "FUNCTION" if part.statements[0].startswith("CREATE FUNCTION") else "VIEW"
            made = [*part.statements, f"COMMENT ON {kind} {SEEN_SCHEMA}.\"{part.name}\" IS '{part.digest}'"]
            steps += [(f"+ {SEEN_SCHEMA}.{part.name}", statement) for statement in made]
    return [*_plan_policies(connection, registry), *steps]


def _plan_policies(connection: Connection, registry: Registry) -> Iterator[tuple[str, str]]:
    known: dict[str, str | None] = dict(connection.execute(text("""
        SELECT polrelid::regclass::text, obj_description(p.oid, 'pg_policy') FROM pg_policy p JOIN pg_class c ON c.oid = polrelid
        WHERE polname = 'read' AND relrowsecurity AND relnamespace IN (to_regnamespace(:layers), to_regnamespace(:streams))
    """), {"layers": LAYER_SCHEMA, "streams": STREAM_SCHEMA}).all())  # fmt: skip
    tables = [(LAYER_SCHEMA, layer) for layer in registry] + [(STREAM_SCHEMA, stream) for stream in registry.streams.values()]
    for schema, source in tables:
        part = Part(source.id, tuple(_policies(schema, source)))
        # regclass writes a name with quotes only where it must, e.g. layer."case"
        if part.digest in (known.get(f"{schema}.{source.id}"), known.get(f'{schema}."{source.id}"')):
            continue
        for statement in (*part.statements, f'COMMENT ON POLICY "read" ON {schema}."{source.id}" IS \'{part.digest}\''):
            yield f"right: {source.id}", statement


def _present(connection: Connection) -> dict[str, tuple[str, str | None]]:
    """Returns what stands in schema ``seen`` by name: the statement that drops it and its digest, None for a view that another owns."""
    views = connection.execute(text("""
        SELECT relname, 'DROP VIEW ' || c.oid::regclass,
               CASE WHEN pg_get_userbyid(relowner) = :actor THEN obj_description(c.oid, 'pg_class') END
        FROM pg_class c WHERE relnamespace = to_regnamespace(:schema) AND relkind = 'v'
    """), {"schema": SEEN_SCHEMA, "actor": ACTOR_ROLE})  # fmt: skip
    functions = connection.execute(text("""
        SELECT proname, 'DROP FUNCTION ' || p.oid::regprocedure, obj_description(p.oid, 'pg_proc')
        FROM pg_proc p WHERE pronamespace = to_regnamespace(:schema)
    """), {"schema": SEEN_SCHEMA})  # fmt: skip
    return {name: (drop, digest) for name, drop, digest in [*views.all(), *functions.all()]}


def drop_seen(connection: Connection) -> None:
    """Drops every view and gate: columns beneath a view cannot change their type, and nothing is seen meanwhile."""
    for drop, _ in _present(connection).values():
        connection.execute(text(drop))


def strip_right(connection: Connection) -> None:
    """Takes away everything of the right that came with an archive: it is made anew from the registry and the rules.

    The archive is restored without owners: its views would be the owner's, whom no policy binds, and its policies, its grants to the
    serving role and its compiled rights are whatever the file says.
    """
    connection.execute(text(f"DROP SCHEMA IF EXISTS {SEEN_SCHEMA} CASCADE"))
    policies = connection.scalars(text("""
        SELECT format('DROP POLICY %I ON %s', polname, polrelid::regclass) FROM pg_policy JOIN pg_class c ON c.oid = polrelid
        WHERE relnamespace IN (to_regnamespace(:layers), to_regnamespace(:streams))
    """), {"layers": LAYER_SCHEMA, "streams": STREAM_SCHEMA}).all()  # fmt: skip
    granted = connection.scalars(text("""
        SELECT DISTINCT format('REVOKE ALL ON %s FROM PUBLIC, %I', c.oid::regclass, CAST(:app AS text))
        FROM pg_class c WHERE pg_get_userbyid(relowner) = current_user AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
        AND (relacl IS NOT NULL OR EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attacl IS NOT NULL))
    """), {"app": APP_ROLE}).all()  # fmt: skip
    for statement in (*policies, *granted):
        connection.exec_driver_sql(statement.replace("%", "%%"))
    if connection.scalar(text("SELECT to_regclass('access.effective')")) is not None:
        connection.execute(text("DELETE FROM access.effective"))
