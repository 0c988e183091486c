"""``wanmi user``: accounts, roles, organisations and keys, on the machine itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer
from sqlalchemy import Connection

from api.cli.house import House, log_act, open_house
from api.cli.identities import app as identity_app
from api.cli.identities import factor_reset
from data.sample_city import SAMPLE_KEY
from spatial.accounts.accounts import NewAccount, accounts, create, disable, enable, set_password
from spatial.accounts.first import ADMINISTRATORS, DEMO_USERS, Made, check_given, first_accounts
from spatial.accounts.grants import add_grant, remove_grant
from spatial.accounts.keys import SCOPES, add_key, keys, revoke_key
from spatial.accounts.model import ROLES, STATES, Account, Grant
from spatial.accounts.organisations import KINDS, Organisation, add_name, add_organisation, organisations, remove_name
from spatial.accounts.policy import PROFILES, Profile, one_time_password
from spatial.cities import city_or_none
from spatial.settings import Settings, load_settings

__all__ = ["app", "given_passwords", "make_first", "tell_made"]

app = typer.Typer(help="账户 / accounts", no_args_is_help=True)
role_app = typer.Typer(help="角色 / roles", no_args_is_help=True)
key_app = typer.Typer(help="接口密钥 / API keys", no_args_is_help=True)
organisation_app = typer.Typer(help="机构 / organisations", no_args_is_help=True)
app.add_typer(role_app, name="role")
app.add_typer(key_app, name="key")
app.add_typer(organisation_app, name="organisation")
app.add_typer(identity_app, name="identity")
app.command("factor-reset")(factor_reset)

Name = Annotated[str, typer.Argument(help="用户名 / name", show_default=False)]
RoleKey = Annotated[str, typer.Argument(help=f"角色：{'、'.join(ROLES)} / role", show_default=False)]
Area = Annotated[str, typer.Option(help="区域代码前缀，省略 = 全部 / area prefix, none = everywhere")]
DAY = "%Y-%m-%d %H:%M"


@contextmanager
def _writing() -> Iterator[tuple[Connection, Profile]]:
    """One transaction as the owner, with the profile in force."""
    settings = load_settings()
    with open_house(settings) as house, house.engine.begin() as connection:
        yield connection, PROFILES[settings.security_profile]


@app.command("first")
def first() -> None:
    """建立最初的账户：三个管理员，有示范城市时再加三个用户 / makes the first accounts; run again, it makes what is missing."""
    settings = load_settings()
    given_passwords(settings)
    with open_house(settings) as house:
        made = make_first(house)
    if not made:
        typer.echo("最初的账户都在 / the first accounts are there")
    tell_made(made)


def given_passwords(settings: Settings) -> tuple[str | None, str | None]:
    """Returns the first passwords of administrators and users that the settings give, checked before anything is made.

    Raises:
        PasswordRefused: one breaks a rule of the profile.
    """
    profile = PROFILES[settings.security_profile]
    admin, demo = (
        secret.get_secret_value() if secret is not None else None for secret in (settings.admin_password, settings.demo_password)
    )
    check_given(profile, ADMINISTRATORS, admin)
    check_given(profile, DEMO_USERS, demo)
    return admin, demo


def make_first(house: House) -> list[Made]:
    """Makes those of the first accounts that nobody stands for yet; the audit log tells."""
    profile = PROFILES[house.settings.security_profile]
    admin, demo = given_passwords(house.settings)
    with house.engine.begin() as connection:
        made = first_accounts(connection, ADMINISTRATORS, profile, admin)
        sample = city_or_none(connection, SAMPLE_KEY)
        if sample is not None:
            made += first_accounts(connection, DEMO_USERS, profile, demo, sample.prefix)
        for one in made:
            log_act(connection, "account.add", f"account/{one.name}", why="first start")
    return made


def tell_made(made: Sequence[Made]) -> None:
    """Prints accounts just made with their one-time passwords, this once."""
    if not made:
        return
    typer.echo("已建立账户；一次性口令只显示这一次，首次登录须修改 / accounts made; one-time passwords are shown this once:")
    for one in made:
        typer.echo(f"  {one.name:<12} {one.title}\t{one.password or '（口令来自设置 password from the settings）'}")


@app.command("add")
def add(
    name: Name,
    role: Annotated[list[str], typer.Option(help=f"角色，可重复：{'、'.join(ROLES)} / role", show_default=False)],
    area: Area = "",
    organisation: Annotated[str | None, typer.Option(help="所属机构的标识 / key of the organisation")] = None,
    title: Annotated[str | None, typer.Option(help="姓名 / name that people read")] = None,
    department: Annotated[str | None, typer.Option(help="科室 / department")] = None,
    post: Annotated[str | None, typer.Option(help="岗位 / post")] = None,
) -> None:
    """添加账户，一次性口令只显示这一次 / adds an account; its one-time password is shown this once."""
    grants = tuple(Grant(one, area) for one in role)
    with _writing() as (connection, profile):
        made = create(connection, NewAccount(name, title or name, grants, organisation, department, post))
        password = one_time_password(profile, made.name)
        set_password(connection, made.name, password, profile, must_change=True)
        log_act(connection, "account.add", f"account/{made.name}", roles=list(made.roles), area=area, organisation=organisation)
    typer.echo(f"已添加 {made.name}（{_roles(made)}） / added")
    typer.echo(f"一次性口令 one-time password: {password}")


@app.command("list")
def list_accounts() -> None:
    """列出账户 / lists the accounts."""
    with _writing() as (connection, _):
        found = accounts(connection)
    for account in found:
        seen = account.last_login_at.astimezone().strftime(DAY) if account.last_login_at else "–"
        organisation = account.organisation or "–"
        typer.echo(
            f"{account.name}\t{account.title}\t{_roles(account)}\t{organisation}\t{account.state}（{STATES[account.state]}）\t{seen}"
        )


@app.command("password")
def password(name: Name) -> None:
    """给出新的一次性口令，结束该账户的全部会话 / makes a new one-time password and ends the account's sessions."""
    with _writing() as (connection, profile):
        made = one_time_password(profile, name)
        account = set_password(connection, name, made, profile, must_change=True)
        log_act(connection, "account.password", f"account/{account.name}", must_change=True)
    typer.echo(f"{account.name}：下次登录须修改口令 / the password must be changed at the next log-in")
    typer.echo(f"一次性口令 one-time password: {made}")


@app.command("disable")
def disable_account(name: Name) -> None:
    """停用账户，会话和密钥立即失效 / disables an account; sessions and keys end at once."""
    with _writing() as (connection, _):
        account = disable(connection, name)
        log_act(connection, "account.disable", f"account/{account.name}")
    typer.echo(f"已停用 {account.name} / disabled")


@app.command("enable")
def enable_account(name: Name) -> None:
    """启用被停用或锁定的账户 / lets a disabled or locked account in again."""
    with _writing() as (connection, _):
        account = enable(connection, name)
        log_act(connection, "account.enable", f"account/{account.name}")
    typer.echo(f"已启用 {account.name} / enabled")


@role_app.command("add")
def role_add(
    name: Name,
    role: RoleKey,
    area: Area = "",
    organisation: Annotated[str | None, typer.Option(help="仅限该机构 / for this organisation only")] = None,
) -> None:
    """授予角色 / gives a role."""
    with _writing() as (connection, _):
        add_grant(connection, name, Grant(role, area, organisation))
        log_act(connection, "role.add", f"account/{name}", role=role, area=area, organisation=organisation)
    typer.echo(f"已授予 {name}：{role} / given")


@role_app.command("remove")
def role_remove(
    name: Name,
    role: RoleKey,
    area: Area = "",
    organisation: Annotated[str | None, typer.Option(help="仅限该机构 / for this organisation only")] = None,
) -> None:
    """取消角色 / takes a role."""
    with _writing() as (connection, _):
        remove_grant(connection, name, Grant(role, area, organisation))
        log_act(connection, "role.remove", f"account/{name}", role=role, area=area, organisation=organisation)
    typer.echo(f"已取消 {name}：{role} / taken")


@key_app.command("add")
def key_add(
    name: Name,
    title: Annotated[str, typer.Option(help="用途说明 / what for", show_default=False)],
    scope: Annotated[list[str] | None, typer.Option(help=f"范围，可重复：{'、'.join(SCOPES)}；默认 read / scope")] = None,
    days: Annotated[int, typer.Option(help="有效天数 / days that it holds")] = 90,
) -> None:
    """生成密钥，只显示这一次 / makes a key, shown this once."""
    with _writing() as (connection, profile):
        made = add_key(connection, name, title, scope or ["read"], days, profile)
        log_act(connection, "key.add", f"key/{made.row.prefix}", account=made.row.account, scopes=list(made.row.scopes), days=days)
    typer.echo(f"已生成 {made.row.prefix}，有效至 {made.row.expires_at.astimezone().strftime(DAY)} / made, holds until then")
    typer.echo(f"密钥 key: {made.key}")


@key_app.command("list")
def key_list(name: Annotated[str | None, typer.Argument(help="用户名，省略 = 全部 / name, none = all")] = None) -> None:
    """列出密钥 / lists the keys."""
    with _writing() as (connection, _):
        found = keys(connection, name)
    for key in found:
        used = key.last_used_at.astimezone().strftime(DAY) if key.last_used_at else "–"
        ends = "已撤销 revoked" if key.revoked_at else key.expires_at.astimezone().strftime(DAY)
        typer.echo(f"{key.prefix}\t{key.account}\t{key.title}\t{','.join(key.scopes)}\t{ends}\t{used}")


@key_app.command("revoke")
def key_revoke(prefix: Annotated[str, typer.Argument(help="密钥前缀 / prefix of the key", show_default=False)]) -> None:
    """撤销密钥 / revokes a key."""
    with _writing() as (connection, _):
        gone = revoke_key(connection, prefix)
        log_act(connection, "key.revoke", f"key/{gone.prefix}", account=gone.account)
    typer.echo(f"已撤销 {gone.prefix}（{gone.account}） / revoked")


@organisation_app.command("add")
def organisation_add(
    key: Annotated[str, typer.Argument(help="标识 / key", show_default=False)],
    title: Annotated[str, typer.Option(help="名称 / Chinese title", show_default=False)],
    english: Annotated[str | None, typer.Option(help="英文名称 / English title")] = None,
    kind: Annotated[str, typer.Option(help=f"类别：{'、'.join(KINDS)} / kind")] = "department",
) -> None:
    """添加机构 / adds an organisation."""
    with _writing() as (connection, _):
        added = add_organisation(connection, Organisation(key, title, english or key, kind))
        log_act(connection, "organisation.add", f"organisation/{added.key}")
    typer.echo(f"已添加 {added.title_zh}（{added.key}） / added")


@organisation_app.command("list")
def organisation_list() -> None:
    """列出机构 / lists the organisations."""
    with _writing() as (connection, _):
        found = organisations(connection)
    for one in found:
        typer.echo(f"{one.key}\t{one.title_zh}\t{one.title_en}\t{one.kind}（{KINDS[one.kind]}）\t{'、'.join(one.names) or '–'}")


@organisation_app.command("name")
def organisation_name(
    key: Annotated[str, typer.Argument(help="机构标识 / key", show_default=False)],
    name: Annotated[str, typer.Argument(help="数据中对该机构的称呼 / what rows call it", show_default=False)],
    remove: Annotated[bool, typer.Option("--remove", help="取消这个称呼 / take the name away")] = False,
) -> None:
    """添加（或取消）数据中对机构的称呼 / adds (or takes) a name by which rows call an organisation."""
    with _writing() as (connection, _):
        found = (remove_name if remove else add_name)(connection, key, name)
    typer.echo(f"{found.title_zh}：{'、'.join(found.names) or '–'}")


def _roles(account: Account) -> str:
    parts = []
    for grant in account.grants:
        limits = "，".join(filter(None, (grant.area, grant.organisation)))
        parts.append(ROLES[grant.role].zh + (f"（{limits}）" if limits else ""))
    return "、".join(parts) or "–"
