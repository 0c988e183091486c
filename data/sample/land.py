"""Land parcels, one for each plot between the streets, and the levees along the river."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import shapely
from shapely.ops import substring

from data.sample.lowland import ground_level
from data.sample.world import World
from data.table import LayerTable

__all__ = ["land_rows"]

SECTION, OFFSET, FREEBOARD = 620.0, 6.0, 1.0  # wished length of a levee; behind the bank's edge; crest above the bank, m
RIVER_YEARS = 50.0
MANAGER = "市河道管理处"


def land_rows(world: World) -> Iterator[LayerTable]:
    """Parcels and levees."""
    yield _parcel_rows(world)
    yield _levee_rows(world)


def _parcel_rows(world: World) -> LayerTable:
    plots, count = world.blocks.plots, len(world.blocks.plots)
    middle = shapely.point_on_surface(plots)
    named = np.array([str(name) for name in world.sites.name.tolist()], dtype=object)
    return LayerTable(
        "land_parcel",
        {
            "code": [f"ZD{world.town.mark}{n:05d}" for n in range(1, count + 1)],
            "use": world.blocks.use.astype(object),
            "area_m2": np.round(shapely.area(plots), 1),
            "address": world.area_name(world.cell_of(world.degrees(middle))) + named,
        },
        world.degrees(plots),
    )


def _levee_rows(world: World) -> LayerTable:
    """Both banks in sections of about the same length, ends shared; the crest follows the bank downstream."""
    sides, sections = [], []
    middle = world.waters.middle
    for bank in world.waters.banks:
        # a mirrored town has its sides the other way round
        whole = max(shapely.offset_curve([bank, bank], [OFFSET, -OFFSET]), key=lambda line: float(shapely.distance(line, middle)))
        side = "北岸" if bank.centroid.y > middle.centroid.y else "南岸"
        for part in shapely.get_parts(shapely.intersection(whole, world.network.outline)):
            cuts = np.linspace(0.0, 1.0, max(1, round(part.length / SECTION)) + 1)
            pairs = zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True)
            pieces = [substring(part, a, b, normalized=True) for a, b in pairs]
            sections += pieces
            sides += [side] * len(pieces)
    lines = np.array(sections, dtype=object)
    ends = [shapely.get_coordinates(shapely.get_point(lines, n)) for n in (0, -1)]
    crest = [np.round(ground_level(world.ground, world.waters.river, end) + FREEBOARD, 2) for end in ends]
    count, random = len(lines), world.random("levees")
    river = world.waters.names[0]
    return LayerTable(
        "levee",
        {
            "code": [f"DF{world.town.mark}{n:03d}" for n in range(1, count + 1)],
            "name": [f"{river}{side}堤防{sides[:n].count(side) + 1:02d}段" for n, side in enumerate(sides)],
            "kind": np.array(["dike", "wall", "revetment"], dtype=object)[random.choice(3, count, p=(0.5, 0.2, 0.3))],
            "water_name": [river] * count,
            "length_m": np.round(shapely.length(lines), 1),
            "crest_from_m": crest[0],
            "crest_to_m": crest[1],
            "return_years": np.full(count, RIVER_YEARS),
            "built_on": (np.datetime64("1998-03-01") + random.integers(0, 8000, count)).astype("datetime64[D]").astype(object),
            "manager_name": [MANAGER] * count,
        },
        world.degrees(lines),
    )
