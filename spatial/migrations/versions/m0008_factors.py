"""Second factors and outside identities."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Makes the tables of factors, tickets, identities and log-ins under way."""
    op.get_bind().exec_driver_sql(resources.files("spatial").joinpath("sql/factors.sql").read_text("utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Takes them away; the log keeps that a code was wrong as what it knew before: wrong."""
    op.execute("DROP TABLE account.login_flow, account.identity_permit, account.identity, account.login_ticket, account.recovery_code")
    op.execute("DROP TABLE account.factor")
    op.execute("DROP FUNCTION account.keep_step()")
    op.execute("ALTER TABLE account.session DROP COLUMN via")
    op.execute("UPDATE account.login_attempt SET outcome = 'wrong' WHERE outcome = 'wrong_code'")
    op.execute("ALTER TABLE account.login_attempt DROP CONSTRAINT login_attempt_outcome_check")
    op.execute(
        "ALTER TABLE account.login_attempt ADD CONSTRAINT login_attempt_outcome_check CHECK ("
        "outcome IN ('begun', 'granted', 'wrong', 'unknown', 'locked', 'disabled', 'stale', 'no_password'))"
    )
