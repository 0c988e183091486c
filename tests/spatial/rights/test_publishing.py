"""Versions of the rules: published whole, refused with the reason, compared, taken back, never overwritten unseen."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from spatial.accounts.accounts import NewAccount, create
from spatial.accounts.model import Grant
from spatial.cities import City, add_city, city_or_none
from spatial.rights.effect import effect
from spatial.rights.publishing import back, difference, former, publish, warnings
from spatial.rights.rules import Rule, RuleError, default_rules, read_rules, rules, versions, write_rules

WIDER = Rule("planner", "key_site", "read", "area")


@pytest.fixture(scope="module", autouse=True)
def ground(engine: Engine) -> None:
    """A city, a planner, a collector."""
    with engine.begin() as connection:
        if city_or_none(connection, "ground") is None:
            add_city(connection, City("ground", "地", "Ground", "4101", (113, 34, 114, 35)))
        create(connection, NewAccount("zhao", "赵", (Grant("planner", "4101"),)))
        create(connection, NewAccount("qian", "钱", (Grant("collector", "410105"),)))


def turned(found: list[Rule], *changes: Rule) -> list[Rule]:
    """The rules with some cells set anew."""
    cells = {(rule.role, rule.target, rule.action): rule for rule in found}
    return list({**cells, **{(rule.role, rule.target, rule.action): rule for rule in changes}}.values())


def held(connection: Connection, name: str, layer: str, action: str = "read") -> list[str] | None:
    found: list[str] | None = connection.scalar(
        text("""
            SELECT e.areas FROM access.effective e JOIN account.account a ON a.id = e.account
            WHERE a.name = :name AND e.layer = :layer AND e.action = :action
        """),
        {"name": name, "layer": layer, "action": action},
    )
    return found


def test_a_version_is_published_compiled_and_audited(engine: Engine) -> None:
    with engine.begin() as connection:
        base, old = rules(connection)
        assert held(connection, "zhao", "key_site") is None
        made = publish(connection, base, turned(old, WIDER), "sec", "规划需要重点部位", actor=7, address="10.0.0.9")
        assert made.version.version == base + 1 and made.version.made_by == "sec"
        assert [(one.target, one.old and one.old.reach, one.new and one.new.reach) for one in made.changes] == [
            ("key_site", "none", "area")
        ]
        assert held(connection, "zhao", "key_site") == ["4101%"]
        entry = (
            connection.execute(text("SELECT * FROM audit.entry WHERE action = 'right.publish' ORDER BY id DESC LIMIT 1")).mappings().one()
        )
        assert (entry["actor"], entry["actor_name"], str(entry["address"]), entry["object"]) == (7, "sec", "10.0.0.9", f"rights/{base + 1}")
        assert entry["detail"]["changes"] == ["planner.read.key_site: none → area"] and entry["detail"]["reason"] == "规划需要重点部位"
    with engine.begin() as connection:
        again = back(connection, base + 1, base, "sec", "收回")
        assert again.version.version == base + 2 and held(connection, "zhao", "key_site") is None
        assert difference(old, rules(connection)[1]) == []
        assert [one.version for one in versions(connection)][:3] == [base + 2, base + 1, base]


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        (Rule("boss", "@public", "read", "city"), "rule_role"),
        (Rule("sysadmin", "@public", "read", "city"), "rule_administrator"),
        (Rule("gis", "@secret", "read", "city"), "rule_target"),
        (Rule("gis", "no_such_layer", "read", "city"), "rule_target"),
        (Rule("gis", "road", "delete", "city"), "rule_action"),
        (Rule("gis", "road", "read", "moon"), "rule_reach"),
        (Rule("gis", "road", "read", "area", ("4201",)), "rule_area"),
        (Rule("gis", "road", "read", "area", ("4101%",)), "rule_area"),
        (Rule("gis", "road", "read", "area", ("",)), "rule_area"),
        (Rule("gis", "road", "read", "none", ("4101",)), "rule_areas"),
        (Rule("gis", "road'; DROP", "read", "area"), "rule_target"),
    ],
)
def test_a_wrong_rule_is_named_with_its_value(engine: Engine, wrong: Rule, rule: str) -> None:
    with engine.begin() as connection:
        base, old = rules(connection)
        with pytest.raises(RuleError) as error:
            publish(connection, base, [*old, wrong], "sec", "x")
        assert error.value.rule == rule and wrong.role in error.value.field and wrong.action in error.value.field
        assert rules(connection) == (base, old)


@pytest.mark.parametrize(("reason", "rule"), [("", "rule_reason"), ("  ", "rule_reason"), ("长" * 501, "rule_reason")])
def test_a_reason_is_asked_for(engine: Engine, reason: str, rule: str) -> None:
    with engine.begin() as connection:
        base, old = rules(connection)
        with pytest.raises(RuleError) as error:
            publish(connection, base, turned(old, WIDER), "sec", reason)
        assert error.value.rule == rule


def test_nothing_new_a_cell_twice_and_an_old_base_are_refused(engine: Engine) -> None:
    with engine.begin() as connection:
        base, old = rules(connection)
        same = [*old, Rule("public", "@internal", "read", "none")]
        for wanted, number, rule in ((same, base, "rule_same"), ([*old, old[0]], base, "rule_twice"), (old, base - 1, "rule_base")):
            with pytest.raises(RuleError) as error:
                publish(connection, number, wanted, "sec", "x")
            assert error.value.rule == rule


def test_of_two_publishers_at_once_one_is_told(engine: Engine) -> None:
    with engine.connect() as connection:
        base, old = rules(connection)
    gate = threading.Barrier(2)
    told: list[str] = []

    def run(name: str, rule: Rule) -> None:
        try:
            with engine.begin() as connection:
                gate.wait(10)
                publish(connection, base, turned(old, rule), name, "同时")
            told.append("ok")
        except RuleError as error:
            told.append(error.rule)

    threads = [
        threading.Thread(target=run, args=(name, Rule("planner", "road", "read", reach))) for name, reach in (("a", "own"), ("b", "area"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(told) == ["ok", "rule_base"]
    with engine.begin() as connection:
        assert rules(connection)[0] == base + 1
        back(connection, base + 1, base, "sec", "还原")


def test_a_version_is_never_changed(engine: Engine) -> None:
    for statement in (
        "UPDATE access.rule SET reach = 'city'",
        "DELETE FROM access.rule",
        "DELETE FROM access.rule_set",
        "TRUNCATE access.rule_set CASCADE",
    ):
        with pytest.raises(DBAPIError, match="never changed"), engine.begin() as connection:
            connection.execute(text(statement))


def test_what_looks_strange_is_said_and_not_refused(engine: Engine) -> None:
    with engine.begin() as connection:
        assert [one.en for one in warnings(connection, default_rules())] == []
        blind = [replace(rule, reach="none") if (rule.role, rule.action) == ("peer", "read") else rule for rule in default_rules()]
        assert [one.en for one in warnings(connection, blind)] == ["the role exchange peer would read nothing at all"]
        odd = turned(default_rules(), Rule("planner", "key_site", "export", "area"))
        found = [one.en for one in warnings(connection, odd)]
        assert len(found) == 1 and "planner" in found[0] and "key_site" in found[0]


def test_the_effect_is_what_publishing_does_and_leaves_no_trace(engine: Engine) -> None:
    with engine.begin() as connection:
        base, old = rules(connection)
        before = connection.execute(text("SELECT * FROM access.effective ORDER BY account, layer, action")).all()
        wanted = turned(old, WIDER, Rule("collector", "case", "read", "none"), Rule("collector", "road", "read", "area"))
        found = {one.name: one for one in effect(connection, wanted)}
        assert found["zhao"].gains == [("key_site", "read")] and found["zhao"].loses == []
        assert found["qian"].gains == [] and found["qian"].loses == [("case", "read"), ("road", "read")]
        assert connection.execute(text("SELECT * FROM access.effective ORDER BY account, layer, action")).all() == before
        assert rules(connection) == (base, old)
        assert {one.name for one in effect(connection, wanted)} == set(found), "asked twice in one transaction"
        with pytest.raises(RuleError):
            effect(connection, [Rule("gis", "nowhere", "read", "city")])


def test_rules_on_a_layer_that_is_gone_do_not_come_back(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO access.layer VALUES ('tower', 'layer', 'internal')"))
        base, old = rules(connection)
        publish(connection, base, turned(old, Rule("gis", "tower", "read", "city")), "sec", "塔")
        connection.execute(text("DELETE FROM access.layer WHERE id = 'tower'"))
        found, told = former(connection, base + 1)
        assert found == old and ["tower" in one.en for one in told] == [True]
        with pytest.raises(RuleError, match="没有版本 999"):
            former(connection, 999)
        connection.execute(text("SELECT access.compile()"))
        assert back(connection, base + 1, base, "sec", "还原").version.version == base + 2


def test_a_version_may_allow_nothing_at_all(engine: Engine) -> None:
    with engine.begin() as connection:
        base, old = rules(connection)
        made = publish(connection, base, [], "sec", "全部收回")
        assert rules(connection) == (base + 1, []) and len(made.warnings) == 7
        back(connection, base + 1, base, "sec", "还原")
        assert rules(connection) == (base + 2, old)


def test_the_file_form_says_the_same(engine: Engine) -> None:
    narrowed = turned(default_rules(), Rule("gis", "road", "read", "area", ("4101", "410105")))
    assert set(read_rules(write_rules(narrowed))) == set(narrowed)
    for wrong in ("[gis", "gis = 1", "[gis]\nread = 'city'", "[gis]\nread = { road = 1 }", "[gis]\nread = { road = { areas = ['4101'] } }"):
        with pytest.raises(RuleError) as error:
            read_rules(wrong)
        assert error.value.rule == "rule_file"
