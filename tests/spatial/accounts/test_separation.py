"""Three separated administrators, one security administrator who stays: rules of the database, whoever comes at the same moment."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from psycopg2 import errors
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError

from spatial.accounts.accounts import account_by_name, disable, disable_stale, enable, lock
from spatial.accounts.grants import add_grant, remove_grant
from spatial.accounts.model import ROLES, SEPARATED, AccountError, Grant
from spatial.database import owner_engine
from tests.support.cluster import Server
from tests.support.people import MLPS2, NOW, add_person, minutes

BUSINESS = [role for role in ROLES if role not in SEPARATED]
numbers = itertools.count()


@pytest.fixture
def single(server: Server, template: str) -> Iterator[Engine]:
    """A database whose only security administrators are ``first`` and ``second``."""
    name = f"wanmi_separation_{next(numbers)}"
    server.create(name, template)
    engine = owner_engine(server.owner(name))
    add_person(engine, "first", "secadmin", password=None)
    add_person(engine, "second", "secadmin", password=None)
    yield engine
    engine.dispose()
    server.drop(name)


@pytest.mark.parametrize(("held", "wanted"), list(itertools.permutations(SEPARATED, 2)))
def test_no_one_is_two_administrators(engine: Engine, held: str, wanted: str) -> None:
    name = f"two{next(numbers)}"
    add_person(engine, name, held, password=None)
    with pytest.raises(AccountError) as refused, engine.begin() as connection:
        add_grant(connection, name, Grant(wanted))
    assert refused.value.rule == "separated_duties" and "三员分立" in refused.value.zh


@pytest.mark.parametrize("administrator", SEPARATED)
@pytest.mark.parametrize("business", BUSINESS)
def test_an_administrator_has_no_business_role_nor_the_other_way_round(engine: Engine, administrator: str, business: str) -> None:
    insert = "INSERT INTO account.account_role (account, role) VALUES (:account, :role)"
    for held, wanted in ((administrator, business), (business, administrator)):
        name = f"both{next(numbers)}"
        number = add_person(engine, name, "planner" if held == business else held, password=None).id
        with pytest.raises(IntegrityError) as refused, engine.begin() as connection:
            connection.execute(text(insert), {"account": number, "role": wanted if wanted == administrator else business})
        assert refused.value.orig.diag.constraint_name == "separated_duties"


def test_business_roles_go_together(engine: Engine) -> None:
    held = add_person(engine, "many", "dispatcher", "planner", "gis", "collector", password=None).roles
    assert sorted(held) == ["collector", "dispatcher", "gis", "planner"]


def together(engine: Engine, *works: Callable[[Connection], object]) -> list[Exception | None]:
    """Runs works in transactions of their own; all have done their work before the first one commits, if the rules let them."""
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[Connection], object]) -> Exception | None:
        try:
            with engine.begin() as connection:
                connection.execute(text("SELECT 1"))
                barrier.wait(20)
                work(connection)
        except (AccountError, DBAPIError) as error:
            return error
        return None

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def test_two_grants_at_once_cannot_make_two_duties(engine: Engine) -> None:
    for number in range(8):
        name = f"race{number}"
        account = add_person(engine, name, "planner", password=None).id
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM account.account_role WHERE account = :id"), {"id": account})
        outcome = together(
            engine,
            lambda connection, name=name: add_grant(connection, name, Grant("sysadmin")),
            lambda connection, name=name: add_grant(connection, name, Grant("auditor")),
            lambda connection, name=name: add_grant(connection, name, Grant("dispatcher")),
        )
        with engine.connect() as connection:
            assert len(account_by_name(connection, name).grants) == 1
        assert outcome.count(None) == 1


def security_administrators(engine: Engine) -> int:
    with engine.connect() as connection:
        found = connection.scalar(
            text("""
                SELECT count(*) FROM account.account_role r JOIN account.account a ON a.id = r.account
                WHERE r.role = 'secadmin' AND a.state = 'active'
            """)
        )
    return int(found or 0)


def drop_role(name: str) -> Callable[[Connection], object]:
    return lambda connection: remove_grant(connection, name, Grant("secadmin"))


def turn_off(name: str) -> Callable[[Connection], object]:
    return lambda connection: disable(connection, name)


def shut(name: str) -> Callable[[Connection], object]:
    return lambda connection: lock(connection, name)


@pytest.mark.parametrize("way", [drop_role, turn_off, shut])
def test_the_last_security_administrator_stays(single: Engine, way: Callable[[str], Callable[[Connection], object]]) -> None:
    with single.begin() as connection:
        way("second")(connection)
    with pytest.raises(AccountError, match="first") as refused, single.begin() as connection:
        way("first")(connection)
    assert refused.value.rule == "last_security_administrator"
    with single.begin() as connection:
        assert account_by_name(connection, "first").state == "active"
    assert security_administrators(single) == 1


@pytest.mark.parametrize(("one", "other"), [(drop_role, drop_role), (turn_off, turn_off), (drop_role, turn_off), (shut, turn_off)])
def test_two_at_once_do_not_take_both(single: Engine, one: Callable[..., object], other: Callable[..., object]) -> None:
    outcome = together(single, one("first"), other("second"))  # type: ignore[arg-type]
    assert outcome.count(None) == 1
    assert [error.rule for error in outcome if isinstance(error, AccountError)] == ["last_security_administrator"]
    assert security_administrators(single) == 1


def test_stricter_isolation_does_not_take_both_either(single: Engine) -> None:
    strict = single.execution_options(isolation_level="REPEATABLE READ")
    outcome = together(strict, turn_off("first"), drop_role("second"))
    assert outcome.count(None) == 1
    assert security_administrators(single) == 1


def test_an_overlapping_transaction_waits_for_the_first(single: Engine) -> None:
    """Two connections step by step: the second has begun before the first commits and is refused after it."""
    done: list[object] = []

    def second() -> None:
        try:
            with single.begin() as connection:
                disable(connection, "second")
        except AccountError as error:
            done.append(error.rule)

    with single.begin() as connection:
        disable(connection, "first")
        thread = threading.Thread(target=second)
        thread.start()
        with single.connect() as other:
            while not other.scalar(
                text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
            ):
                other.rollback()
        assert not done
    thread.join(20)
    assert done == ["last_security_administrator"]


def test_who_becomes_one_while_being_disabled_is_not_counted_on(single: Engine) -> None:
    """One turns off a planner while another makes the planner the only security administrator."""
    with single.begin() as connection:
        disable(connection, "second")
    number = add_person(single, "third", "planner", password=None).id
    with single.begin() as connection:
        connection.execute(text("DELETE FROM account.account_role WHERE account = :id"), {"id": number})

    def hand_over(connection: Connection) -> None:
        add_grant(connection, "third", Grant("secadmin"))
        remove_grant(connection, "first", Grant("secadmin"))

    outcome = together(single, hand_over, turn_off("third"))
    assert outcome.count(None) == 1
    assert security_administrators(single) == 1


def test_left_accounts_keep_the_last_one_and_statements_past_the_code_are_refused(single: Engine) -> None:
    with single.begin() as connection:
        assert disable_stale(connection, MLPS2, minutes(60 * 24 * 91)) == ["first"]
        enable(connection, "first", NOW)
    for statement in (
        "DELETE FROM account.account_role",
        "UPDATE account.account_role SET role = 'auditor'",
        "UPDATE account.account SET state = 'locked'",
        "TRUNCATE account.account_role",
        "TRUNCATE account.account CASCADE",
    ):
        with pytest.raises(IntegrityError) as refused, single.begin() as connection:
            connection.execute(text(statement))
        assert isinstance(refused.value.orig, errors.RestrictViolation)
    assert security_administrators(single) == 2


def test_the_serving_role_sees_nothing(server: Server, database: str, engine: Engine) -> None:
    with engine.connect() as connection:
        tables = list(connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'account'")))
        other = "SELECT count(*) FROM pg_class WHERE relname = 'account' AND relnamespace <> 'account'::regnamespace"
        assert connection.scalar(text(other)) == 0
    assert set(tables) >= {"account", "account_role", "organisation", "password_history", "session", "api_key", "login_attempt"}
    serving = owner_engine(server.app(database))
    try:
        for table in tables:
            for statement in (f"SELECT * FROM account.{table}", f"DELETE FROM account.{table}", f"TRUNCATE account.{table}"):
                with pytest.raises(ProgrammingError) as refused, serving.begin() as connection:
                    connection.execute(text(statement))
                assert isinstance(refused.value.orig, errors.InsufficientPrivilege)
    finally:
        serving.dispose()
