"""Loading the sample city: what ``data.sample`` makes goes through the same staging and gate as an import."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Engine, text

from data.checks import check_columns
from data.loading import insert_staged, stage, staged_faults
from data.sample.city import DEFAULT_SEED, KEY, city_row, make
from data.streams import append_readings
from grid_coding.errors import BilingualError
from layers.catalogue import Registry
from spatial.cities import City, CityError, add_city, city_or_none
from spatial.streams import STREAM_SCHEMA
from spatial.tables import LAYER_SCHEMA

__all__ = ["SAMPLE_KEY", "SampleMade", "make_sample"]

SAMPLE_KEY = KEY


@dataclass
class SampleMade:
    """Rows by layer, and where the seconds went."""

    rows: dict[str, int] = field(default_factory=dict)
    making_seconds: float = 0.0
    loading_seconds: float = 0.0


def make_sample(
    engine: Engine, registry: Registry, *, size: str, profile: str, report: Callable[[str], None], seed: int | None = None
) -> SampleMade:
    """Makes the sample city and loads it in one transaction.

    Raises:
        CityError: there is a sample city already.
        BilingualError: unknown size or profile, or a row that breaks a rule (then the generator is wrong).
    """
    made = SampleMade()
    with engine.begin() as connection:
        if city_or_none(connection, SAMPLE_KEY) is not None:
            raise CityError("city", SAMPLE_KEY, "已有示范城市；请先运行 wanmi sample remove", "there is a sample city; remove it first")
        chosen = DEFAULT_SEED if seed is None else seed
        city = add_city(connection, City(**city_row(profile, size, chosen)))
        report(f"生成示范城市 {size} making the sample city")
        clock = time.monotonic()
        for table in make(size=size, profile=profile, seed=chosen):
            if table.layer in registry.streams:
                written = append_readings(connection, registry.streams[table.layer], city, table)
                made.rows[table.layer] = made.rows.get(table.layer, 0) + written
                continue
            layer = registry.layers[table.layer]
            made.making_seconds += time.monotonic() - clock
            clock = time.monotonic()
            report(f"装入{layer.title.zh} loading {layer.title.en.lower()}（{len(table.geometry)}）")
            faults = check_columns(layer, city, table)
            stage(connection, layer, table, lambda *_: None)
            faults += staged_faults(connection, layer, city)
            if faults:
                first = faults[0]
                where = f"{table.layer} {first.row} {first.field}={first.value!r}"
                raise BilingualError(f"示范城市不合规则：{where}：{first.zh}", f"the sample city breaks a rule: {where}: {first.en}")
            made.rows[table.layer] = made.rows.get(table.layer, 0) + insert_staged(connection, registry, layer, city)
            made.loading_seconds += time.monotonic() - clock
            clock = time.monotonic()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        report("整理统计信息 analysing")
        for name in made.rows:
            schema = STREAM_SCHEMA if name in registry.streams else LAYER_SCHEMA
            connection.execute(text(f'ANALYZE {schema}."{name}"'))
    return made
