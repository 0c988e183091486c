"""``wanmi user identity`` and ``factor-reset``: which accounts the identity provider opens; a second factor that was lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from sqlalchemy import Connection

from api.cli.house import CliError, log_act, open_house
from spatial.accounts.accounts import account_by_name
from spatial.accounts.factors import remove
from spatial.accounts.identities import allow, identities, link, unlink
from spatial.accounts.sessions import revoke_all
from spatial.settings import load_settings

__all__ = ["app", "factor_reset"]

app = typer.Typer(help="统一身份认证的关联 / identities of the provider", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="用户名 / name", show_default=False)]
DAY = "%Y-%m-%d %H:%M"


@contextmanager
def _writing() -> Iterator[tuple[Connection, str]]:
    """One transaction as the owner, with the issuer of the settings."""
    settings = load_settings()
    if settings.oidc_issuer is None:
        raise CliError("没有设置 WANMI_OIDC_ISSUER，统一身份认证未启用", "WANMI_OIDC_ISSUER is not set: there is no identity provider")
    with open_house(settings) as house, house.engine.begin() as connection:
        yield connection, settings.oidc_issuer


def factor_reset(name: Name) -> None:
    """取消动态码并结束该账户的全部会话，用于手机和恢复码都丢失时 / takes the second factor away and ends the account's sessions."""
    with open_house(load_settings()) as house, house.engine.begin() as connection:
        account = account_by_name(connection, name)
        was = remove(connection, account.id)
        revoke_all(connection, account.id)
        log_act(connection, "account.factor.reset", f"account/{account.name}", enrolled=was)
    typer.echo(f"{account.name}：{'动态码已取消 / the second factor is gone' if was else '没有启用动态码 / there was no second factor'}")


@app.command("allow")
def allow_identity(name: Name) -> None:
    """允许下一次同名的统一身份登录关联到该账户，七天内一次 / lets the next log-in of that name be linked, once within seven days."""
    with _writing() as (connection, issuer):
        ends = allow(connection, name, issuer)
        log_act(connection, "account.identity.allow", f"account/{name}")
    typer.echo(f"已允许 {name}，有效至 {ends.astimezone().strftime(DAY)} / allowed until then")


@app.command("link")
def link_identity(
    name: Name, subject: Annotated[str, typer.Option(help="统一身份的唯一标识（sub） / subject at the provider", show_default=False)]
) -> None:
    """按唯一标识关联 / links an account to a subject."""
    with _writing() as (connection, issuer):
        account = link(connection, name, issuer, subject)
        log_act(connection, "account.identity.link", f"account/{account.name}", subject=subject)
    typer.echo(f"已关联 {account.name} / linked")


@app.command("remove")
def remove_identity(name: Name) -> None:
    """解除关联，结束该账户的全部会话 / unlinks an account and ends its sessions."""
    with _writing() as (connection, _):
        account = unlink(connection, name)
        log_act(connection, "account.identity.remove", f"account/{account.name}")
    typer.echo(f"已解除 {account.name} / unlinked")


@app.command("list")
def list_identities() -> None:
    """列出关联 / lists the links."""
    with _writing() as (connection, _):
        found = identities(connection)
    for one in found:
        used = one.last_used_at.astimezone().strftime(DAY) if one.last_used_at else "–"
        typer.echo(f"{one.account}\t{one.issuer}\t{one.subject}\t{used}")
