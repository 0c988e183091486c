"""``wanmi audit``: seal, verify, export, prune, on the machine itself."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from psycopg2.errors import RestrictViolation
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from api.cli.house import CliError, open_house
from spatial.audit.export import csv_chunks, write_xlsx
from spatial.audit.heads import head_files
from spatial.audit.record import Entry, local_name, record
from spatial.audit.sealer import keep_sealing
from spatial.audit.sealing import seal
from spatial.audit.search import Filters, all_pages, parse_moment
from spatial.audit.verify import record_verification, verify
from spatial.settings import load_settings

__all__ = ["app"]

app = typer.Typer(help="审计 / audit log", no_args_is_help=True)
Since = Annotated[str | None, typer.Option("--from", help="起始日期或时刻 / from this day or moment on")]
Until = Annotated[str | None, typer.Option("--to", help="截止日期（含当日）或时刻 / to this day, the whole of it, or moment")]


@app.command("seal")
def seal_log(
    once: Annotated[bool, typer.Option("--once", help="封存一次后结束 / seal once and end")] = False,
) -> None:
    """封存新的审计行；up 和 serve 会自动进行 / seals new rows; up and serve do so by themselves."""
    settings = load_settings()
    files = head_files(settings)
    with open_house(settings) as house:
        if not once:
            keep_sealing(house.engine, files, _sleep, lambda sentence: typer.echo(sentence, err=True))
            return
        done = seal(house.engine, files)
    if done.busy:
        raise CliError("另一个进程正在封存", "another process is sealing")
    for trouble in done.unwritten:
        raise CliError(f"已封存 {done.rows} 行，但{trouble.zh}", f"{done.rows} rows were sealed, but {trouble.en}")
    typer.echo(f"封存 {done.rows} 行，{done.batches} 批 / {done.rows} rows sealed in {done.batches} batches")


@app.command("verify")
def verify_log(
    heads: Annotated[list[Path] | None, typer.Option(help="对照这些链头文件 / compare with these files of heads")] = None,
) -> None:
    """重算整条哈希链，指出第一处被改动的地方（退出码 1） / computes the whole chain again and names the first break (exit code 1)."""
    settings = load_settings()
    with open_house(settings) as house:
        found = verify(house.engine, heads or head_files(settings))
        with house.engine.begin() as connection:
            record_verification(connection, found, Entry("audit.verify", actor_name=local_name()))
    for note in found.notes:
        typer.echo(f"! {note.zh} / {note.en}")
    counted = f"{found.rows} 行 rows, {found.seals} 批 batches, {found.unsealed} 行未封存 not sealed yet"
    if found.fault is not None:
        typer.echo(f"✗ {found.fault.zh} / {found.fault.en}\n  此前核对无误 verified before it: {counted}")
        raise typer.Exit(1)
    typer.echo(f"✓ 全部一致 all as sealed: {counted}\n  链头 head {found.head}")


@app.command("export")
def export_log(
    file: Annotated[Path, typer.Argument(help="目标文件 .csv 或 .xlsx，不覆盖 / target, never overwritten", show_default=False)],
    since: Since = None,
    until: Until = None,
    actor: Annotated[str | None, typer.Option(help="账户名、姓名或本机用户 / name of an account or of somebody at the machine")] = None,
    action: Annotated[str | None, typer.Option(help="操作及其下级，如 account / an action with those below it")] = None,
) -> None:
    """导出审计行，导出本身也记入审计 / exports rows; the export is in the log too."""
    kind = file.suffix.lower().lstrip(".")
    if kind not in ("csv", "xlsx"):
        raise CliError(f"{file} 应以 .csv 或 .xlsx 结尾", f"{file} should end in .csv or .xlsx")
    filters = Filters(
        since=parse_moment(since, "from") if since else None, until=parse_moment(until, "to", end=True) if until else None,
        actor=actor, action=action,
    )  # fmt: skip
    with open_house(load_settings()) as house:
        try:
            with file.open("xb") as target:
                _told(
                    house.engine, Entry("audit.export", actor_name=local_name(), object="audit", detail={"format": kind, **filters.told()})
                )
                if kind == "csv":
                    target.writelines(csv_chunks(all_pages(house.engine, filters)))
                else:
                    write_xlsx(all_pages(house.engine, filters), target)
        except FileExistsError:
            raise CliError(f"{file} 已存在；导出从不覆盖", f"{file} exists; an export never overwrites") from None
        except OSError as error:
            reason = error.strerror or str(error)
            raise CliError(f"{file} 无法写入：{reason}", f"{file} cannot be written: {reason}") from None
    typer.echo(f"已导出到 {file} / exported")


@app.command("prune")
def prune_log(
    before: Annotated[str, typer.Option(help="清理此日期之前的行，至少 180 天前 / remove rows before this day, 180 days ago at least")],
) -> None:
    """清理到期的旧行，链条照常可校验 / removes rows of old age; the chain can still be verified."""
    moment = parse_moment(before, "before")
    with open_house(load_settings()) as house:
        try:
            with house.engine.begin() as connection:
                gone = connection.scalar(
                    text("SELECT audit.prune(:before, NULL, :name)"), {"before": moment, "name": local_name()}
                )  # fmt: skip
        except DBAPIError as error:
            if isinstance(error.orig, RestrictViolation):
                raise CliError(
                    "审计日志至少保存 180 天，更近的不能清理", "the audit log is kept 180 days; nothing later can be removed"
                ) from None
            raise
    typer.echo(f"清理 {gone} 行 / {gone} rows removed")


def _told(engine: Engine, entry: Entry) -> None:
    with engine.begin() as connection:
        record(connection, entry)


def _sleep(seconds: float) -> bool:
    time.sleep(seconds)
    return False
