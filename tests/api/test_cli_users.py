"""``wanmi user`` and the first start from outside: what is printed lets in, what is wrong is a sentence."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from api.cli import main
from data.sample_city import SAMPLE_KEY
from spatial.accounts.accounts import account_by_name, accounts
from spatial.accounts.keys import find_key
from spatial.accounts.login import LoginRefused, login
from spatial.accounts.model import Grant
from spatial.accounts.policy import PROFILES
from spatial.cities import City, add_city, city_or_none
from spatial.database import owner_engine
from tests.api.test_cli import Run, environment
from tests.conftest import ROOT
from tests.support.cluster import Server
from tests.support.people import PASSWORD

MLPS2 = PROFILES["mlps2"]
ONE_TIME = re.compile(r"one-time password: (\S+)")
MADE = re.compile(r"^  (\w+) +\S+\t(.+)$", re.MULTILINE)


@pytest.fixture
def wanmi(server: Server, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command on the module's database, in this process: a new one takes seconds to import everything."""
    for name in list(os.environ):
        if name.startswith("WANMI_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANMI_DATABASE_URL", server.owner(database))
    monkeypatch.setenv("WANMI_STATE_DIR", str(tmp_path))

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        with monkeypatch.context() as patched, pytest.raises(SystemExit) as ended:
            patched.setattr(sys, "argv", ["wanmi", *arguments])
            for name, value in more.items():
                patched.setenv(name, value)
            main()
        printed = capsys.readouterr()
        return subprocess.CompletedProcess(["wanmi", *arguments], int(ended.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture
def ground(engine: Engine) -> None:
    """A city whose key is the sample city's, so that no other is made."""
    with engine.begin() as connection:
        if city_or_none(connection, SAMPLE_KEY) is None:
            add_city(connection, City(SAMPLE_KEY, "地", "Ground", "4101", (113, 34, 114, 35)))


def test_a_user_is_added_with_area_and_organisation(wanmi: Run, engine: Engine, ground: None) -> None:
    assert wanmi("user", "organisation", "add", "water", "--title", "水务局").returncode == 0
    assert "water\t水务局" in wanmi("user", "organisation", "list").stdout
    added = wanmi(
        "user", "add", "li.wei", "--role", "handler", "--role", "planner", "--area", "410105", "--organisation", "water", "--title", "李伟"
    )
    assert added.returncode == 0, added.stderr
    found = ONE_TIME.findall(added.stdout)
    granted = login(engine, "li.wei", found[0], None, MLPS2)
    assert granted.must_change and len(found) == 1
    assert (granted.account.title, granted.account.organisation) == ("李伟", "water")
    assert granted.account.grants == (Grant("handler", "410105"), Grant("planner", "410105"))
    listed = wanmi("user", "list")
    assert "li.wei\t李伟\t处置部门（410105）、规划人员（410105）\twater\tactive" in listed.stdout
    assert found[0] not in listed.stdout


def test_password_disable_enable_and_roles(wanmi: Run, engine: Engine) -> None:
    first = ONE_TIME.findall(wanmi("user", "add", "wang", "--role", "gis").stdout)[0]
    second = ONE_TIME.findall(wanmi("user", "password", "WANG").stdout)[0]
    with pytest.raises(LoginRefused):
        login(engine, "wang", first, None, MLPS2)
    assert login(engine, "wang", second, None, MLPS2).must_change
    assert wanmi("user", "disable", "wang").returncode == 0
    with pytest.raises(LoginRefused):
        login(engine, "wang", second, None, MLPS2)
    assert wanmi("user", "enable", "wang").returncode == 0
    assert login(engine, "wang", second, None, MLPS2).must_change
    assert wanmi("user", "role", "add", "wang", "planner").returncode == 0
    assert wanmi("user", "role", "remove", "wang", "gis").returncode == 0
    with engine.connect() as connection:
        assert account_by_name(connection, "wang").roles == ("planner",)


def test_a_key_is_made_listed_and_revoked(wanmi: Run, engine: Engine) -> None:
    wanmi("user", "add", "program", "--role", "gis")
    made = wanmi("user", "key", "add", "program", "--title", "QGIS", "--scope", "read", "--scope", "write", "--days", "30")
    key = re.findall(r"key: (\S+)", made.stdout)[0]
    with engine.begin() as connection:
        found = find_key(connection, key)
    assert found is not None and found[0].scopes == ("read", "write")
    listed = wanmi("user", "key", "list").stdout
    assert f"{found[0].prefix}\tprogram\tQGIS\tread,write" in listed and key not in listed
    assert wanmi("user", "key", "revoke", found[0].prefix).returncode == 0
    with engine.begin() as connection:
        assert find_key(connection, key) is None
    assert "已撤销" in wanmi("user", "key", "list", "program").stdout


def test_what_is_wrong_is_a_sentence_in_both_languages(wanmi: Run, ground: None) -> None:
    wanmi("user", "add", "only", "--role", "secadmin")
    for arguments, word in (
        (("add", "only", "--role", "gis"), "only"),
        (("add", "x", "--role", "gis"), "2–32"),
        (("add", "new", "--role", "mayor"), "mayor"),
        (("add", "new", "--role", "gis", "--area", "9999"), "9999"),
        (("add", "new", "--role", "gis", "--organisation", "club"), "club"),
        (("add", "new", "--role", "handler"), "--organisation"),
        (("add", "new", "--role", "sysadmin", "--role", "auditor"), "三员分立"),
        (("role", "add", "only", "dispatcher"), "三员分立"),
        (("role", "remove", "only", "secadmin"), "最后一个"),
        (("role", "remove", "only", "gis"), "secadmin"),
        (("disable", "only"), "最后一个"),
        (("password", "nobody"), "nobody"),
        (("enable", "nobody"), "nobody"),
        (("key", "add", "only", "--title", "甲"), "管理员"),
        (("key", "revoke", "zzzzzzzz"), "zzzzzzzz"),
        (("key", "list", "nobody"), "nobody"),
        (("organisation", "add", "A B", "--title", "甲"), "A B"),
    ):
        done = wanmi("user", *arguments)
        assert done.returncode == 2, (arguments, done.stdout)
        assert word in done.stderr and "error:" in done.stderr and "Traceback" not in done.stderr, done.stderr


def started(server: Server, database: str, tmp_path: Path, **more: str) -> str:
    """What ``user first`` prints."""
    names = environment(WANMI_DATABASE_URL=server.owner(database), WANMI_STATE_DIR=str(tmp_path), PYTHONPATH=str(ROOT), **more)
    command = [sys.executable, "-m", "api.cli", "user", "first"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=names, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def fresh(server: Server, template: str) -> Iterator[str]:
    """A database of its own that has seen no start."""
    server.create("wanmi_first_start", template)
    yield "wanmi_first_start"
    server.drop("wanmi_first_start")


def test_the_first_start_tells_one_time_passwords_once(server: Server, fresh: str, tmp_path: Path) -> None:
    engine = owner_engine(server.owner(fresh))
    try:
        with engine.begin() as connection:
            add_city(connection, City(SAMPLE_KEY, "地", "Ground", "4101", (113, 34, 114, 35)))
        made = dict(MADE.findall(started(server, fresh, tmp_path)))
        assert list(made) == ["sysadmin", "secadmin", "auditor", "dispatcher", "planner", "gis"]
        for name, password in made.items():
            granted = login(engine, name, password, None, MLPS2)
            assert granted.must_change and granted.account.roles == (name,)
            assert {grant.area for grant in granted.account.grants} == {"4101" if name in ("dispatcher", "planner", "gis") else ""}
        again = started(server, fresh, tmp_path)
        assert not MADE.findall(again) and not any(password in again for password in made.values())
    finally:
        engine.dispose()


def test_given_passwords_are_set_and_not_printed(server: Server, fresh: str, tmp_path: Path) -> None:
    engine = owner_engine(server.owner(fresh))
    try:
        with engine.begin() as connection:
            add_city(connection, City("other", "地", "Ground", "4101", (113, 34, 114, 35)))
        printed = started(server, fresh, tmp_path, WANMI_ADMIN_PASSWORD=PASSWORD, WANMI_DEMO_PASSWORD=PASSWORD)
        assert PASSWORD not in printed and "auditor" in printed
        with engine.connect() as connection:
            names = [account.name for account in accounts(connection)]
        assert names == ["auditor", "secadmin", "sysadmin"], "a city that is not the sample city has no demo users"
        assert not login(engine, "auditor", PASSWORD, None, MLPS2).must_change
    finally:
        engine.dispose()


@pytest.mark.parametrize(
    ("setting", "value", "word"),
    [
        ("WANMI_ADMIN_PASSWORD", "admin123", "类"),
        ("WANMI_ADMIN_PASSWORD", "", "8"),
        ("WANMI_DEMO_PASSWORD", "Xy-planner-47", "用户名"),
        ("WANMI_SECURITY_PROFILE", "none", "security_profile"),
    ],
)
def test_a_weak_password_in_the_settings_is_refused_before_anything_is_made(
    wanmi: Run, engine: Engine, setting: str, value: str, word: str
) -> None:
    done = wanmi("user", "first", **{setting: value})
    assert done.returncode == 2 and word in done.stderr and "Traceback" not in done.stderr
    assert not value or value == "none" or value not in done.stderr
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM account.account WHERE name = 'sysadmin'")) == 0


def test_accounts_need_an_upgraded_database(server: Server, tmp_path: Path) -> None:
    server.create("wanmi_not_upgraded")
    try:
        names = environment(WANMI_DATABASE_URL=server.owner("wanmi_not_upgraded"), WANMI_STATE_DIR=str(tmp_path), PYTHONPATH=str(ROOT))
        done = subprocess.run(
            [sys.executable, "-m", "api.cli", "user", "list"], capture_output=True, text=True, check=False, env=names, cwd=tmp_path
        )
        assert done.returncode == 2 and "wanmi db upgrade" in done.stderr
    finally:
        server.drop("wanmi_not_upgraded")


def test_what_is_done_at_the_machine_is_in_the_audit_log(wanmi: Run, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "keeper")
    assert wanmi("user", "add", "audited", "--role", "planner").returncode == 0
    key = wanmi("user", "key", "add", "audited", "--title", "t")
    prefix = re.search(r"wanmi_(\w{8})_", key.stdout)
    assert prefix is not None
    for command in (
        ("role", "add", "audited", "gis"),
        ("role", "remove", "audited", "gis"),
        ("password", "audited"),
        ("disable", "audited"),
        ("enable", "audited"),
        ("key", "revoke", prefix[1]),
        ("organisation", "add", "audit-office", "--title", "办"),
        ("disable", "nobody-there"),
    ):
        wanmi("user", *command)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT action, object FROM audit.entry WHERE actor_name = 'keeper@localhost' ORDER BY id")).all()
    account = "account/audited"
    assert [tuple(row) for row in rows] == [
        ("account.add", account),
        ("key.add", f"key/{prefix[1]}"),
        ("role.add", account),
        ("role.remove", account),
        ("account.password", account),
        ("account.disable", account),
        ("account.enable", account),
        ("key.revoke", f"key/{prefix[1]}"),
        ("organisation.add", "organisation/audit-office"),
    ]
    assert "one-time" not in str(rows)
