"""What the database holds for an account is what rules, grants and areas say: against an evaluation of its own, over random ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text

from spatial.accounts.accounts import NewAccount, account_by_name, create, disable, enable
from spatial.accounts.grants import add_grant
from spatial.accounts.model import Grant
from spatial.accounts.organisations import Organisation, add_name, add_organisation, retitle
from spatial.cities import City, add_city
from spatial.rights.rules import Rule, rules, store_rules

ROLES = ("dispatcher", "handler")
LAYERS = {"road": "public", "park": "public", "component": "internal", "pipeline": "restricted"}
ACTIONS = ("read", "clear_restricted")
TARGETS = (*LAYERS, "@public", "@internal", "@restricted")
CITIES = ("4101", "4102")
AREAS = ("", "41", "4101", "410101", "41010101", "410102", "4102", "410201")
# LIKE's own signs in names, and one that begins as another does
NAMES = {"water": ("水务局", "Water", "100%_公司"), "gas": ("燃气", "Gas", "水务"), "odd": ("a\\b", "Odd", "%")}
PARTIES = (*sorted({name for names in NAMES.values() for name in names}), "100X公司", "水务局二处", "a%b", None)
PLACES = ("41", "4101", "410101", "4101010101", "410102", "4102", "410201", "4201")


@dataclass(frozen=True)
class Holder:
    """An account: whether it may act, where it belongs, what it was granted."""

    active: bool
    home: str | None
    grants: tuple[tuple[str, str, str | None], ...]


def wide(area: str) -> str:
    """The city an area lies in; what is wider than a city stays."""
    return next((city for city in CITIES if area.startswith(city)), area)


def expected(found: Sequence[Rule], holder: Holder, layer: str, action: str, party: str | None, place: str) -> bool:
    """Whether the holder may act on a row, straight from what the words mean."""
    if not holder.active:
        return False
    for role, area, for_home in holder.grants:
        mine = [rule for rule in found if rule.role == role and rule.action == action]
        special = [rule for rule in mine if rule.target == layer]
        usual = [rule for rule in mine if rule.target == f"@{LAYERS[layer]}"]
        for rule in special or usual:
            reached = wide(area) if rule.reach == "city" else area
            home = for_home or holder.home
            own = party is not None and home is not None and party in NAMES[home]
            inside = place.startswith(reached) and (not rule.areas or any(place.startswith(one) for one in rule.areas))
            if inside and (rule.reach in ("area", "city") or (rule.reach == "own" and own)):
                return True
    return False


@st.composite
def matrices(draw: st.DrawFn) -> list[Rule]:
    """Most cells have a rule, so that a layer's own and its sensitivity's meet."""
    places = list(product(ROLES, TARGETS, ACTIONS))
    reaches = draw(st.lists(st.sampled_from((None, "none", "own", "area", "city")), min_size=len(places), max_size=len(places)))
    narrowed = draw(st.dictionaries(st.sampled_from(places), st.lists(st.sampled_from(AREAS[2:]), max_size=2, unique=True), max_size=4))
    return [
        Rule(*place, reach, tuple(narrowed.get(place, ())) if reach != "none" else ())
        for place, reach in zip(places, reaches, strict=True)
        if reach is not None
    ]


homes = st.sampled_from((None, *NAMES))
grants = st.lists(st.tuples(st.sampled_from(ROLES), st.sampled_from(AREAS), homes), min_size=1, max_size=3, unique=True)
holders = st.lists(st.builds(Holder, st.sampled_from((True, True, True, False)), homes, grants.map(tuple)), min_size=1, max_size=4)


@pytest.fixture(scope="module", autouse=True)
def ground(engine: Engine) -> None:
    """Two cities and three organisations."""
    with engine.begin() as connection:
        for number, prefix in enumerate(CITIES):
            add_city(connection, City(f"c{prefix}", "城", "City", prefix, (113 + number, 34, 114 + number, 35)))
        for key, (zh, en, name) in NAMES.items():
            add_organisation(connection, Organisation(key, zh, en))
            add_name(connection, key, name)


@pytest.fixture
def trial(engine: Engine) -> Iterator[Connection]:
    """A transaction that comes to nothing."""
    with engine.connect() as connection:
        yield connection
        connection.rollback()


def put(connection: Connection, found: Sequence[Rule], people: Sequence[Holder]) -> list[int]:
    """Stores rules and people without a sound; compiling is the caller's."""
    store_rules(connection, rules(connection)[0] + 1, found, "test", "test")
    numbers = []
    for place, holder in enumerate(people):
        number = connection.scalar(
            text("""
                INSERT INTO account.account (name, title, organisation, state, disabled_at)
                VALUES (:name, 'x', (SELECT id FROM account.organisation WHERE key = :home), :state,
                        CASE WHEN :state = 'disabled' THEN now() END)
                RETURNING id
            """),
            {"name": f"holder{place}", "home": holder.home, "state": "active" if holder.active else "disabled"},
        )
        numbers.append(int(number or 0))
        for role, area, home in holder.grants:
            connection.execute(
                text("""
                    INSERT INTO account.account_role (account, role, area, organisation)
                    VALUES (:account, :role, :area, (SELECT id FROM account.organisation WHERE key = :home))
                """),
                {"account": number, "role": role, "area": area, "home": home},
            )
    return numbers


def allowed(connection: Connection, numbers: Sequence[int]) -> set[tuple[int, str, str, str | None, str]]:
    """Every (account, layer, action, party, place) that the compiled patterns let through, as the policies ask for it."""
    rows = connection.execute(
        text("""
            SELECT e.account, e.layer, e.action, r.party, r.place FROM access.effective e
            CROSS JOIN (SELECT party, place FROM unnest(CAST(:parties AS text[])) party, unnest(CAST(:places AS text[])) place) r
            WHERE e.account = ANY(:ids) AND e.layer = ANY(:layers)
            AND (r.place LIKE ANY (e.areas) OR E'\\x1f' || coalesce(r.party, '') || E'\\x1f\\x1e' || r.place LIKE ANY (e.own))
        """),
        {"parties": list(PARTIES), "places": list(PLACES), "ids": list(numbers), "layers": list(LAYERS)},
    )
    return {tuple(row) for row in rows}


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(found=matrices(), people=holders)
def test_the_compiled_right_is_what_the_rules_say(engine: Engine, found: list[Rule], people: list[Holder]) -> None:
    with engine.connect() as connection:
        numbers = put(connection, found, people)
        connection.execute(text("SELECT access.compile()"))
        wanted = {
            (number, layer, action, party, place)
            for number, holder in zip(numbers, people, strict=True)
            for layer, action, party, place in product(LAYERS, ACTIONS, PARTIES, PLACES)
            if expected(found, holder, layer, action, party, place)
        }
        assert allowed(connection, numbers) == wanted
        connection.rollback()


OWN = [Rule("handler", "component", "read", "own"), Rule("dispatcher", "road", "read", "city")]


def parties(connection: Connection, numbers: Sequence[int]) -> set[str | None]:
    return {row[3] for row in allowed(connection, numbers)}


def test_signs_of_like_in_a_name_match_only_themselves(trial: Connection) -> None:
    people = [Holder(True, home, (("handler", "4101", None),)) for home in NAMES]
    numbers = put(trial, OWN, people)
    for number, names in zip(numbers, NAMES.values(), strict=True):
        assert parties(trial, [number]) == set(names)


def test_a_renamed_organisation_takes_its_own_along(trial: Connection) -> None:
    numbers = put(trial, OWN, [Holder(True, "gas", (("handler", "4101", None),))])
    assert "燃气" in parties(trial, numbers) and "水务局二处" not in parties(trial, numbers)
    retitle(trial, "gas", "水务局二处", "Second")
    assert parties(trial, numbers) == {"水务局二处", "水务"}


def test_a_disabled_account_holds_nothing_until_it_is_enabled(trial: Connection) -> None:
    create(trial, NewAccount("wu", "吴", (Grant("handler", "4101", "gas"),)))
    number = account_by_name(trial, "wu").id
    before = allowed(trial, [number])
    disable(trial, "wu")
    assert before and trial.scalar(text("SELECT count(*) FROM access.effective WHERE account = :id"), {"id": number}) == 0
    enable(trial, "wu")
    assert allowed(trial, [number]) == before


def test_a_city_that_comes_later_widens_the_reach(trial: Connection) -> None:
    numbers = put(trial, OWN, [Holder(True, None, (("dispatcher", "430101", None),))])
    held = text("SELECT areas FROM access.effective WHERE account = :id AND layer = 'road'")
    assert trial.scalar(held, {"id": numbers[0]}) == ["430101%"]
    add_city(trial, City("later", "后", "Later", "4301", (117, 34, 118, 35)))
    assert trial.scalar(held, {"id": numbers[0]}) == ["4301%"]


def test_a_new_grant_holds_at_once(trial: Connection) -> None:
    create(trial, NewAccount("zheng", "郑"))
    number = account_by_name(trial, "zheng").id
    assert trial.scalar(text("SELECT count(*) FROM access.effective WHERE account = :id"), {"id": number}) == 0
    add_grant(trial, "zheng", Grant("planner", "4101"))
    assert (number, "road", "read", None, "410102") in allowed(trial, [number])
