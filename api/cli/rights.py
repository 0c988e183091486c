"""``wanmi rights``: the rules of the right on the machine itself, for those without a browser."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection

from api.cli.house import CliError, open_house
from spatial.accounts.model import ROLES
from spatial.audit.record import local_name
from spatial.rights.effect import Effect, effect
from spatial.rights.model import ACTIONS, REACHES
from spatial.rights.publishing import Change, Published, Warned, back, difference, publish, warnings
from spatial.rights.rules import Rule, read_rules, rules, versions, write_rules
from spatial.settings import load_settings

__all__ = ["app"]

app = typer.Typer(help="权限规则 / rules of the right", no_args_is_help=True)
DAY = "%Y-%m-%d %H:%M"
MOST_BYTES = 1024 * 1024
File = Annotated[Path, typer.Argument(help="规则文件（TOML） / file of rules", show_default=False)]
Reason = Annotated[str, typer.Option(help="发布理由 / why", show_default=False)]
Base = Annotated[
    int | None, typer.Option(help="修改所依据的版本，省略 = 当前 / version that the file was made from, none = the current one")
]


@contextmanager
def _transaction() -> Iterator[Connection]:
    with open_house(load_settings()) as house, house.engine.begin() as connection:
        yield connection


@app.command("show")
def show(version: Annotated[int | None, typer.Option(help="版本，省略 = 当前 / version, none = the current one")] = None) -> None:
    """以 TOML 打印规则，可修改后用 publish 发布 / prints the rules as TOML, to be changed and published."""
    with _transaction() as connection:
        number, found = rules(connection, version)
        if number not in {one.version for one in versions(connection)}:
            raise CliError(f"没有版本 {number}", f"there is no version {number}")
    typer.echo(f"# 版本 version {number}")
    typer.echo(write_rules(found), nl=False)


@app.command("versions")
def list_versions() -> None:
    """列出已发布的版本 / lists the published versions."""
    with _transaction() as connection:
        found = versions(connection)
    for one in found:
        typer.echo(f"{one.version}\t{one.made_at.astimezone().strftime(DAY)}\t{one.made_by}\t{one.reason}")


@app.command("publish")
def publish_file(
    file: File,
    reason: Reason = "",
    base: Base = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只看影响，不发布 / tell the effect, publish nothing")] = False,
) -> None:
    """把规则文件发布为新版本 / publishes a file of rules as a new version."""
    wanted = _read(file)
    with _transaction() as connection:
        newest, current = rules(connection)
        if dry_run:
            _tell_changes(difference(current, wanted))
            _tell_effect(effect(connection, wanted))
            _tell_warnings(tuple(warnings(connection, wanted)))
            return
        made = publish(connection, newest if base is None else base, wanted, local_name(), reason)
    _tell(made)


@app.command("back")
def go_back(version: Annotated[int, typer.Argument(help="版本 / version", show_default=False)], reason: Reason = "") -> None:
    """恢复旧版本的规则，作为新版本发布 / publishes the rules of an older version as a new one."""
    with _transaction() as connection:
        newest, _ = rules(connection)
        made = back(connection, newest, version, local_name(), reason or f"恢复版本 {version} back to version {version}")
    _tell(made)


def _read(file: Path) -> list[Rule]:
    try:
        if file.stat().st_size > MOST_BYTES:
            raise CliError(f"{file} 超过 {MOST_BYTES // 1024} KiB", f"{file} is larger than {MOST_BYTES // 1024} KiB")
        return read_rules(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        raise CliError(f"不能读取 {file}（应为 UTF-8 文本）", f"{file} cannot be read (UTF-8 text is expected)") from None


def _tell(made: Published) -> None:
    _tell_changes(made.changes)
    _tell_warnings(made.warnings)
    typer.echo(f"已发布版本 {made.version.version} / published")


def _tell_changes(changes: Sequence[Change]) -> None:
    for one in changes:
        typer.echo(f"{ROLES[one.role].zh} {ACTIONS[one.action][0]} {one.target}：{_cell(one.old)} → {_cell(one.new)}")
    typer.echo(f"{len(changes)} 处修改 / changes")


def _cell(rule: Rule | None) -> str:
    if rule is None:
        return "–"
    return REACHES[rule.reach][0] + (f"（{'、'.join(rule.areas)}）" if rule.areas else "")


def _tell_effect(found: Sequence[Effect]) -> None:
    for one in found:
        parts = [("获得 gains", one.gains), ("失去 loses", one.loses), ("改变 shifts", one.shifts)]
        told = "，".join(f"{word} {len(cells)}" for word, cells in parts if cells)
        typer.echo(f"  {one.name}（{one.title}）：{told}")
    typer.echo(f"影响 {len(found)} 个账户 / accounts concerned")


def _tell_warnings(found: Sequence[Warned]) -> None:
    for one in found:
        typer.echo(f"注意：{one.zh} / note: {one.en}", err=True)
