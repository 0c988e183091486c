"""Core: cities and the geometry gate."""

from __future__ import annotations

from importlib import resources

from alembic import op
from sqlalchemy import MetaData

from spatial.tables import city_table

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes the city table, its rules and the gate."""
    city_table(MetaData()).create(op.get_bind())
    op.execute(r"""
        ALTER TABLE wanmi.city
          ADD CONSTRAINT ck_city_key CHECK (key ~ '^[a-z][a-z0-9_-]{0,31}$'),
          ADD CONSTRAINT ck_city_prefix CHECK (prefix ~ '^[0-9A-Za-z]{2,12}$')
    """)
    op.execute(resources.files("spatial").joinpath("sql/gate.sql").read_text("utf-8"))


def downgrade() -> None:
    """Takes the core away again; refused by PostgreSQL while layer tables hang on it."""
    op.execute("DROP FUNCTION wanmi.geometry_fault(geometry, text[], geometry)")
    op.execute("DROP TABLE wanmi.city")
