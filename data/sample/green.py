"""Parks out of the green plots, and ancient trees in the parks and in the old town."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from data.sample.blocks import Blocks
from data.sample.components import scattered
from data.sample.names import NamePool, ordinal
from data.sample.planar import Geometries
from data.sample.sites import Sites
from data.sample.terrain import Floats, Ground

__all__ = ["Parks", "Trees", "make_parks", "make_trees"]

LEAST_PARK = 700.0
COMMUNITY_PARK = 14_000.0
SPECIES = (
    ("国槐", "Styphnolobium japonicum", 0.34, 0.0045),
    ("银杏", "Ginkgo biloba", 0.14, 0.0050),
    ("侧柏", "Platycladus orientalis", 0.18, 0.0034),
    ("圆柏", "Juniperus chinensis", 0.10, 0.0034),
    ("皂荚", "Gleditsia sinensis", 0.10, 0.0048),
    ("榆树", "Ulmus pumila", 0.06, 0.0055),
    ("黄连木", "Pistacia chinensis", 0.04, 0.0045),
    ("枣", "Ziziphus jujuba", 0.04, 0.0030),
)


@dataclass(frozen=True, slots=True)
class Parks:
    """Parks: shape in the city's metres, name and kind."""

    shape: Geometries
    name: list[str]
    kind: list[str]


@dataclass(frozen=True, slots=True)
class Trees:
    """Ancient trees: place, species and measures."""

    point: Floats
    species: NDArray[np.int64]
    age: NDArray[np.int64]
    girth: Floats
    place_name: list[str]


def make_parks(blocks: Blocks, sites: Sites, ground: Ground, pool: NamePool) -> Parks:
    """Makes a park of every green plot inside the ring and names it; the names go to the sites too."""
    title = pool.town.title
    area = shapely.area(blocks.plots)
    green = (blocks.use == "green") & (blocks.quarter != "edge") & (area > LEAST_PARK)
    shapes: list[shapely.Geometry] = []
    names: list[str] = []
    kinds: list[str] = []

    def add(plots: list[int], name: str, kind: str) -> None:
        shapes.append(blocks.plots[plots[0]] if len(plots) == 1 else shapely.multipolygons(blocks.plots[plots]))
        names.append(name)
        kinds.append(kind)
        sites.name[plots], sites.kind[plots] = name, "park"

    for name in sorted(set(blocks.park.tolist()) - {"", "滨河"}):
        add(np.flatnonzero(green & (blocks.park == name)).tolist(), title + name, "综合")
    west_east, north = ground.north_up(blocks.plan).T
    for side, word in ((1, "北"), (-1, "南")):
        belt = np.flatnonzero((blocks.park == "滨河") & (np.sign(north) == side) & (area > LEAST_PARK))
        for number, plot in enumerate(belt[np.argsort(west_east[belt], kind="stable")].tolist(), 1):
            add([plot], f"{title}滨河公园{word}岸{ordinal(number)}段", "带状")
    rest = np.flatnonzero(green & (blocks.park == ""))
    rest = rest[np.argsort(-area[rest], kind="stable")]
    for rank, plot in enumerate(rest.tolist()):
        if rank == 0:
            add([plot], f"示范{title}植物园", "专类")
        elif rank == 1:
            add([plot], f"{title}市民广场", "综合")
        elif area[plot] > COMMUNITY_PARK:
            add([plot], pool.stem() + "公园", "社区")
        else:
            add([plot], pool.stem() + "游园", "游园")
    return Parks(np.array(shapes, dtype=object), names, kinds)


def make_trees(blocks: Blocks, sites: Sites, built: Geometries, random: np.random.Generator) -> Trees:
    """Sets ancient trees: a few in each park, more in the courts of the old town; old ones are rare and thick."""
    yards = shapely.buffer(blocks.plots, -2.5)
    parks = np.flatnonzero((sites.kind == "park") & ~shapely.is_empty(yards))
    old = np.flatnonzero((blocks.quarter == "old") & (blocks.use != "green") & ~shapely.is_empty(yards))
    in_parks, park = scattered(yards[parks], 0.8, random)
    in_town, plot = scattered(yards[old], 1.9, random)
    point = np.vstack([in_parks, in_town])
    owner = np.concatenate([parks[park], old[plot]])
    clear = np.ones(len(point), dtype=bool)
    clear[shapely.STRtree(built).query(shapely.points(point), predicate="dwithin", distance=1.5)[0]] = False
    point, owner = point[clear], owner[clear]
    share = np.array([s[2] for s in SPECIES])
    species = random.choice(len(SPECIES), len(point), p=share / share.sum())
    age = np.round(85 + random.gamma(1.35, 95, len(point))).astype(np.int64).clip(80, 1300)
    pace = np.array([s[3] for s in SPECIES])[species]
    girth = np.round(age**0.86 * pace * 2.2 * random.uniform(0.85, 1.2, len(point)) + 0.55, 2)
    names = [name or "老城街巷" for name in sites.name[owner].tolist()]
    return Trees(point, species, age, girth, names)
