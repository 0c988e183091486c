"""Tracks of the last working day: collectors on foot in their duty grids, sweepers and waste trucks along the streets.

Who patrols takes at every node the path that he has walked least; once a minute the device tells where he is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from data.sample.calendar import LAST_MOMENT, to_utc
from data.sample.divisions import CITY_PREFIX
from data.sample.planar import Geometries, Integers
from data.sample.terrain import Floats
from data.sample.walking import Walks
from data.sample.world import World
from data.table import LayerTable

__all__ = ["COLLECTORS", "SHIFTS", "patrol_rows"]

COLLECTORS = 50  # of a town whose tracks are kept
SHIFTS, MINUTES = (8, 14), 240  # hours at which they begin, minutes that they last
LEAST_BEAT = 1_200.0  # metres of paths that a beat has at least
WALKING = (3.0, 4.9)  # km/h
STANDING, PACE, NOISE = 0.16, 0.14, 1.4  # share of minutes without a step, spread of the pace, error of a position (m)
ACCURACY = (2.0, 6.5)
# Kind, how its number begins, how many in a town, speed (km/h), grades of streets, share of minutes that it stands.
VEHICLES = (
    ("sweeper", "QS", 2, (7.0, 12.0), ("arterial", "secondary"), 0.05),
    ("waste_truck", "QY", 2, (14.0, 30.0), ("arterial", "secondary", "branch"), 0.3),
)


@dataclass(frozen=True, slots=True)
class _Tracks:
    """Positions of some units, minute by minute: (units, minutes, 2), with who they are."""

    unit: list[str]
    kind: str
    place: Floats
    duty: list[str | None]
    area: list[str]


def _round(lines: Geometries, nodes: Integers, start: int, length: float, random: np.random.Generator) -> Floats:
    """Walks over lines from a node until the length is done; returns the vertices of the way."""
    ends: list[list[int]] = nodes.tolist()
    at: dict[int, list[tuple[int, int]]] = {}
    for edge, (a, b) in enumerate(ends):
        at.setdefault(a, []).append((edge, b))
        at.setdefault(b, []).append((edge, a))
    walked, size = [0] * len(lines), shapely.length(lines).tolist()
    luck = random.random(len(lines)).tolist()
    node, done, last = start, 0.0, -1
    way: list[int] = []
    forward: list[bool] = []
    while done < length:
        edge, ahead = min(at[node], key=lambda path: (walked[path[0]] + (path[0] == last), luck[path[0]]))
        way.append(edge)
        forward.append(ends[edge][0] == node)
        walked[edge] += 1
        done += size[edge]
        node, last = ahead, edge
    turned = np.where(np.array(forward), lines[way], shapely.reverse(lines[way]))
    return np.asarray(shapely.get_coordinates(turned), dtype=float)


def _largest(nodes: Integers, length: Floats) -> NDArray[np.bool_]:
    """Tells which lines belong to the connected part with the greatest length."""
    _, ends = np.unique(nodes, return_inverse=True)
    ends = ends.reshape(-1, 2)
    part = np.arange(int(ends.max()) + 1)
    while True:
        low = part[ends].min(axis=1)
        before = part.copy()
        np.minimum.at(part, ends[:, 0], low)
        np.minimum.at(part, ends[:, 1], low)
        part = part[part]
        if (part == before).all():
            break
    own = part[ends[:, 0]]
    return np.asarray(own == int(np.argmax(np.bincount(own, weights=length))), dtype=bool)


def _minutes(way: Floats, speed: float, standing: float, random: np.random.Generator) -> Floats:
    """Returns the position at every minute of both shifts on a way; a standing device repeats its position."""
    count = MINUTES * len(SHIFTS)
    moving = random.random(count) >= standing
    moving[0] = True
    step = np.where(moving, speed * 1000 / 60 * random.lognormal(0, PACE, count), 0.0)
    done = np.cumsum(step) - step[0]
    run = np.r_[0.0, np.cumsum(np.hypot(*np.diff(way, axis=0).T))]
    on = np.column_stack([np.interp(done, run, way[:, axis]) for axis in (0, 1)])
    told = np.maximum.accumulate(np.where(moving, np.arange(count), 0))
    return np.asarray((on + random.normal(0, NOISE, on.shape))[told], dtype=float)


def _beats(world: World, walks: Walks, duty: LayerTable) -> Mapping[int, Integers]:
    """Returns the paths of each duty grid that lie in it from end to end."""
    cell_duty = np.full(len(world.divisions.cells), -1)
    number = {code: index for index, code in enumerate(world.divisions.cell_code.tolist())}
    for index, codes in enumerate(duty.columns["grid_codes"]):
        cell_duty[[number[code] for code in codes.split(", ")]] = index
    of_node = cell_duty[world.cell_of(world.points(walks.places))]
    middle = np.asarray(shapely.line_interpolate_point(walks.line, 0.5, normalized=True), dtype=object)
    of_line = cell_duty[world.cell_of(world.degrees(middle))]
    inside = np.flatnonzero((of_node[walks.nodes] == of_line[:, None]).all(axis=1))
    order = inside[np.argsort(of_line[inside], kind="stable")]
    cuts = np.flatnonzero(np.diff(of_line[order])) + 1
    return {int(of_line[group[0]]): group for group in np.split(order, cuts)}


def _collectors(world: World, walks: Walks, duty: LayerTable) -> _Tracks:
    """Sends some collectors over their beats; in a city of towns the town's mark tells namesakes apart."""
    random = world.random("patrol")
    beats = _beats(world, walks, duty)
    staff = [(index, name) for index, names in enumerate(duty.columns["collectors"]) for name in names.split("、")]
    length = shapely.length(walks.line)
    columns = duty.columns
    tracks = _Tracks([], "collector", np.empty(0), [], [])
    places = []
    for pick in random.permutation(len(staff)).tolist():
        index, name = staff[pick]
        beat = beats.get(index, np.empty(0, dtype=np.int64))
        if length[beat].sum() < LEAST_BEAT:
            continue
        beat = beat[_largest(walks.nodes[beat], length[beat])]
        speed = float(random.uniform(*WALKING))
        far = speed * 1000 * MINUTES / 60 * len(SHIFTS) * 1.1
        way = _round(walks.line[beat], walks.nodes[beat], int(walks.nodes[beat[0], 0]), far, random)
        places.append(_minutes(way, speed, STANDING, random))
        tracks.unit.append(name + world.town.mark)
        tracks.duty.append(columns["code"][index])
        tracks.area.append(columns["community_code"][index])
        if len(places) == COLLECTORS:
            break
    return _Tracks(tracks.unit, tracks.kind, np.stack(places), tracks.duty, tracks.area)


def _vehicles(world: World) -> list[_Tracks]:
    """Sends sweepers and waste trucks through the streets of the town."""
    r, random, found = world.roads, world.random("vehicles"), []
    grade = r.of_pieces("grade")
    for kind, letters, count, pace, grades, standing in VEHICLES:
        streets = np.flatnonzero(np.isin(grade, grades) & np.array([name is not None for name in r.of_pieces("name")]))
        streets = streets[_largest(r.nodes[streets], shapely.length(r.pieces[streets]))]
        places = []
        for _ in range(count):
            speed = float(random.uniform(*pace))
            start = int(r.nodes[random.choice(streets), 0])
            far = speed * 1000 * MINUTES / 60 * len(SHIFTS) * 1.1
            way = _round(r.pieces[streets], r.nodes[streets], start, far, random)
            places.append(_minutes(way, speed, standing, random))
        units = [f"HW-{letters}{world.town.mark}{number:02d}" for number in range(1, count + 1)]
        found.append(_Tracks(units, kind, np.stack(places), [None] * count, [CITY_PREFIX] * count))
    return found


def _motion(place: Floats) -> tuple[Floats, Floats]:
    """Returns speed (km/h) and heading (degrees) of each position from the one before it in its shift.

    A shift begins at rest; who stands keeps his heading, at the beginning of the day he has that of his first step.
    """
    count = place.shape[1]
    step = np.diff(place, axis=1, prepend=place[:, :1])
    step[:, ::MINUTES] = 0.0
    far = np.hypot(step[..., 0], step[..., 1])
    heading = np.degrees(np.arctan2(step[..., 0], step[..., 1])) % 360
    heading[:, 0] = heading[np.arange(len(far)), (far > 0).argmax(axis=1)]
    last = np.maximum.accumulate(np.where(far > 0, np.arange(count), 0), axis=1)
    heading = np.take_along_axis(heading, last, axis=1)
    return np.round(far * 60 / 1000, 2), np.round(heading, 1) % 360


def patrol_rows(world: World, walks: Walks, duty: LayerTable) -> Iterator[LayerTable]:
    """Positions of collectors and vehicles, each minute of the last day's shifts; one table for each shift."""
    groups = [_collectors(world, walks, duty), *_vehicles(world)]
    place = np.concatenate([group.place for group in groups])
    speed, heading = _motion(place)
    units, random = len(place), world.random("positions")
    accuracy = np.round(random.uniform(*ACCURACY, place.shape[:2]), 1)
    late = random.integers(0, 60, units).astype("timedelta64[s]")
    day = LAST_MOMENT.astype("datetime64[D]").astype("datetime64[s]")
    names, kinds, beats, areas = (np.empty(units, dtype=object) for _ in range(4))
    names[:] = [unit for group in groups for unit in group.unit]
    kinds[:] = [group.kind for group in groups for _ in group.unit]
    beats[:] = [code for group in groups for code in group.duty]
    areas[:] = [code for group in groups for code in group.area]
    for number, hour in enumerate(SHIFTS):
        own = slice(number * MINUTES, (number + 1) * MINUTES)
        moment = day + (np.arange(MINUTES) + hour * 60).astype("timedelta64[m]")[None] + late[:, None]
        yield LayerTable(
            "patrol_track",
            {
                "unit_code": np.repeat(names, MINUTES),
                "kind": np.repeat(kinds, MINUTES),
                "located_at": to_utc(moment.ravel()),
                "speed_kmh": speed[:, own].ravel(),
                "heading_deg": heading[:, own].ravel(),
                "accuracy_m": accuracy[:, own].ravel(),
                "duty_grid_code": np.repeat(beats, MINUTES),
            },
            world.points(place[:, own].reshape(-1, 2)),
            area=np.repeat(areas, MINUTES),
        )
