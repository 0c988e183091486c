"""The right: versioned rules, what each account holds by them, and the schema of what may be seen."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Makes rules, their compiled form and the schema of views."""
    op.get_bind().exec_driver_sql(resources.files("spatial").joinpath("sql/rights.sql").read_text("utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Takes the right away, and with it everything that could be seen."""
    op.execute("DROP SCHEMA seen, access CASCADE")
