"""Around the door: names of the server, the queue before the owner's work, and what a flood of refusals leaves in the log."""

from __future__ import annotations

import asyncio
import threading

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from api.auth import denials as module
from api.auth.bulkhead import Bulkhead
from api.auth.denials import Denials
from api.cli.server import server_config
from api.errors import ApiError
from api.hosts import Hosts
from spatial.audit.record import Entry
from spatial.settings import SettingsError, load_settings
from tests.support.running import run as run_async


def answers(names: tuple[str, ...], own: tuple[str, ...] = (), server: str = "192.0.2.10") -> TestClient:
    app = FastAPI()
    app.add_middleware(Hosts, names=names, own=own)
    app.get("/")(lambda: "in")
    return TestClient(app, base_url=f"http://{server}:8000")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200), ("localhost:8000", 200), ("[::1]:8000", 200), ("LOCALHOST", 200), ("192.0.2.10:8000", 200), ("192.0.2.10", 200),
        ("map.city.example", 200), ("MAP.city.example:8443", 200), ("evil.example", 400), ("map.city.example.evil.example", 400),
        ("x.map.city.example", 400), ("localhost.evil.example", 400), ("192.0.2.11", 400), ("127.0.0.1.evil.example", 400), ("", 400),
        ("localhost:x", 400), ("localhost@evil.example", 400), ("127.0.0.1:8000:8000", 400), ("[::1", 400), ("::1", 400), ("*", 400),
    ],
)  # fmt: skip
def test_only_whole_names_of_ours(host: str, status: int) -> None:
    assert answers(("map.city.example",)).get("/", headers={"Host": host}).status_code == status


def test_a_list_of_names_takes_the_place_of_the_machines_own() -> None:
    assert answers((), ("gis-server",)).get("/", headers={"Host": "gis-server"}).status_code == 200
    assert answers(("map.example",), ("gis-server",)).get("/", headers={"Host": "gis-server"}).status_code == 400
    doubled = answers(()).get("/", headers=[("Host", "localhost"), ("Host", "evil.example")])
    assert doubled.status_code == 400


def test_names_and_proxies_are_given_by_comma_and_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANMI_ALLOWED_HOSTS", "map.city.example, gis-server,[fd00::5]")
    monkeypatch.setenv("WANMI_TRUSTED_PROXIES", "10.0.0.2,10.1.0.0/24")
    settings = load_settings({})
    assert settings.allowed_hosts == ("map.city.example", "gis-server", "[fd00::5]")
    assert settings.trusted_proxies == ("10.0.0.2", "10.1.0.0/24")
    for name, values in (
        ("WANMI_ALLOWED_HOSTS", ("*", "*.city.example", "http://map.city.example", "map:8000", "[broken", "[1]")),
        ("WANMI_TRUSTED_PROXIES", ("*", "0.0.0.0/0", "::/0", "proxy.example", '["10.0.0.2", 5]')),
    ):
        for value in values:
            with monkeypatch.context() as patched, pytest.raises(SettingsError, match=name.removeprefix("WANMI_").lower()):
                patched.setenv(name, value)
                load_settings({})


@pytest.mark.parametrize(
    ("proxies", "seen"), [((), "192.0.2.1 http"), (("192.0.2.1",), "203.0.113.9 https"), (("192.0.2.2",), "192.0.2.1 http")]
)
def test_only_our_own_proxies_say_who_the_client_is(proxies: tuple[str, ...], seen: str) -> None:
    app = FastAPI()

    @app.get("/")
    def who(request: Request) -> str:
        assert request.client is not None
        return f"{request.client.host} {request.url.scheme}"

    config = server_config(app, load_settings({}, trusted_proxies=proxies))
    config.load()
    client = TestClient(config.loaded_app, client=("192.0.2.1", 7))
    headers = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "Forwarded": "for=203.0.113.9", "X-Real-IP": "203.0.113.9"}
    assert client.get("/", headers=headers).json() == seen


def test_who_waits_too_long_is_told_to_come_again(engine: Engine) -> None:
    """One place, taken: the second is refused and the first is done all the same."""
    begun, ending = threading.Event(), threading.Event()

    def slow(_: Engine) -> str:
        begun.set()
        assert ending.wait(10)
        return "done"

    async def run() -> None:
        bulkhead = Bulkhead(engine, 1, 0.01)
        first = asyncio.create_task(bulkhead.call(slow))
        await asyncio.to_thread(begun.wait, 10)
        with pytest.raises(ApiError) as told:
            await bulkhead.run(lambda connection: connection.scalar(text("SELECT 1")))
        assert told.value.status == 503
        ending.set()
        assert await first == "done"
        assert await bulkhead.run(lambda connection: connection.scalar(text("SELECT 1"))) == 1

    run_async(run())


def test_a_flood_of_refusals_is_counted_and_not_kept(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = {"now": 0.0}
    monkeypatch.setattr(module.time, "monotonic", lambda: clock["now"])
    monkeypatch.setattr(module, "MOST_OF_ONE", 3)
    monkeypatch.setattr(module, "MOST_OF_ALL", 5)

    async def run() -> None:
        denials = Denials(Bulkhead(engine, 1, 5))
        for address in ("10.0.0.1", "10.0.0.2", "2001:db8::1", "2001:db8::2"):
            for _ in range(4):
                await denials.note(Entry("denied", "refused", address=address))
        clock["now"] = module.WINDOW_SECONDS
        await denials.note(Entry("denied", "refused", address="10.0.0.1"))

    run_async(run())
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT host(address), detail FROM audit.entry WHERE action = 'denied' ORDER BY id")).all()
    assert [tuple(row) for row in rows] == [
        *[("10.0.0.1", {})] * 3, *[("10.0.0.2", {})] * 2, (None, {"left_out": 11}), ("10.0.0.1", {}),
    ]  # fmt: skip


def test_one_network_of_ipv6_is_one_address(engine: Engine) -> None:
    assert module._block("2001:db8::1") == module._block("2001:db8::ffff:2") != module._block("2001:db8:0:1::1")
