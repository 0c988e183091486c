"""Cases told in words: no place, no grid, but a district or street that the text names."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from data.sample.case_kinds import MATTERS
from data.sample.case_words import FRAMES, VOICES, component_texts, matter_texts
from data.sample.component_kinds import KINDS
from data.sample.told_cases import SHARE
from data.table import LayerTable
from tests.data.sample.conftest import Made, column


@pytest.fixture(scope="module")
def told(tables: list[LayerTable]) -> LayerTable:
    found = [table for table in tables if table.layer == "case" and shapely.is_missing(table.geometry).any()]
    assert len(found) == 1
    return found[0]


def test_they_have_neither_place_nor_grid_and_come_on_top(told: LayerTable, tables: list[LayerTable]) -> None:
    assert shapely.is_missing(told.geometry).all()
    assert set(told.columns["grid_code"]) == {None} and set(told.columns["component_code"]) == {None}
    placed = sum(len(table) for table in tables if table.layer == "case") - len(told)
    assert len(told) == round(placed * SHARE)


def test_their_area_is_the_district_or_street_that_the_text_names(told: LayerTable, city: dict[str, Made]) -> None:
    name: dict[str, str] = {}
    for layer in ("district", "street"):
        name |= dict(zip(city[layer].columns["code"].tolist(), city[layer].columns["name"].tolist(), strict=True))
    assert told.area is not None
    texts = zip(told.area.tolist(), told.columns["address"], told.columns["description"], strict=True)
    assert all(name[code] in place and place in text for code, place, text in texts)
    districts = np.isin(told.area, city["district"].columns["code"])
    assert 0.15 < districts.mean() < 0.45
    streets = city["street"].columns["name"].tolist()
    named = [any(street in place for street in streets) for place in told.columns["address"]]
    assert (np.array(named) == ~districts).all()


def test_numbers_never_meet_those_of_the_placed_cases(told: LayerTable, city: dict[str, Made]) -> None:
    numbers = city["case"].columns["case_no"].tolist()
    assert len(set(numbers)) == len(numbers)
    day = (column(told.columns["filed_at"]) + np.timedelta64(8, "h")).astype("datetime64[D]").astype(str)
    assert all(number[:8] == d.replace("-", "") and len(number) == 13 for number, d in zip(told.columns["case_no"], day, strict=True))


def test_stages_and_times_agree(told: LayerTable) -> None:
    rows = {key: column(values) for key, values in told.columns.items()}
    closed = rows["stage"] == "closed"
    assert (np.isnat(rows["closed_at"]) == ~closed).all() and 0 < (~closed).sum() < 0.02 * len(closed)
    assert (rows["closed_at"][closed] > rows["filed_at"][closed]).all() and (rows["deadline_at"] > rows["filed_at"]).all()
    assert 0.75 < (rows["closed_at"][closed] <= rows["deadline_at"][closed]).mean() < 0.95
    assert set(rows["source"]) <= {"hotline", "app", "transfer", "media"} and np.mean(rows["source"] == "hotline") > 0.7


def test_texts_are_as_different_as_people(told: LayerTable) -> None:
    texts = list(told.columns["description"])
    assert not any("{" in text or "，，" in text for text in texts)
    assert len(set(texts)) > 0.97 * len(texts)
    opening = {text[:6] for text in texts}
    assert len(opening) > 40


@pytest.mark.parametrize("voice", sorted(FRAMES))
def test_every_matter_and_component_can_be_told_in_every_voice(voice: str) -> None:
    for options in [*(matter_texts(m.code_2005, voice) for m in MATTERS), *(component_texts(kind.id, voice) for kind in KINDS)]:
        assert len(set(options)) == len(options) and all(option.count("{place}") == 1 for option in options)
        filled = [option.format(place="某处", name="路灯", m=3, n=12, k=8) for option in options]
        assert not any("{" in text for text in filled) and max(map(len, filled)) < 120


def test_a_common_matter_has_dozens_of_texts_and_voices_differ() -> None:
    common = sorted(MATTERS, key=lambda m: -m.weight)[:12]
    for matter in common:
        for source in ("collector", "hotline", "app"):
            texts = {text for voice in VOICES[source] for text in matter_texts(matter.code_2005, voice)}
            assert len(texts) >= 10, (matter.code_2005, source)
        official, elderly = (set(matter_texts(matter.code_2005, voice)) for voice in ("official", "elderly"))
        assert not official & elderly
    assert {voice for voices in VOICES.values() for voice in voices} == set(FRAMES)
