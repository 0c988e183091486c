"""Long work: the jobs' records and the library's queue beside them; out of the serving role's sight."""

from __future__ import annotations

from importlib import resources

from alembic import op

from spatial.jobs.queue import bring_up

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Makes the schema of jobs, then the library's part of it."""
    op.get_bind().exec_driver_sql(resources.files("spatial").joinpath("sql/jobs.sql").read_text("utf-8").replace("%", "%%"))
    bring_up(op.get_bind())


def downgrade() -> None:
    """Takes all jobs away."""
    op.execute("DROP SCHEMA job CASCADE")
