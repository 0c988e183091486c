"""Streams: readings are appended, never changed."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Makes the function that every stream's trigger calls."""
    op.execute("""
        CREATE FUNCTION wanmi.refuse_update() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
        END
        $$
    """)


def downgrade() -> None:
    """Takes it away again; refused by PostgreSQL while streams hang on it."""
    op.execute("DROP FUNCTION wanmi.refuse_update()")
