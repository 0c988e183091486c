"""Property: clean rows come back from the database as they were, whatever file they travelled in."""

from __future__ import annotations

import csv
import json
import uuid
from datetime import date
from pathlib import Path
from typing import Any

import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from sqlalchemy import Engine, text

from data.importing import ImportSource, import_file
from layers.catalogue import Registry
from spatial.cities import City
from tests.data.files import geojson

WORDS = some.text(some.characters(codec="utf-8", exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=30).filter(
    lambda word: word.strip() != ""
)
ROW = some.fixed_dictionaries(
    {
        "species": WORDS,
        "status": some.sampled_from(["古树", "名木", "后备", "保护", None]),
        "age_years": some.none() | some.integers(0, 10_000),
        "girth_m": some.none() | some.floats(0, 60, allow_subnormal=False),
        "planted_on": some.none() | some.dates(date(1700, 1, 1), date(2100, 1, 1)),
        "history": some.none() | WORDS,
        "lon": some.floats(113.2, 113.4),
        "lat": some.floats(34.7, 34.9),
    }
)
FIELDS = ("species", "status", "age_years", "girth_m", "planted_on", "history")


@given(some.lists(ROW, min_size=1, max_size=8), some.sampled_from(["geojson", "csv"]))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_clean_rows_come_back(
    tmp_path: Path, engine: Engine, registry: Registry, city: City, rows: list[dict[str, Any]], kind: str
) -> None:
    stamp = uuid.uuid4().hex[:12]
    for number, row in enumerate(rows):
        row["code"] = f"{stamp}-{number}"
    path = tmp_path / f"rows.{kind}"
    (_write_json if kind == "geojson" else _write_csv)(path, rows)
    report = import_file(engine, registry, city.key, ImportSource(path, "ancient_tree", crs="EPSG:4490"))
    assert (report.exit_code, report.written) == (0, len(rows)), report.rows
    with engine.connect() as connection:
        found = connection.execute(
            text(f"SELECT code, {', '.join(FIELDS)}, ST_AsBinary(geom) AS shape, area FROM layer.ancient_tree WHERE code LIKE :stamp"),
            {"stamp": f"{stamp}-%"},
        ).mappings().all()  # fmt: skip
    back = {row["code"]: row for row in found}
    assert len(back) == len(rows)
    for row in rows:
        stored = back[row["code"]]
        for field in FIELDS:
            wanted = row[field].strip() if isinstance(row[field], str) else row[field]
            assert stored[field] == wanted, field
        place = shapely.from_wkb(bytes(stored["shape"]))
        assert abs(place.x - row["lon"]) <= 1e-9 and abs(place.y - row["lat"]) <= 1e-9
        assert stored["area"] == city.prefix


def _write_json(path: Path, rows: list[dict[str, Any]]) -> None:
    def plain(row: dict[str, Any]) -> dict[str, Any]:
        return json.loads(json.dumps({key: value for key, value in row.items() if key not in ("lon", "lat")}, default=str))  # type: ignore[no-any-return]

    geojson(path, *((plain(row), [row["lon"], row["lat"]]) for row in rows))


def _write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["code", *FIELDS, "lon", "lat"])
        writer.writeheader()
        writer.writerows(rows)
