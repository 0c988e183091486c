"""Accounts: organisations, roles, passwords, sessions, keys; out of the serving role's sight."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Makes the schema of accounts with its rules."""
    op.get_bind().exec_driver_sql(resources.files("spatial").joinpath("sql/accounts.sql").read_text("utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Takes accounts, sessions and keys away."""
    op.execute("DROP SCHEMA account CASCADE")
