"""``wanmi db upgrade``: core migrations by Alembic, then the layer tables as the registry declares them.

Nothing is ever dropped: what would lose data is refused with its reason and the database stays as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import resources

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, Column, Connection, Engine, Table, UniqueConstraint, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from grid_coding.errors import BilingualError
from layers.catalogue import Registry
from layers.model import Layer
from layers.stream import Stream
from spatial.rights.rules import first_rules
from spatial.rights.views import ACTOR_ROLE, APP_ROLE, SEEN_SCHEMA, drop_seen, plan_seen, register_layers
from spatial.streams import STREAM_SCHEMA, stream_tables
from spatial.tables import CORE_SCHEMA, LAYER_SCHEMA, layer_tables

__all__ = ["UpgradePlan", "UpgradeRefused", "enforce_right", "head_revision", "pending", "plan_tables", "scripts", "upgrade"]

DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
SCHEMAS = (CORE_SCHEMA, LAYER_SCHEMA, STREAM_SCHEMA)
# One upgrade at a time; the number is ours alone ("wanmi" in letters of a telephone).
UPGRADE_LOCK = 92664


class UpgradeRefused(BilingualError):
    """The registry differs from the database in a way that would lose data; ``reasons`` lists every one (zh / en)."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("数据库升级被拒绝，什么都没有改动：\n" + "\n".join(reasons), "upgrade refused, nothing was changed")
        self.reasons = reasons


@dataclass
class UpgradePlan:
    """Statements that bring the layer tables to the registry, with a line for people, and what stands against it."""

    steps: list[tuple[str, str]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    def add(self, sentence: str, statement: str) -> None:
        """Adds one statement."""
        self.steps.append((sentence, statement))


def upgrade(engine: Engine, registry: Registry) -> list[str]:
    """Brings the database to this version of the house and returns a line per change made.

    Raises:
        UpgradeRefused: destructive differences; nothing is changed.
    """
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
        for schema in SCHEMAS:
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {schema}"))
        before = _revision(connection)
        command.upgrade(_alembic(connection), "head")
        plan = plan_tables(connection, registry)
        if plan.refusals:
            raise UpgradeRefused(plan.refusals)
        if plan.steps or before != head_revision():
            drop_seen(connection)
        for _, statement in plan.steps:
            connection.exec_driver_sql(statement.replace("%", "%%"))
        rights = enforce_right(connection, registry)
    return [sentence for sentence, _ in plan.steps] + rights


def enforce_right(connection: Connection, registry: Registry) -> list[str]:
    """Brings policies, views and gates to the registry and returns a line for each layer or object that was not as it should be.

    Raises:
        UpgradeRefused: the server has not the roles that the right needs.
    """
    missing = {APP_ROLE, ACTOR_ROLE} - set(connection.scalars(text("SELECT rolname FROM pg_roles")))
    if missing:
        name = min(missing)
        raise UpgradeRefused([
            f"服务器没有角色 {name}；请管理员运行 `wanmi db prepare --print` 给出的 SQL"
            f" / the server has no role {name}: have the administrator run what `wanmi db prepare --print` prints"
        ])  # fmt: skip
    news = register_layers(connection, registry)
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SEEN_SCHEMA}"))  # a restore drops that of the archive
    for schema in (LAYER_SCHEMA, STREAM_SCHEMA, "access", CORE_SCHEMA):
        connection.execute(text(f"GRANT USAGE ON SCHEMA {schema} TO {ACTOR_ROLE}"))
    connection.execute(text(f"GRANT USAGE, CREATE ON SCHEMA {SEEN_SCHEMA} TO {ACTOR_ROLE}"))
    beneath = "access.effective, access.unmasking, wanmi.city, wanmi.dataset, wanmi.alembic_version"
    connection.execute(text(f"GRANT SELECT ON {beneath} TO {ACTOR_ROLE}"))
    connection.execute(text(f"GRANT USAGE ON SCHEMA {SEEN_SCHEMA} TO {APP_ROLE}"))
    # served directly until there was a right
    for schema in SCHEMAS:
        connection.execute(text(f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {APP_ROLE}"))
        connection.execute(text(f"REVOKE ALL ON SCHEMA {schema} FROM {APP_ROLE}"))
    steps = plan_seen(connection, registry)
    for _, statement in steps:
        connection.exec_driver_sql(statement.replace("%", "%%"))
    compiled = connection.scalar(text("SELECT EXISTS (SELECT FROM access.effective)"))
    if first_rules(connection) or news or not compiled:
        connection.execute(text("SELECT access.compile()"))
    return list(dict.fromkeys(sentence for sentence, _ in steps))


def pending(engine: Engine, registry: Registry) -> list[str]:
    """Returns a line per change that an upgrade would make or refuse; empty when the database fits this version."""
    with engine.connect() as connection:
        revision = _revision(connection)
        if revision != head_revision():
            return [f"{revision or '–'} → {head_revision()}"]
        plan = plan_tables(connection, registry)
        return [*plan.refusals, *(sentence for sentence, _ in plan.steps), *dict(plan_seen(connection, registry))]


def head_revision() -> str:
    """Returns the newest migration that this version of the house knows."""
    head = scripts().get_current_head()
    if head is None:
        raise RuntimeError("no migrations in the package")
    return head


def scripts() -> ScriptDirectory:
    """Returns the migrations that this version of the house knows."""
    return ScriptDirectory(str(resources.files("spatial").joinpath("migrations")))


def _alembic(connection: Connection) -> Config:
    config = Config()
    # ConfigParser reads "%" in a path as its own
    config.set_main_option("script_location", str(resources.files("spatial").joinpath("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _revision(connection: Connection) -> str | None:
    """Returns the migration that the database is at, None before the first."""
    if connection.scalar(text("SELECT to_regclass('wanmi.alembic_version')")) is None:
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM wanmi.alembic_version"))
    return found


def plan_tables(connection: Connection, registry: Registry) -> UpgradePlan:
    """Compares the tables of layers and streams with the registry; changes nothing."""
    plan = UpgradePlan()
    tables = layer_tables(registry)
    present = _present(connection, LAYER_SCHEMA)
    for layer in registry:
        table = tables[layer.id]
        if layer.id in present:
            _plan_table(connection, plan, layer, table, layer.id)
        elif layer.renamed_from in present:
            plan.add(f"{layer.renamed_from} → {layer.id}", f'ALTER TABLE {LAYER_SCHEMA}."{layer.renamed_from}" RENAME TO "{layer.id}"')
            _plan_table(connection, plan, layer, table, str(layer.renamed_from))
            present.discard(str(layer.renamed_from))
        else:
            _plan_new(plan, layer, table)
    _refuse_orphans(connection, plan, LAYER_SCHEMA, present - set(tables))
    streams = stream_tables(registry)
    present = _present(connection, STREAM_SCHEMA)
    for stream in registry.streams.values():
        if stream.id in present:
            _plan_table(connection, plan, stream, streams[stream.id], stream.id)
        else:
            _plan_new(plan, stream, streams[stream.id])
            # a row trigger is copied to every partition, a statement trigger guards the root only
            plan.add(f"{stream.id}: append-only", (
                f'CREATE TRIGGER append_only BEFORE UPDATE ON {STREAM_SCHEMA}."{stream.id}" '
                f"FOR EACH ROW EXECUTE FUNCTION {CORE_SCHEMA}.refuse_update()"
            ))  # fmt: skip
    _refuse_orphans(connection, plan, STREAM_SCHEMA, present - set(streams))
    return plan


def _present(connection: Connection, schema: str) -> set[str]:
    """Returns the tables of a schema; partitions belong to their table."""
    return set(connection.scalars(text("""
        SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(:s) AND relkind IN ('r', 'p') AND NOT relispartition
    """), {"s": schema}))  # fmt: skip


def _plan_new(plan: UpgradePlan, layer: Layer | Stream, table: Table) -> None:
    plan.add(f"+ {layer.id}（{layer.title.zh}）", str(CreateTable(table).compile(dialect=DIALECT)))
    for index in sorted(table.indexes, key=lambda index: str(index.name)):
        plan.add(f"+ {index.name}", str(CreateIndex(index).compile(dialect=DIALECT)))


def _refuse_orphans(connection: Connection, plan: UpgradePlan, schema: str, names: set[str]) -> None:
    for name in sorted(names):
        rows = connection.scalar(text(f'SELECT count(*) FROM {schema}."{name}"'))
        plan.refusals.append(
            f"图层表 {name}（{rows} 行）没有对应的图层文件；升级不删除数据。请恢复文件，或在新文件中写 renamed_from = \"{name}\""
            f" / table {name} ({rows} rows) has no layer file; an upgrade deletes nothing: restore the file or declare renamed_from"
        )  # fmt: skip


def _plan_table(connection: Connection, plan: UpgradePlan, layer: Layer | Stream, table: Table, present_as: str) -> None:
    at = f'{table.schema}."{present_as}"'
    found = _columns(connection, at)
    rows_exist = bool(connection.scalar(text(f"SELECT EXISTS (SELECT 1 FROM {at})")))
    for column in table.columns:
        old = layer.fields[column.name].renamed_from if column.name in layer.fields else None
        source = column.name if column.name in found else old
        if source is not None and source in found:
            if source != column.name:
                plan.add(f"{layer.id}.{source} → {column.name}", f'{_alter(table)} RENAME COLUMN "{source}" TO "{column.name}"')
            _plan_column(connection, plan, layer, column, found.pop(source), at, source)
        elif not column.nullable and rows_exist and column.server_default is None:
            plan.refusals.append(
                f"{layer.id}.{column.name}：表中已有数据，新字段不能是必填（required） / a new field of a filled table cannot be required"
            )
        else:
            plan.add(f"+ {layer.id}.{column.name}", f"{_alter(table)} ADD COLUMN {_definition(column)}")
    for name in sorted(found):
        filled = connection.scalar(text(f'SELECT count("{name}") FROM {at}'))
        plan.refusals.append(
            f"{layer.id}.{name}（{filled} 个值）不再声明；升级不删除数据。请恢复字段，或在新字段中写 renamed_from = \"{name}\""
            f" / field {name} ({filled} values) is no longer declared; restore it or declare renamed_from"
        )  # fmt: skip
    _plan_rules(connection, plan, layer, table, at)


def _plan_column(
    connection: Connection, plan: UpgradePlan, layer: Layer | Stream, column: Column[object], found: tuple[str, bool], at: str, source: str
) -> None:
    kind, required = found
    wanted = _type(column)
    if kind.lower() != wanted.lower():
        if not (kind.lower().startswith("geometry(") and wanted.lower() == "geometry(geometry,4490)"):
            plan.refusals.append(
                f"{layer.id}.{column.name}：类型由 {kind} 变为 {wanted} 会改动数据 / changing the type {kind} to {wanted} would change data"
            )
            return
        plan.add(f"{layer.id}.{column.name}: {wanted}", f'{_alter(column.table)} ALTER COLUMN "{column.name}" TYPE {wanted}')
    if required == (not column.nullable):
        return
    if required:
        plan.add(f"{layer.id}.{column.name}: null", f'{_alter(column.table)} ALTER COLUMN "{column.name}" DROP NOT NULL')
        return
    empty = connection.scalar(text(f'SELECT count(*) FROM {at} WHERE "{source}" IS NULL'))
    if empty:
        plan.refusals.append(
            f"{layer.id}.{column.name}：{empty} 行没有值，不能改为必填 / {empty} rows have no value, it cannot become required"
        )
        return
    plan.add(f"{layer.id}.{column.name}: not null", f'{_alter(column.table)} ALTER COLUMN "{column.name}" SET NOT NULL')


def _plan_rules(connection: Connection, plan: UpgradePlan, layer: Layer | Stream, table: Table, at: str) -> None:
    """Adds new checks, unique rules and indexes; takes away our own that are no longer declared."""
    address = {"t": at}
    found = set(connection.scalars(text(
        "SELECT conname FROM pg_constraint WHERE conrelid = CAST(:t AS regclass) AND contype IN ('c', 'u')"), address))  # fmt: skip
    wanted = {str(rule.name): clause for rule, clause in _rules(table)}
    for name in sorted(found - set(wanted)):
        plan.add(f"- {name}", f'{_alter(table)} DROP CONSTRAINT "{name}"')
    for name in sorted(set(wanted) - found):
        plan.add(f"+ {name}", f'{_alter(table)} ADD CONSTRAINT "{name}" {wanted[name]}')
        broken = _broken_rows(connection, table, name, at)
        if broken:
            plan.refusals.append(f"{layer.id}：{broken} 行不符合新规则 {name} / {broken} rows break the new rule {name}")
    present = "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = CAST(:t AS regclass)"
    indexes = set(connection.scalars(text(present), address))
    for index in sorted(table.indexes, key=lambda index: str(index.name)):
        if index.name not in indexes:
            plan.add(f"+ {index.name}", str(CreateIndex(index).compile(dialect=DIALECT)))


def _rules(table: Table) -> Iterator[tuple[CheckConstraint | UniqueConstraint, str]]:
    for rule in table.constraints:
        if isinstance(rule, CheckConstraint):
            yield rule, f"CHECK ({rule.sqltext})"
        elif isinstance(rule, UniqueConstraint):
            yield rule, "UNIQUE (" + ", ".join(f'"{column.name}"' for column in rule.columns) + ")"


def _broken_rows(connection: Connection, table: Table, name: str, at: str) -> int:
    """Counts rows that a new check would refuse; a check on a column that is not there yet, or of another type, breaks for none."""
    found = _columns(connection, at)
    columns = {c.name for c in table.columns if c.name in found and found[c.name][0].lower() == _type(c)}
    for rule in table.constraints:
        if isinstance(rule, CheckConstraint) and rule.name == name:
            expression = str(rule.sqltext)
            quoted = {column.name for column in table.columns if f'"{column.name}"' in expression}
            if not quoted <= columns:
                return 0
            statement = f"SELECT count(*) FROM {at} WHERE NOT ({expression})"
            return int(connection.exec_driver_sql(statement.replace("%", "%%")).scalar_one())
    return 0


def _columns(connection: Connection, at: str) -> dict[str, tuple[str, bool]]:
    rows = connection.execute(
        text("""
            SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute
            WHERE attrelid = CAST(:t AS regclass) AND attnum > 0 AND NOT attisdropped
        """),
        {"t": at},
    )
    return {name: (kind, required) for name, kind, required in rows}


def _type(column: Column[object]) -> str:
    return column.type.compile(dialect=DIALECT).lower()


def _definition(column: Column[object]) -> str:
    return str(CreateColumn(column).compile(dialect=DIALECT))


def _alter(table: Table) -> str:
    return f'ALTER TABLE {table.schema}."{table.name}"'
