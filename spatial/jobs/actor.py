"""The right inside a job: whether its actor may still do it, and connections on which the database sees that actor.

Both are asked when the job begins, not when it was put into the queue: in between the account may have been disabled.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.pool import NullPool

from spatial.accounts.accounts import account_by_id
from spatial.accounts.model import SEPARATED, STATES, AccountError
from spatial.database import CONNECT_SECONDS, connection_url
from spatial.jobs.kinds import Title
from spatial.rights.held import right_of
from spatial.rights.views import ACTOR_SETTING

__all__ = ["acting_engine", "refusal"]

# Actions of the right without which a kind of work has nothing to do.
NEEDED = {"import": "edit", "export": "export", "edit": "edit"}


def refusal(connection: Connection, account: int, action: str) -> Title | None:
    """Returns why an account may not do something (any more), or None.

    Args:
        action: see ``Kind.action``; the separated administrators may do none. Where it reaches, the work itself asks.
    """
    try:
        found = account_by_id(connection, account)
    except AccountError as error:
        return Title(error.zh, error.en)
    if found.state != "active":
        return Title(f"账户“{found.name}”已{STATES[found.state]}，任务没有开始", f"the account {found.name!r} is {found.state}; not begun")
    held = right_of(connection, account)
    wanted = NEEDED.get(action)
    if not any(role not in SEPARATED for role in found.roles) or (wanted and not any(key[1] == wanted for key in held.scopes)):
        zh = f"账户“{found.name}”已没有可以执行此任务的角色，任务没有开始"
        return Title(zh, f"the account {found.name!r} holds no role that may do this ({action}); not begun")
    return None


def acting_engine(dsn: str, account: int, name: str) -> Engine:
    """Returns the owner's engine on which every transaction knows for whom it works; nothing is kept open between them.

    What the policies are to bind runs within ``spatial.database.acting_as``.

    Args:
        name: of its sessions in ``pg_stat_activity``, by which a cancelled job's statement is found.
    """
    options = "-c jit=off -c timezone=Asia/Shanghai"
    arguments = {"connect_timeout": CONNECT_SECONDS, "options": options, "application_name": name}
    engine = create_engine(connection_url(dsn), poolclass=NullPool, connect_args=arguments)

    def begin_as_actor(connection: Connection) -> None:
        connection.execute(text("SELECT set_config(:setting, :account, true)"), {"setting": ACTOR_SETTING, "account": str(account)})

    event.listen(engine, "begin", begin_as_actor)
    return engine
