"""What the database lets the serving role and acting accounts do: rows, masks, gates, writes, nothing without a context."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError

from layers.catalogue import Registry
from layers.model import Layer
from spatial.accounts.accounts import NewAccount, create, disable
from spatial.accounts.grants import add_grant
from spatial.accounts.model import Grant
from spatial.accounts.organisations import Organisation, add_organisation
from spatial.database import acting_as
from spatial.rights.views import ACTOR_SETTING
from tests.support.cluster import Server
from tests.support.town import Town

Row = tuple[object, ...]
WEST, EAST = "9901010101", "9901010102"


@dataclass(frozen=True)
class People:
    """Account ids by name."""

    gis: int
    west: int
    planner: int
    company: int
    public: int
    other: int


@pytest.fixture(scope="module")
def people(engine: Engine, town: Town) -> People:
    with engine.begin() as connection:
        add_organisation(connection, Organisation("works", "100%_公司", "Works", "company"))
        connection.execute(text("""
            UPDATE layer.component SET owner_name = CASE id % 3 WHEN 0 THEN '100%_公司' WHEN 1 THEN '100x公司' END
        """))  # fmt: skip
        connection.execute(text("UPDATE layer.case SET reporter_name = '欧阳丽', reporter_phone = '13912345678'"))
        grants = {
            "gis": Grant("gis"), "west": Grant("dispatcher", WEST), "planner": Grant("planner", "990101"),
            "company": Grant("handler", "990101", "works"), "public": Grant("public"), "other": Grant("gis", "990201"),
        }  # fmt: skip
        return People(**{name: create(connection, NewAccount(name, name, (grant,))).id for name, grant in grants.items()})


@pytest.fixture
def seen(server: Server, database: str, people: People) -> Iterator[psycopg.Connection[Row]]:
    with psycopg.connect(server.app(database), autocommit=True) as found:
        yield found


def act(connection: psycopg.Connection[Row], account: int | None) -> None:
    connection.execute("SELECT set_config(%s, %s, false)", (ACTOR_SETTING, "" if account is None else str(account)))


def count(connection: psycopg.Connection[Row], name: str, condition: str = "true") -> int:
    row = connection.execute(sql.SQL("SELECT count(*) FROM {} WHERE " + condition).format(sql.Identifier("seen", name))).fetchone()
    assert row is not None
    return int(str(row[0]))


def test_without_a_context_nothing_is_seen(seen: psycopg.Connection[Row], registry: Registry) -> None:
    for name in [*registry.layers, *registry.streams, "city", "dataset"]:
        assert count(seen, name) == 0
    assert seen.execute("SELECT * FROM seen.rights()").fetchall() == []


def test_the_serving_role_reaches_nothing_beneath_the_views(seen: psycopg.Connection[Row], registry: Registry, people: People) -> None:
    act(seen, people.gis)
    tables = [f'layer."{layer.id}"' for layer in registry] + ["wanmi.city", "access.effective", "access.unmasking", "account.account"]
    for table in tables:
        for verb in (f"SELECT 1 FROM {table}", f"DELETE FROM {table}", f"TRUNCATE {table}"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                seen.execute(verb)  # type: ignore[arg-type]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        seen.execute("SET ROLE wanmi_actor")


def test_rows_are_cut_by_area(seen: psycopg.Connection[Row], engine: Engine, registry: Registry, people: People) -> None:
    layer = registry.by_role("component")
    with engine.connect() as connection:
        areas = dict(connection.execute(text("SELECT area, count(*) FROM layer.component GROUP BY area")).all())
    assert set(areas) >= {WEST, EAST}
    act(seen, people.west)
    assert count(seen, layer.id) == areas[WEST]
    assert count(seen, layer.id, f"area <> '{WEST}'") == 0
    act(seen, people.gis)
    assert count(seen, layer.id) == sum(areas.values())
    act(seen, people.other)
    assert count(seen, layer.id) == 10
    assert seen.execute("SELECT key FROM seen.city").fetchall() == [("other",)]


def test_one_sees_what_bears_the_name_of_ones_organisation(
    seen: psycopg.Connection[Row], engine: Engine, registry: Registry, people: People
) -> None:
    act(seen, people.company)
    layer = registry.by_role("component")
    with engine.connect() as connection:
        own = connection.scalar(text("SELECT count(*) FROM layer.component WHERE owner_name = '100%_公司' AND area LIKE '990101%'"))
    assert count(seen, layer.id) == own
    assert count(seen, layer.id, "owner_name <> '100%_公司'") == 0


def test_fields_are_masked_without_their_clearance(
    seen: psycopg.Connection[Row], registry: Registry, people: People, engine: Engine
) -> None:
    layer = registry.by_role("case")
    act(seen, people.west)
    statement = sql.SQL("SELECT DISTINCT reporter_name, reporter_phone FROM {}").format(sql.Identifier("seen", layer.id))
    assert seen.execute(statement).fetchall() == [("欧**", "139****5678")]
    assert count(seen, layer.id, "reporter_phone = '13912345678'") == 0
    feature = seen.execute(sql.SQL("SELECT min(id) FROM {}").format(sql.Identifier("seen", layer.id))).fetchall()[0][0]
    with engine.begin() as connection:
        connection.execute(
            text("""
                INSERT INTO access.unmasking (account, layer, feature, field, reason, until)
                VALUES (:account, :layer, :feature, 'reporter_phone', '回访', now() + interval '1 hour')
            """),
            {"account": people.west, "layer": layer.id, "feature": feature},
        )
    assert count(seen, layer.id, "reporter_phone = '13912345678'") == 1
    act(seen, people.gis)
    assert count(seen, layer.id, "reporter_phone = '13912345678'") == 0, "shown to one person only"
    with engine.begin() as connection:
        connection.execute(text("UPDATE access.unmasking SET at = at - interval '2 hours', until = until - interval '2 hours'"))
    act(seen, people.west)
    assert count(seen, layer.id, "reporter_phone = '13912345678'") == 0, "for an hour only"


@pytest.mark.parametrize(
    ("number", "shown"), [("13912345678", "139****5678"), ("6661234", "666****"), ("66612345", "666****5"), ("110", "****"), (None, None)]
)
def test_a_masked_number_keeps_four_digits_to_itself(
    seen: psycopg.Connection[Row], engine: Engine, people: People, number: str | None, shown: str | None
) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE layer.case SET reporter_phone = :n WHERE id = (SELECT max(id) FROM layer.case)"), {"n": number})
    act(seen, people.gis)
    assert seen.execute("SELECT reporter_phone FROM seen.case ORDER BY id DESC LIMIT 1").fetchone() == (shown,)


def test_a_search_gate_cuts_by_the_right(seen: psycopg.Connection[Row], people: People) -> None:
    gate = "SELECT count(*) FROM seen.find_component('路灯', '%%路灯%%', '路灯%%', NULL, NULL, 100000)"
    whole = seen.execute(gate).fetchone()
    assert whole == (0,)
    act(seen, people.west)
    assert seen.execute(gate).fetchone() == (count(seen, "component"),)


def test_who_is_disabled_sees_nothing_from_that_moment(seen: psycopg.Connection[Row], engine: Engine, people: People) -> None:
    with engine.begin() as connection:
        account = create(connection, NewAccount("leaving", "离职", (Grant("gis"),)))
    act(seen, account.id)
    assert count(seen, "component") > 0
    with engine.begin() as connection:
        disable(connection, "leaving")
    assert count(seen, "component") == 0


def test_a_second_grant_adds_to_the_first(seen: psycopg.Connection[Row], engine: Engine, people: People) -> None:
    with engine.begin() as connection:
        account = create(connection, NewAccount("wider", "两区", (Grant("gis", WEST),)))
    act(seen, account.id)
    first = count(seen, "component")
    with engine.begin() as connection:
        add_grant(connection, "wider", Grant("gis", EAST))
    assert count(seen, "component") == first + count(seen, "component", f"area = '{EAST}'") > first


def test_writes_keep_to_the_area_of_the_actor(engine: Engine, people: People, registry: Registry) -> None:
    with engine.begin() as connection:
        account = create(connection, NewAccount("editor", "西区", (Grant("gis", WEST),))).id
    moved = text("UPDATE layer.component SET remark = '改' WHERE area = :area")
    with engine.begin() as connection, acting_as(connection, account):
        assert connection.execute(moved, {"area": WEST}).rowcount > 0
        assert connection.execute(moved, {"area": EAST}).rowcount == 0
        assert connection.execute(text("DELETE FROM layer.case")).rowcount == 0
    for statement in (
        f"UPDATE layer.component SET area = '{EAST}' WHERE area = '{WEST}'",
        "INSERT INTO layer.component (city, area, geom, code, name, class_code, status)"
        f" SELECT city, '{EAST}', geom, 'new', name, class_code, status FROM layer.component LIMIT 1",
    ):
        with pytest.raises(ProgrammingError, match="row-level security"), engine.begin() as connection, acting_as(connection, account):
            connection.execute(text(statement))


def test_every_layer_has_its_policies_and_its_view(engine: Engine, registry: Registry, server: Server, database: str) -> None:
    with engine.connect() as connection:
        bare = connection.scalars(text("""
            SELECT relname FROM pg_class WHERE relnamespace IN ('layer'::regnamespace, 'stream'::regnamespace) AND relkind IN ('r', 'p')
            AND NOT relispartition AND NOT relrowsecurity
        """)).all()  # fmt: skip
        owners = connection.scalars(text("""
            SELECT DISTINCT pg_get_userbyid(relowner)::text FROM pg_class WHERE relnamespace = 'seen'::regnamespace AND relkind = 'v'
        """)).all()  # fmt: skip
    assert bare == []
    assert owners == ["wanmi_actor"]


def test_masked_fields_are_columns_of_the_same_type(engine: Engine, registry: Registry) -> None:
    def columns(schema: str, layer: Layer) -> dict[str, str]:
        with engine.connect() as connection:
            rows = connection.execute(
                text("SELECT attname, atttypid::regtype::text FROM pg_attribute WHERE attrelid = CAST(:t AS regclass) AND attnum > 0"),
                {"t": f'{schema}."{layer.id}"'},
            )
            return dict(rows.all())

    for layer in registry:
        assert columns("seen", layer) == columns("layer", layer)
