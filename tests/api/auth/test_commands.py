"""``wanmi user factor-reset`` and ``wanmi user identity``: what they do, what they refuse, and that the audit tells of it."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text

from spatial.accounts.accounts import account_by_name
from spatial.accounts.factors import begin_enrolment, code_at, confirm_enrolment, factor_state, step_at
from spatial.accounts.identities import identities
from spatial.accounts.policy import PROFILES
from spatial.accounts.sealing import Sealer
from spatial.accounts.sessions import find, open_session
from tests.api.test_cli import Run
from tests.api.test_cli_users import wanmi as wanmi
from tests.support.signin import add_present

ISSUER = "https://idp.city.example/realms/staff"
OIDC = {"WANMI_OIDC_ISSUER": ISSUER}


def told(engine: Engine) -> list[tuple[str, str]]:
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT action, object FROM audit.entry WHERE actor_name LIKE '%@localhost' ORDER BY id"))
        return [(row.action, row.object) for row in rows]


def test_a_lost_factor_is_reset(wanmi: Run, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> None:
    account, sealer, now = add_present(engine, "lost"), Sealer(tmp_path_factory.mktemp("state")), datetime.now(UTC)
    with engine.begin() as connection:
        made = begin_enrolment(connection, sealer, account, now)
        confirm_enrolment(connection, sealer, account.id, code_at(made.secret, step_at(now)), now)
        token = open_session(connection, account, PROFILES["mlps2"]).token
    assert "已取消" in wanmi("user", "factor-reset", "LOST").stdout
    with engine.begin() as connection:
        assert factor_state(connection, account.id).enrolled_at is None
        assert find(connection, token, PROFILES["mlps2"]) is None
    assert "没有启用" in wanmi("user", "factor-reset", "lost").stdout
    assert wanmi("user", "factor-reset", "nobody").returncode == 2
    assert ("account.factor.reset", "account/lost") in told(engine)


def test_identities_are_allowed_linked_listed_and_removed(wanmi: Run, engine: Engine) -> None:
    add_present(engine, "linked")
    add_present(engine, "boss", "sysadmin")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return wanmi("user", "identity", *arguments, **OIDC)

    assert run("allow", "linked").returncode == 0
    assert run("link", "linked", "--subject", "a1b2").returncode == 0
    assert run("list").stdout.startswith(f"linked\t{ISSUER}\ta1b2\t")
    for refused, word in (
        (("link", "linked", "--subject", "other"), "已有关联"), (("allow", "linked"), "已关联"), (("allow", "boss"), "管理员"),
        (("link", "boss", "--subject", "x"), "管理员"), (("allow", "nobody"), "nobody"), (("remove", "boss"), "没有关联"),
    ):  # fmt: skip
        done = run(*refused)
        assert done.returncode == 2 and word in done.stderr, done
    assert wanmi("user", "identity", "list").returncode == 2, "without a provider there is nothing to link to"
    assert run("remove", "linked").returncode == 0
    with engine.connect() as connection:
        assert identities(connection) == []
        assert connection.scalar(text("SELECT count(*) FROM account.identity_permit")) == 0
        assert account_by_name(connection, "linked").version > 1
    actions = [action for action, target in told(engine) if target == "account/linked"]
    assert actions == ["account.identity.allow", "account.identity.link", "account.identity.remove"]
