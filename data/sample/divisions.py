"""Districts, streets, communities and unit grids: each level is a union of the next, so all of them tile.

The river divides two districts; arterials divide streets; streets of any grade divide communities.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from data.sample.blocks import CENTRE, STATION
from data.sample.cells import cut_cells, reading_order
from data.sample.names import COMMUNITY_STEMS, NamePool, district_names
from data.sample.network import Network
from data.sample.place import Town
from data.sample.planar import Geometries, Integers, grow, mesh_of
from data.sample.sizes import CitySize
from data.sample.terrain import CORE, Floats, Ground
from grid_coding import profiles as coding

__all__ = ["CITY_PREFIX", "COUNTIES", "MOST_GRIDS", "Divisions", "make_divisions", "regions", "union_by"]

CITY_PREFIX = "9901"  # GB/T 2260 assigns nothing that begins with 99
COUNTIES = (("990101", "滨北区"), ("990102", "滨南区"))
MOST_GRIDS = 99
STREET_PLACES = (
    (CORE, "老城街道"),
    (STATION, "车站街道"),
    (CENTRE, "新城街道"),
    ((1500.0, -1400.0), "高新街道"),
    ((-1700.0, 1300.0), "大学路街道"),
    ((1500.0, 1100.0), "东湖街道"),
    ((-1500.0, -600.0), "滨河街道"),
    ((1200.0, -500.0), "解放路街道"),
)
OWN_STREETS = ("老城街道", "车站街道", "新城街道")  # every town of a large city has its own
STREET_NAMES = (
    "建设路街道",
    "花园路街道",
    "文化路街道",
    "朝阳路街道",
    "和平街街道",
    "西环街道",
    "南关街道",
    "金水街道",
)


@dataclass(frozen=True, slots=True)
class Divisions:
    """The four levels; each level knows its parent's index. ``cells`` are in the city's metres.

    ``counties`` names the county code of each district, ``*_code`` and ``*_name`` go with the level.
    """

    cells: Geometries
    cell_community: Integers
    cell_code: NDArray[np.object_]
    communities: Geometries
    community_street: Integers
    community_code: list[str]
    community_name: list[str]
    streets: Geometries
    street_district: Integers
    street_code: list[str]
    street_name: list[str]
    districts: Geometries
    district_code: list[str]
    district_name: list[str]


def _counties(town: Town) -> tuple[tuple[str, str], ...]:
    """Returns code and name of the districts north and south of the river."""
    if not town.mark:
        return COUNTIES
    names = district_names(town.number)
    return tuple((f"{CITY_PREFIX}{2 * town.number - 1 + n:02d}", name) for n, name in enumerate(names))


def _spread(points: Floats, weights: Floats, count: int) -> Integers:
    """Picks places far from each other and moves them to the middle of what lies nearest (Lloyd)."""
    middle = np.average(points, axis=0, weights=weights)
    far = np.hypot(*(points - middle).T)
    picked = [int(np.argmax(far))]
    distance = np.hypot(*(points - points[picked[0]]).T)
    while len(picked) < count:
        picked.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.hypot(*(points - points[picked[-1]]).T))
    centres = points[picked]
    for _ in range(12):
        nearest = np.hypot(*(points[:, None, :] - centres[None]).transpose(2, 0, 1)).argmin(axis=1)
        centres = np.array(
            [
                np.average(points[nearest == k], axis=0, weights=weights[nearest == k]) if (nearest == k).any() else centres[k]
                for k in range(count)
            ]
        )
    gap = np.hypot(*(points[:, None, :] - centres[None]).transpose(2, 0, 1))
    seeds: list[int] = []
    for k in range(count):
        order = np.argsort(gap[:, k], kind="stable")
        seeds.append(next(int(i) for i in order if int(i) not in seeds))
    return np.array(seeds)


def regions(faces: Geometries, pairs: tuple[Integers, Integers], members: Integers, count: int) -> Integers:
    """Divides some faces into connected regions of about the same area; returns a region for each member."""
    points = shapely.get_coordinates(shapely.centroid(faces[members]))
    area = shapely.area(faces[members])
    local = np.full(len(faces), -1, dtype=np.int64)
    local[members] = np.arange(len(members))
    inside = (local[pairs[0]] >= 0) & (local[pairs[1]] >= 0)
    own_pairs = (local[pairs[0][inside]], local[pairs[1][inside]])
    return grow(area, own_pairs, points, _spread(points, area, min(count, len(members))))


def _street_of_faces(size: CitySize, ground: Ground, network: Network) -> tuple[Integers, Integers]:
    """Returns the street of each block and the district of each street."""
    # A stub of a few millimetres on the outline may bear the street's kind: what has one side only is outline too.
    borders = np.isin(network.piece_kind, ("arterial", "expressway", "middle", "outline")) | (network.mesh.sides < 0).any(axis=1)
    mesh = mesh_of(network.mesh.pieces[borders])
    inside = shapely.point_on_surface(mesh.faces)
    south = (ground.north_up(ground.plan(shapely.get_coordinates(inside)))[:, 1] < 0).astype(np.int64)
    street = np.full(len(mesh.faces), -1, dtype=np.int64)
    district: list[int] = []
    for side in (0, 1):
        members = np.flatnonzero(south == side)
        street[members] = regions(mesh.faces, mesh.neighbours(), members, size.streets_per_district) + len(district)
        district += [side] * size.streets_per_district
    of_face = np.full(len(network.mesh.faces), -1, dtype=np.int64)
    face, large = shapely.STRtree(mesh.faces).query(shapely.point_on_surface(network.mesh.faces), predicate="intersects")
    of_face[face] = street[large]
    return of_face, np.array(district)


def _community_of_faces(size: CitySize, network: Network, street: Integers, cell_count: Integers) -> tuple[Integers, Integers]:
    """Returns the community of each block and the street of each community; none holds more than 99 grids."""
    pairs = network.mesh.neighbours()
    community = np.full(len(street), -1, dtype=np.int64)
    owner: list[int] = []
    for number in range(int(street.max()) + 1):
        members = np.flatnonzero(street == number)
        count = max(1, round(shapely.area(network.mesh.faces[members]).sum() / size.community_area_m2))
        while True:
            region = regions(network.mesh.faces, pairs, members, count)
            if np.bincount(region, weights=cell_count[members]).max() <= MOST_GRIDS:
                break
            count += 1
        community[members] = region + len(owner)
        owner += [number] * (int(region.max()) + 1)
    return community, np.array(owner)


def _ordered(geometries: Geometries, parent: Integers) -> Integers:
    """Numbers the parts of each parent left to right, top to bottom, from 1."""
    middle = shapely.get_coordinates(shapely.centroid(geometries))
    number = np.zeros(len(geometries), dtype=np.int64)
    for index in np.unique(parent):
        members = np.flatnonzero(parent == index)
        order = reading_order(middle[members, 0], middle[members, 1], 300.0)
        number[members[order]] = np.arange(1, len(members) + 1)
    return number


def union_by(parts: Geometries, owner: Integers) -> Geometries:
    """Joins the parts of each owner, owners in ascending order; the parts must tile."""
    order = np.argsort(owner, kind="stable")
    cuts = np.flatnonzero(np.diff(owner[order])) + 1
    return np.array([shapely.coverage_union_all(group) for group in np.split(parts[order], cuts)], dtype=object)


def _one_piece(shape: shapely.Geometry) -> shapely.Geometry:
    parts = shapely.get_parts(shape)
    return parts[0] if len(parts) == 1 else shape


def make_divisions(size: CitySize, profile: str, ground: Ground, network: Network, pool: NamePool) -> Divisions:
    """Builds the four levels with names and codes by the profile's widths."""
    counties = _counties(pool.town)
    cells, face = cut_cells(network.mesh, size.grid_area_m2)
    street_of_face, street_district = _street_of_faces(size, ground, network)
    cell_count = np.bincount(face, minlength=len(network.mesh.faces))
    community_of_face, community_street = _community_of_faces(size, network, street_of_face, cell_count)
    cell_community = community_of_face[face]
    communities = np.array([_one_piece(g) for g in union_by(cells, cell_community)], dtype=object)
    streets = np.array([_one_piece(g) for g in union_by(communities, community_street)], dtype=object)
    districts = np.array([_one_piece(g) for g in union_by(streets, street_district)], dtype=object)
    street_number, community_number = _ordered(streets, street_district), _ordered(communities, community_street)
    width = {part.name: part.width for part in coding.profile(profile).structure["grid"]}
    street_code = [
        f"{counties[d][0]}{n:0{width['street']}d}" for d, n in zip(street_district.tolist(), street_number.tolist(), strict=True)
    ]
    community_code = [
        f"{street_code[s]}{n:0{width['community']}d}" for s, n in zip(community_street.tolist(), community_number.tolist(), strict=True)
    ]
    return Divisions(
        cells=cells,
        cell_community=cell_community,
        cell_code=_cell_codes(profile, cells, cell_community, community_code, width["street"]),
        communities=communities,
        community_street=community_street,
        community_code=community_code,
        community_name=_community_names(len(communities), pool),
        streets=streets,
        street_district=street_district,
        street_code=street_code,
        street_name=_street_names(streets, ground, pool),
        districts=districts,
        district_code=[code for code, _ in counties],
        district_name=[name for _, name in counties],
    )


def _cell_codes(profile: str, cells: Geometries, community: Integers, community_code: list[str], street_width: int) -> NDArray[np.object_]:
    """Numbers the grids inside each community left to right, top to bottom."""
    middle = shapely.get_coordinates(shapely.centroid(cells))
    codes = np.empty(len(cells), dtype=object)
    for index in range(len(community_code)):
        members = np.flatnonzero(community == index)
        order = reading_order(middle[members, 0], middle[members, 1])
        code = community_code[index]
        county, street, last = code[:6], code[6 : 6 + street_width], code[6 + street_width :]
        for number, cell in enumerate(members[order].tolist(), 1):
            codes[cell] = coding.compose(profile, "grid", county=county, street=street, community=last, grid=number)
    return codes


def _street_names(streets: Geometries, ground: Ground, pool: NamePool) -> list[str]:
    town = pool.town
    names = [""] * len(streets)
    for place, name in STREET_PLACES:
        at = shapely.Point(ground.place(np.array([place]))[0])
        index = int(np.argmin(shapely.distance(streets, at)))
        known = name if not town.mark else town.title + name if name in OWN_STREETS else f"{pool.way()}街道"
        names[index] = names[index] or known
    rest = iter(STREET_NAMES)
    return [name or (f"{pool.way()}街道" if town.mark else next(rest)) for name in names]


def _community_names(count: int, pool: NamePool) -> list[str]:
    if pool.town.mark:
        return [f"{pool.way()}社区" for _ in range(count)]
    stems = [*COMMUNITY_STEMS, *(f"{stem}{number}" for number in ("二", "三", "四") for stem in COMMUNITY_STEMS)]
    stride = 37  # spreads the kinds of names over the city; coprime with the length of the list
    return [
        stems[(index * stride) % len(COMMUNITY_STEMS) + len(COMMUNITY_STEMS) * (index // len(COMMUNITY_STEMS))] + "社区"
        for index in range(count)
    ]
