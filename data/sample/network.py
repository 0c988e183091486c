"""The street network on the ground: the plan bent, cut at the outline, noded, and cleared of slivers and dead ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from data.sample.names import river_name
from data.sample.place import Town
from data.sample.plan import PARKS, STEP, canal_at, street_plan
from data.sample.planar import Geometries, Mesh, mesh_of, thin_out
from data.sample.sizes import CitySize
from data.sample.terrain import RIVER_ROAD, Ground

__all__ = ["LANES", "PAVEMENTS", "WIDTHS", "Network", "Waters", "make_network", "make_waters", "outline_of"]

# Width between the red lines and of the pavement on each side (CJJ 37 cross-sections), lanes.
WIDTHS = {"expressway": 50.0, "arterial": 40.0, "secondary": 28.0, "branch": 16.0, "lane": 8.0}
PAVEMENTS = {"expressway": 6.0, "arterial": 7.0, "secondary": 5.0, "branch": 3.2, "lane": 1.0}
LANES = {"expressway": 8, "arterial": 6, "secondary": 4, "branch": 2, "lane": 1}
GRADES = tuple(WIDTHS)
SMALLEST_BLOCK = 5200.0
CANAL_HALF = 11.0


@dataclass(frozen=True, slots=True)
class Waters:
    """Water on the ground: the river, its middle, the corridor between the riverside roads, banks, canal and lakes."""

    river: shapely.Polygon
    middle: shapely.LineString
    corridor: shapely.Polygon
    banks: Geometries
    canal: shapely.Polygon
    lakes: Geometries
    names: tuple[str, ...]  # of the river, the canal and the lakes

    def all(self) -> shapely.Geometry:
        """Returns all water as one geometry."""
        return shapely.union_all([self.river, self.canal, *self.lakes])


@dataclass(frozen=True, slots=True)
class Network:
    """Streets on the ground, one line per stretch of one street of the plan, and the faces between them.

    ``mesh`` holds streets, outline, river middle and banks; ``grade`` and ``title`` go with ``lines`` (streets only);
    ``piece_kind`` tells a street's grade, or middle, bank, outline, for every piece of the mesh.
    """

    outline: shapely.Polygon
    lines: Geometries
    grade: NDArray[np.str_]
    title: NDArray[np.str_]
    mesh: Mesh
    piece_kind: NDArray[np.str_]


def outline_of(size: CitySize, ground: Ground) -> shapely.Polygon:
    """Returns the city's boundary: a rounded, wavering shape a little outside the ring road."""
    angle = np.linspace(0, 2 * np.pi, 240, endpoint=False)
    power = 5.0
    radius = (np.abs(np.cos(angle)) ** power + np.abs(np.sin(angle)) ** power) ** (-1 / power)
    waver = 1 - 0.022 * (1 + np.sin(3 * angle + 0.6)) + 0.012 * np.sin(7 * angle + 1.9)
    u = size.half_width * radius * waver * np.cos(angle)
    v = size.half_height * radius * waver * np.sin(angle)
    return shapely.Polygon(np.round(ground.place(np.column_stack([u, v])), 3))


def _lake(ground: Ground, centre: tuple[float, float], reach: tuple[float, float], phase: float) -> shapely.Polygon:
    angle = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    waver = 1 + 0.16 * np.sin(2 * angle + phase) + 0.10 * np.sin(3 * angle + 2 * phase) + 0.04 * np.sin(5 * angle)
    points = np.column_stack([reach[0] * waver * np.cos(angle), reach[1] * waver * np.sin(angle)]) + np.array(centre)
    return shapely.Polygon(ground.place(points))


def make_waters(size: CitySize, town: Town, ground: Ground, outline: shapely.Polygon) -> Waters:
    """Lays the river, the canal and the lakes."""
    u = np.arange(-size.half_width - 200, size.half_width + 201, STEP)
    half = ground.half_river(u)
    north, south = (ground.place(np.column_stack([u, side * half])) for side in (1, -1))
    middle = ground.place(np.column_stack([u, np.zeros_like(u)]))
    river = shapely.Polygon(np.vstack([south, north[::-1]])).intersection(outline)
    sides = [ground.place(np.column_stack([u, np.full_like(u, side * RIVER_ROAD)])) for side in (-1, 1)]
    corridor = shapely.Polygon(np.vstack([sides[0], sides[1][::-1]])).intersection(outline)
    v = np.arange(0, size.half_height + 200, STEP)
    canal_line = shapely.LineString(ground.place(np.column_stack([np.full_like(v, canal_at(size)), v])))
    canal = canal_line.buffer(CANAL_HALF, cap_style="flat").intersection(outline).difference(river)
    canal = max(shapely.get_parts(canal), key=lambda part: part.area)
    lakes = []
    for (west, low, east, high), share, phase in zip(PARKS.values(), (0.30, 0.27), (0.7, 2.0), strict=True):
        centre = ((west + east) / 2 - 0.04 * (east - west), (low + high) / 2)
        lakes.append(_lake(ground, centre, (share * (east - west), share * (high - low)), phase))
    names = (f"{river_name(town.row)}河", f"{town.title}金水渠", f"{town.title}人民湖", f"{town.title}东湖")
    banks = np.array([shapely.LineString(north), shapely.LineString(south)], dtype=object)
    return Waters(river, shapely.LineString(middle), corridor, banks, canal, np.array(lakes, dtype=object), names)


def make_network(size: CitySize, ground: Ground, outline: shapely.Polygon, waters: Waters, random: np.random.Generator) -> Network:
    """Bends the plan, nodes it with the outline and the river, and takes away what would leave slivers."""
    plan = street_plan(size, random)
    raw = np.array([shapely.LineString(ground.place(line.vertices())) for line in plan], dtype=object)
    rank = np.array([GRADES.index(line.grade) for line in plan])
    order = np.argsort(rank, kind="stable")
    streets, owner = shapely.get_parts(shapely.intersection(raw[order], outline), return_index=True)
    owner = order[owner]
    lengthy = shapely.length(streets) > 1.0
    streets, owner = streets[lengthy], owner[lengthy]
    frame = shapely.intersection(np.array([waters.middle, *waters.banks], dtype=object), outline)
    frame, frame_of = shapely.get_parts(frame, return_index=True)
    frame = np.append(frame, outline.exterior)
    frame_kind = np.append(np.array(["middle", "bank", "bank"])[frame_of], "outline")
    lines = np.concatenate([streets, frame])
    removable = np.r_[rank[owner] >= GRADES.index("secondary"), np.zeros(len(frame), dtype=bool)]
    pieces, source = thin_out(lines, removable, SMALLEST_BLOCK)
    merged, keys = [], []
    for line in np.unique(source):
        whole = shapely.line_merge(shapely.multilinestrings(pieces[source == line]))
        for part in shapely.get_parts(whole):
            merged.append(part)
            keys.append(line)
    whole_lines, key = np.array(merged, dtype=object), np.array(keys)
    is_street = key < len(streets)
    order = np.argsort(~is_street, kind="stable")
    mesh = mesh_of(whole_lines[order])
    plan_index = owner[key[is_street]]
    kind = np.concatenate([np.array([plan[i].grade for i in owner]), frame_kind])[key][order]
    return Network(
        outline=outline,
        lines=whole_lines[is_street],
        grade=np.array([plan[i].grade for i in plan_index]),
        title=np.array([plan[i].title for i in plan_index]),
        mesh=mesh,
        piece_kind=kind[mesh.source],
    )
