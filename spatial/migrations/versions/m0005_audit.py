"""Log eras, and the audit log out of the serving role's reach."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Makes the eras and the log with its rules."""
    for name in ("eras", "audit"):
        op.get_bind().exec_driver_sql(resources.files("spatial").joinpath(f"sql/{name}.sql").read_text("utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Takes the log and the eras away."""
    op.execute("DROP SCHEMA audit CASCADE")
    op.execute("DROP FUNCTION wanmi.open_era(text), wanmi.current_era()")
    op.execute("DROP TABLE wanmi.log_era")
