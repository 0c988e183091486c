"""Migrations of the core tables (schema ``wanmi``); layer tables follow the registry, see ``spatial.upgrade``."""
