"""Rows of what stands in the city: parks, ancient trees, addresses, pipes, components."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import shapely
from numpy.typing import NDArray

from data.sample.component_kinds import KINDS
from data.sample.components import agency_of, class_code, class_name
from data.sample.green import SPECIES
from data.sample.names import bank_road
from data.sample.pipes import LINES, OWNERS, SEWAGE, STORM
from data.sample.planar import Integers
from data.sample.sites import LANDMARKS
from data.sample.terrain import Floats
from data.sample.world import World
from data.table import LayerTable
from grid_coding import profiles as coding

__all__ = [
    "ParkFigures", "address_rows", "chunked", "component_codes", "component_rows", "node_codes", "park_figures",
    "park_rows", "pipe_rows", "tree_rows",
]  # fmt: skip

CHUNK = 20_000


def chunked(table: LayerTable, rows: int = CHUNK) -> Iterator[LayerTable]:
    """Hands out a table in parts; an empty one as it is."""
    for start in range(0, max(len(table), 1), rows):
        part = slice(start, start + rows)
        names = None if table.area_names is None else table.area_names[part]
        area = None if table.area is None else table.area[part]
        yield LayerTable(table.layer, {key: values[part] for key, values in table.columns.items()}, table.geometry[part], names, area)


def _dates(days: NDArray[np.datetime64]) -> NDArray[np.object_]:
    """Turns days into ``datetime.date``; not-a-time becomes None."""
    return np.asarray(days.astype("datetime64[D]").astype(object), dtype=object)


@dataclass(frozen=True, slots=True)
class ParkFigures:
    """What the green office states of each park; green space, toilets and shelters quote it."""

    code: list[str]
    area: Floats
    green: Floats
    manager: NDArray[np.object_]
    opened: Integers
    toilets: Integers
    refuge: Floats


def park_figures(world: World) -> ParkFigures:
    """Returns the stated figures of the parks."""
    p, random = world.parks, world.random("parks")
    area = np.round(shapely.area(p.shape), 0)
    kind = np.array(p.kind)
    opened = random.integers(1958, 2021, len(area))
    return ParkFigures(
        code=[f"990100GY{world.town.mark}{number:04d}" for number in range(1, len(area) + 1)],
        area=area,
        green=np.round(area * random.uniform(0.66, 0.88, len(area)), 0),
        manager=np.where(np.isin(kind, ("综合", "专类")), "市公园管理中心", "区园林绿化管理所").astype(object),
        opened=opened,
        toilets=np.ceil(area / 45_000).astype(np.int64) * (kind != "游园"),
        refuge=np.round(area * 0.3 * (area > 20_000), 0),
    )


def park_rows(world: World) -> Iterator[LayerTable]:
    """Parks as areas, with the stated figures that a green office keeps."""
    p, stated = world.parks, park_figures(world)
    kind = np.array(p.kind)
    centre = np.asarray(shapely.point_on_surface(p.shape), dtype=object)
    door = shapely.STRtree(shapely.points(world.doors.point)).nearest(centre)
    where = world.area_name(world.cell_of(world.degrees(centre))) + world.door_text()[door] + "旁"
    belt = np.array([bank_road(world.town, "北" if "北岸" in name else "南") + "沿线" for name in p.name], dtype=object)
    where = np.where(kind == "带状", world.area_name(world.cell_of(world.degrees(centre))) + belt, where)
    yield LayerTable(
        "park",
        {
            "code": stated.code,
            "name": p.name,
            "kind": p.kind,
            "stated_area_m2": stated.area,
            "green_area_m2": stated.green,
            "manager_name": stated.manager,
            "address": where,
            "built_from": [f"{year}年" for year in stated.opened.tolist()],
            "built_to": [f"{year + 1}年" for year in stated.opened.tolist()],
            "toilets": stated.toilets,
            "fitness_places": np.ceil(stated.area / 25_000).astype(np.int64),
            "refuge_area_m2": stated.refuge,
        },
        world.degrees(p.shape),
    )


def tree_rows(world: World) -> Iterator[LayerTable]:
    """Ancient trees and their successors; the class follows from the age and is not stored."""
    t, random = world.trees, world.random("tree rows")
    count = len(t.age)
    points = world.points(t.point)
    cell = world.cell_of(points)
    number = np.arange(1, count + 1)
    status = np.where(t.age >= 100, "古树", "后备").astype(object)
    status[random.choice(count, 3, replace=False)] = "名木"
    vigour = np.where(random.random(count) < 0.9, "正常", np.where(random.random(count) < 0.8, "衰弱", "濒危")).astype(object)
    yield LayerTable(
        "ancient_tree",
        {
            "code": [f"{county}GS{n:05d}" for county, n in zip(world.county(cell), number.tolist(), strict=True)],
            "species": [SPECIES[s][0] for s in t.species.tolist()],
            "latin_name": [SPECIES[s][1] for s in t.species.tolist()],
            "status": status,
            "age_years": t.age,
            "vigour": vigour,
            "height_m": np.round(6.5 + t.girth * random.uniform(1.6, 3.2, count), 1),
            "girth_m": t.girth,
            "diameter_m": np.round(t.girth / np.pi, 2),
            "crown_m": np.round(5 + t.girth * random.uniform(1.5, 2.8, count), 1),
            "keeper_name": [f"{name}（管护责任人）" for name in t.place_name],
            "address": world.area_name(cell) + np.array(t.place_name, dtype=object),
        },
        points,
    )


def address_rows(world: World) -> Iterator[LayerTable]:
    """Door plates in order along each road, then streets, estates and landmarks."""
    d, roads, sites = world.doors, world.roads.roads, world.sites
    points = world.points(d.point)
    cell = world.cell_of(points)
    code = world.divisions.cell_code
    number = [f"{value}号" for value in d.number.tolist()]
    yield from chunked(
        LayerTable(
            "address",
            {
                "code": [f"{county}MP{n:07d}" for n, county in enumerate(world.county(cell), 1)],
                "name": world.area_name(cell) + world.door_text(),
                "kind": ["door"] * len(cell),
                "road_name": [roads[road].name for road in d.road.tolist()],
                "house_number": number,
                "grid_code": code[cell],
            },
            points,
        )
    )
    yield _region_rows(world)
    named = [road for road in roads if road.name is not None]
    middles = [max(road.course, key=lambda line: line.length).interpolate(0.5, normalized=True) for road in named]
    spots = np.flatnonzero(np.isin(sites.kind, ("estate", "village", *LANDMARKS)))
    kinds = ["quarter" if kind in ("estate", "village") else "landmark" for kind in sites.kind[spots].tolist()]
    places = world.degrees(np.concatenate([np.array(middles, dtype=object), shapely.point_on_surface(world.blocks.plots[spots])]))
    cell = world.cell_of(places)
    names = np.array([*(road.name for road in named), *sites.name[spots].tolist()], dtype=object)
    yield LayerTable(
        "address",
        {
            "code": [f"{county}DM{n:07d}" for n, county in enumerate(world.county(cell), 1)],
            "name": world.area_name(cell) + names,
            "kind": ["street"] * len(named) + kinds,
            "road_name": [*(road.name for road in named), *[None] * len(spots)],
            "house_number": [None] * len(names),
            "grid_code": code[cell],
        },
        places,
    )


def _region_rows(world: World) -> LayerTable:
    """Districts, streets and communities as places of an address."""
    d = world.divisions
    shapes = np.concatenate([d.districts, d.streets, d.communities])
    places = world.degrees(np.asarray(shapely.point_on_surface(shapes), dtype=object))
    district = [f"示范市{name}" for name in d.district_name]
    street = [f"{district[p]}{name}" for p, name in zip(d.street_district.tolist(), d.street_name, strict=True)]
    community = [f"{street[p]}{name}" for p, name in zip(d.community_street.tolist(), d.community_name, strict=True)]
    names = [*district, *street, *community]
    return LayerTable(
        "address",
        {
            "code": [f"{code}QH" for code in (*d.district_code, *d.street_code, *d.community_code)],
            "name": names,
            "kind": ["region"] * len(names),
            "road_name": [None] * len(names),
            "house_number": [None] * len(names),
            "grid_code": d.cell_code[world.cell_of(places)],
        },
        places,
    )


def node_codes(world: World) -> list[str]:
    """Numbers the pipe nodes of each kind."""
    count: dict[str, int] = {}
    codes = []
    for kind in world.pipes.pipe_kind:
        count[kind] = count.get(kind, 0) + 1
        codes.append(f"{kind}{world.town.mark}{count[kind]:06d}")
    return codes


def pipe_rows(world: World, component_code: Sequence[str]) -> Iterator[LayerTable]:
    """Pipe nodes, then the pipes between them."""
    book, codes = world.pipes, node_codes(world)
    cover: list[str | None] = [None] * len(codes)
    for node, code in zip(world.components.node.tolist(), component_code, strict=True):
        if node >= 0:
            cover[node] = code
    iron = ["球墨铸铁" if kind == "manhole" else None for kind in book.node_kind]
    yield from chunked(
        LayerTable(
            "pipe_node",
            {
                "code": codes,
                "pipe_kind": book.pipe_kind,
                "kind": book.node_kind,
                "ground_m": np.round(book.ground, 3),
                "invert_m": book.invert,
                "depth_m": np.round(book.depth, 2),
                "cover_material": iron,
                "component_code": cover,
                "built_on": book.built,
                "owner_name": [OWNERS[kind] for kind in book.pipe_kind],
            },
            world.points(np.array(book.place)),
        )
    )
    kind = [book.pipe_kind[node] for node in book.start]
    material = {STORM.kind: STORM.material, SEWAGE.kind: SEWAGE.material} | {line.kind: line.material for line in LINES.values()}
    pressure = {line.kind: line.pressure for line in LINES.values()}
    ground, invert = np.array(book.ground), book.inverts
    lines = np.array([shapely.LineString(course) for course in book.course], dtype=object)
    size = np.array(book.size) / 1000
    tops = [
        _cover_depth(pair, float(ground[a]), float(ground[b]), d, float(s))
        for pair, a, b, d, s in zip(invert, book.start, book.end, np.array(book.depth)[book.start].tolist(), size, strict=True)
    ]
    built: list[date] = [book.built[node] for node in book.start]
    yield from chunked(
        LayerTable(
            "pipeline",
            {
                "code": [f"{k}G{world.town.mark}{n:06d}" for n, k in enumerate(kind, 1)],
                "kind": kind,
                "from_node": [codes[n] for n in book.start],
                "to_node": [codes[n] for n in book.end],
                "diameter_mm": book.size,
                "material": [material[k] for k in kind],
                "depth_from_m": [t[0] for t in tops],
                "depth_to_m": [t[1] for t in tops],
                "invert_from_m": [None if p is None else p[0] for p in invert],
                "invert_to_m": [None if p is None else p[1] for p in invert],
                "pressure": [pressure.get(k) for k in kind],
                "built_on": built,
                "owner_name": [OWNERS[k] for k in kind],
                "state": ["operating"] * len(kind),
            },
            world.degrees(lines),
        )
    )


def _cover_depth(pair: tuple[float, float] | None, start: float, end: float, depth: float, size: float) -> tuple[float, float]:
    """Returns the depth of the pipe's crown below ground at both ends."""
    if pair is None:
        return depth, depth
    return round(max(0.3, start - pair[0] - size), 2), round(max(0.3, end - pair[1] - size), 2)


def component_codes(world: World, cell: NDArray[np.int64]) -> list[str]:
    """Numbers the components of each class in each county, grid after grid."""
    c = world.components
    class_of = [class_code(kind, world.profile) for kind in KINDS]
    county = world.county(cell)
    order = np.lexsort((-c.point[:, 1], c.point[:, 0], world.divisions.cell_code[cell].astype(str)))
    group = np.array([f"{a} {class_of[k]}" for a, k in zip(county.tolist(), c.kind.tolist(), strict=True)])
    names, member = np.unique(group, return_inverse=True)
    order = order[np.argsort(member[order], kind="stable")]
    serial = np.empty(len(cell), dtype=np.int64)
    serial[order] = np.arange(len(cell)) - np.searchsorted(member[order], member[order]) + 1
    width = next(part.width for part in coding.profile(world.profile).structure["component"] if part.name == "serial")
    heads = [_component_head(world.profile, name, width) for name in names.tolist()]
    return [f"{heads[m]}{n:0{width}d}" for m, n in zip(member.tolist(), serial.tolist(), strict=True)]


def _component_head(profile: str, name: str, width: int) -> str:
    """Returns what all components of a class in a county begin with; ``name`` holds county and class with a space between."""
    county, class_code = name.split(" ")
    return coding.compose(profile, "component", county=county, major=class_code[:2], minor=class_code[2:], serial=1)[:-width]


def component_rows(world: World, codes: Sequence[str], points: NDArray[np.object_], cell: NDArray[np.int64]) -> Iterator[LayerTable]:
    """Components with class, state, grid, agencies and dates."""
    c = world.components
    agencies = np.array([agency_of(kind) for kind in KINDS], dtype=object)[c.kind]
    names = np.array([class_name(kind, world.profile) for kind in KINDS], dtype=object)[c.kind]
    classes = np.array([class_code(kind, world.profile) for kind in KINDS], dtype=object)[c.kind]
    source = np.where(world.random("sources").random(len(cell)) < 0.92, "实测", "地形图").astype(object)
    yield from chunked(
        LayerTable(
            "component",
            {
                "code": codes,
                "name": names,
                "class_code": classes,
                "status": c.state,
                "grid_code": world.divisions.cell_code[cell],
                "department_name": agencies[:, 0],
                "owner_name": agencies[:, 1],
                "maintainer_name": agencies[:, 2],
                "address": c.address,
                "started_on": _dates(c.started),
                "changed_on": _dates(c.changed),
                "source": source,
            },
            points,
        )
    )
