"""The watch over accounts: what it hears, when it counts as alive, what a lost connection does; and what is remembered meanwhile."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from spatial.accounts import watch as module
from spatial.accounts.held import Held, Proof
from spatial.accounts.sessions import open_session, revoke
from spatial.accounts.watch import Watch, watching
from spatial.database import owner_engine
from tests.support.cluster import Server
from tests.support.people import MLPS2, NOW, add_person
from tests.support.running import run as run_async

SOON = 10  # seconds after which a test gives up; nothing is judged by it


class Heard:
    """What a subscriber was told, to be waited for."""

    def __init__(self, watch: Watch) -> None:
        self.told: asyncio.Queue[int | None] = asyncio.Queue()
        watch.subscribe(self.told.put_nowait)

    async def next(self) -> int | None:
        return await asyncio.wait_for(self.told.get(), SOON)


async def proved(watch: Watch) -> None:
    async with asyncio.timeout(SOON):
        while not watch.alive:
            await asyncio.sleep(0.01)


def test_a_revocation_is_heard_with_its_account(server: Server, database: str, engine: Engine) -> None:
    account = add_person(engine, "heard")
    with engine.begin() as connection:
        opened = open_session(connection, account, MLPS2)

    async def run() -> None:
        watch = Watch(server.app(database))
        heard = Heard(watch)
        assert not watch.alive
        async with watching(watch):
            assert await heard.next() is None, "whatever was remembered before is dropped"
            await proved(watch)
            await asyncio.to_thread(revoking)
            assert await heard.next() == account.id
            assert watch.alive
            await asyncio.to_thread(telling, "*")
            assert await heard.next() is None
            for odd in ("", "x", "-1", "9" * 30):
                await asyncio.to_thread(telling, odd)
                assert await heard.next() in (None, int("9" * 30))

    def revoking() -> None:
        with engine.begin() as connection:
            revoke(connection, opened.session.id)

    def telling(payload: str) -> None:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_notify('wanmi_account', :payload)"), {"payload": payload})

    run_async(run())


def test_a_lost_connection_is_made_anew_and_everything_dropped(server: Server, database: str, engine: Engine) -> None:
    async def run() -> None:
        watch = Watch(server.app(database))
        heard = Heard(watch)
        async with watching(watch):
            await heard.next()
            await proved(watch)
            await asyncio.to_thread(killing)
            assert await heard.next() is None
            await proved(watch)

    def killing() -> None:
        superuser = owner_engine(server.admin(database))
        with superuser.begin() as connection:
            query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'wanmi-watch' AND datname = :name"
            assert connection.scalar(text(query), {"name": database}) is True
        superuser.dispose()

    run_async(run())


def test_a_watch_that_hears_nothing_is_not_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof is a second old at most; the clock is the test's."""
    clock = {"now": 100.0}
    monkeypatch.setattr(module.time, "monotonic", lambda: clock["now"])
    watch = Watch("postgresql://nobody@127.0.0.1:9/none")
    assert not watch.alive
    watch._proved_at = 100.0
    assert watch.alive
    clock["now"] = 100.99
    assert watch.alive
    clock["now"] = 101.0
    assert not watch.alive


@pytest.fixture(scope="module")
def proof(engine: Engine) -> Proof:
    """What a session opened at ``NOW`` proves."""
    account = add_person(engine, "held")
    with engine.begin() as connection:
        return Proof.of_session(open_session(connection, account, MLPS2, at=NOW).session)


def test_what_is_remembered_is_used_for_a_minute_and_only_while_alive(proof: Proof) -> None:
    alive = {"is": True}
    held = Held(lambda: alive["is"])
    held.keep("token", proof, held.generation)
    assert held.find("token", NOW) is proof
    assert held.find("other", NOW) is None
    assert held.find("token", NOW + timedelta(seconds=59)) is proof
    assert held.find("token", NOW + timedelta(seconds=60)) is None, "its use is to be noted in the database"
    alive["is"] = False
    assert held.find("token", NOW) is None
    held.keep("unheard", proof, held.generation)
    alive["is"] = True
    assert held.find("unheard", NOW) is None


def test_what_was_read_before_a_change_is_not_remembered(proof: Proof) -> None:
    """The query was under way when the session was revoked: the notification came before its answer."""
    held = Held(lambda: True)
    generation = held.generation
    held.drop(proof.account.id)
    held.keep("token", proof, generation)
    assert held.find("token", NOW) is None


def test_a_change_forgets_its_account_and_no_other(proof: Proof) -> None:
    held = Held(lambda: True)
    held.keep("token", proof, held.generation)
    held.drop(proof.account.id + 1)
    assert held.find("token", NOW) is proof
    held.drop(proof.account.id)
    assert held.find("token", NOW) is None
    held.keep("token", proof, held.generation)
    held.drop(None)
    assert len(held) == 0
