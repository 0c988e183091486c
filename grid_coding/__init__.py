"""Codes of the field: unit grids, components, events and their class tables. Pure; no database."""
