"""Alembic's entry: runs migrations on the connection that the upgrade passes in; opens none itself."""

from __future__ import annotations

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=None, version_table_schema="wanmi")
with context.begin_transaction():
    context.run_migrations()
