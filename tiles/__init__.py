"""Tiles: grids and vector tiles from PostGIS."""
