"""The whole sample city in memory: every concern in order, each with its own random numbers from the one seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from data.sample.addresses import Doors, make_doors
from data.sample.blocks import Blocks, make_blocks
from data.sample.buildings import Buildings, inner_lanes, make_buildings
from data.sample.components import Components, make_components
from data.sample.divisions import Divisions, make_divisions
from data.sample.green import Parks, Trees, make_parks, make_trees
from data.sample.names import NamePool
from data.sample.network import Network, Waters, make_network, make_waters, outline_of
from data.sample.pipes import PipeBook, make_pipes
from data.sample.place import Town, to_degrees
from data.sample.planar import Geometries, Integers
from data.sample.roads import Roads, make_roads
from data.sample.sites import Sites, name_sites
from data.sample.sizes import CitySize
from data.sample.terrain import Floats, Ground, make_ground

__all__ = ["World", "make_world"]


@dataclass(frozen=True, slots=True)
class World:
    """Everything that stands in a town, in the town's metres; ``cells`` are the unit grids in EPSG:4490."""

    size: CitySize
    profile: str
    town: Town
    ground: Ground
    waters: Waters
    network: Network
    blocks: Blocks
    sites: Sites
    buildings: Buildings
    roads: Roads
    pipes: PipeBook
    parks: Parks
    trees: Trees
    doors: Doors
    divisions: Divisions
    components: Components
    cells: Geometries
    cell_tree: shapely.STRtree

    def random(self, concern: str) -> np.random.Generator:
        """Returns the random numbers of a concern."""
        return self.town.random(concern)

    def degrees(self, geometries: Geometries) -> Geometries:
        """Maps geometries from the town's metres to EPSG:4490."""
        return to_degrees(geometries, self.town.offset)

    def points(self, places: Floats) -> Geometries:
        """Turns places (n, 2) in the town's metres into points of EPSG:4490."""
        return self.degrees(np.asarray(shapely.points(places), dtype=object))

    def cell_at(self, points: Geometries) -> Integers:
        """Returns the unit grid that holds each point of EPSG:4490 (the first one for a point on a border), -1 where none does."""
        found = np.full(len(points), len(self.cells), dtype=np.int64)
        point, cell = self.cell_tree.query(points, predicate="intersects")
        np.minimum.at(found, point, cell)
        return np.asarray(np.where(found == len(self.cells), -1, found), dtype=np.int64)

    def cell_of(self, points: Geometries) -> Integers:
        """Returns the unit grid that holds each point of EPSG:4490, or the nearest one."""
        found = self.cell_at(points)
        stray = np.flatnonzero(found < 0)
        if len(stray):
            found[stray] = self.cell_tree.nearest(points[stray])
        return found

    def area_name(self, cell: Integers) -> NDArray[np.object_]:
        """Writes city, district and street of each grid, as an address begins."""
        d = self.divisions
        street = d.community_street[d.cell_community[cell]]
        text = [f"示范市{d.district_name[d.street_district[s]]}{d.street_name[s]}" for s in range(len(d.street_name))]
        return np.asarray(np.array(text, dtype=object)[street], dtype=object)

    def county(self, cell: Integers) -> NDArray[np.object_]:
        """Returns the county code of each grid."""
        d = self.divisions
        code = np.array(d.district_code, dtype=object)
        return np.asarray(code[d.street_district[d.community_street[d.cell_community[cell]]]], dtype=object)

    def nearest_address(self, places: Geometries) -> NDArray[np.object_]:
        """Writes the address of the door plate nearest to each place of the town's metres."""
        door = shapely.STRtree(shapely.points(self.doors.point)).nearest(places)
        return np.asarray(self.area_name(self.cell_of(self.degrees(places))) + self.door_text()[door], dtype=object)

    def door_text(self) -> NDArray[np.object_]:
        """Writes each door plate without the area: road and number."""
        roads = self.roads.roads
        pairs = zip(self.doors.road.tolist(), self.doors.number.tolist(), strict=True)
        return np.array([f"{roads[road].name}{number}号" for road, number in pairs], dtype=object)


def make_world(size: CitySize, profile: str, town: Town) -> World:
    """Builds a town from the ground up."""
    ground = make_ground(town)
    outline = outline_of(size, ground)
    waters = make_waters(size, town, ground, outline)
    network = make_network(size, ground, outline, waters, town.random("network"))
    blocks = make_blocks(size, ground, network, waters, town.random("blocks"))
    pool = NamePool(town.random("names"), town)
    sites = name_sites(blocks, pool, town.random("sites"))
    parks = make_parks(blocks, sites, ground, pool)
    lanes = inner_lanes(blocks, network)
    buildings = make_buildings(blocks, sites, network, lanes, town.random("buildings"))
    roads = make_roads(network, lanes, ground, pool, town.random("roads"))
    pipes = make_pipes(size, roads, waters, ground)
    divisions = make_divisions(size, profile, ground, network, pool)
    cells = to_degrees(divisions.cells, town.offset)
    return World(
        size=size,
        profile=profile,
        town=town,
        ground=ground,
        waters=waters,
        network=network,
        blocks=blocks,
        sites=sites,
        buildings=buildings,
        roads=roads,
        pipes=pipes,
        parks=parks,
        trees=make_trees(blocks, sites, buildings.shapes, town.random("trees")),
        doors=make_doors(roads, blocks, town.random("doors")),
        divisions=divisions,
        components=make_components(size, roads, blocks, sites, waters, outline, buildings.shapes, pipes, town.random("components")),
        cells=cells,
        cell_tree=shapely.STRtree(cells),
    )
