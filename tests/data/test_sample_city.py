"""The sample city goes through the same gate as any import, under every national profile."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

from data.sample_city import SAMPLE_KEY, make_sample
from grid_coding.profiles import profile
from layers.catalogue import Registry
from spatial.cities import CityError, city_by_key, remove_city


@pytest.mark.parametrize("profile_id", ["2013", "2026"])
def test_it_loads_and_leaves_without_a_trace(engine: Engine, registry: Registry, profile_id: str) -> None:
    steps: list[str] = []
    made = make_sample(engine, registry, size="S", profile=profile_id, report=steps.append)
    assert set(made.rows) == set(registry.layers)
    assert len(steps) > len(made.rows), "every step is told"
    grid, component = registry.by_role("grid"), registry.by_role("component")
    with engine.connect() as connection:
        for layer, kind in ((grid, "grid"), (component, "component")):
            lengths = connection.execute(text(f"SELECT DISTINCT char_length(code) FROM layer.{layer.id}")).scalars().all()
            assert lengths == [profile(profile_id).length(kind)]  # type: ignore[arg-type]
        # every placed row lies in a community, and components carry the grid that holds them
        homeless = text(f"SELECT count(*) FROM layer.{component.id} WHERE char_length(area) < 12 OR grid_code IS NULL")
        assert connection.scalar(homeless) == 0
        wrong = text(f"""
            SELECT count(*) FROM layer.{component.id} c JOIN layer.{grid.id} g ON g.code = c.grid_code AND g.city = c.city
            WHERE NOT ST_Covers(g.geom, c.geom)
        """)
        assert connection.scalar(wrong) == 0
    with pytest.raises(CityError):
        make_sample(engine, registry, size="S", profile=profile_id, report=steps.append)
    with engine.begin() as connection:
        city = city_by_key(connection, SAMPLE_KEY)
        assert remove_city(connection, city, [layer.id for layer in registry]) == sum(made.rows.values())
        for layer in registry:
            assert connection.scalar(text(f'SELECT count(*) FROM layer."{layer.id}"')) == 0
