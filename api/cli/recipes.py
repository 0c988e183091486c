"""``wanmi import --recipe`` and ``wanmi recipes``: whole cities from foreign files."""

from __future__ import annotations

from pathlib import Path

import typer

from api.cli.house import CliError, Steps, log_act, open_house
from data.recipes.catalogue import load_recipe, names
from data.recipes.runner import RecipeRun
from data.recipes.runner import run_recipe as run
from data.report import ImportReport, RecipeReport, RowFault
from spatial.place import raster_folder
from spatial.settings import Settings

__all__ = ["list_recipes", "run_recipe"]

FAULTS_SHOWN = 5


def list_recipes() -> None:
    """列出配方及其所需文件 / lists the recipes and the files they need."""
    for name in names():
        recipe = load_recipe(name)
        typer.echo(f"{recipe.id}\t{recipe.title.zh} / {recipe.title.en}")
        typer.echo(f"  {recipe.description.zh} / {recipe.description.en}")
        for file in recipe.files:
            typer.echo(f"  {file}")


def run_recipe(settings: Settings, name: str, folder: Path, city: str | None, replace: bool, dry_run: bool, report: Path | None) -> int:
    """Runs a recipe, tells of it, and returns the exit code."""
    recipe = load_recipe(name)
    if not folder.is_dir():
        raise CliError(f"没有目录 {folder}", f"there is no folder {folder}")
    steps = Steps()
    with open_house(settings, steps) as house:
        rasters = raster_folder(settings.raster_dir, settings.state_dir)
        outcome = run(house.engine, house.registry, RecipeRun(recipe, folder, rasters, city, replace, dry_run), steps)
        steps.done()
        if outcome.exit_code < 2 and not dry_run:
            with house.engine.begin() as connection:
                log_act(connection, "import", f"recipe/{recipe.id}", exit_code=outcome.exit_code, replace=replace)
    if report is not None:
        try:
            outcome.write(report)
        except OSError as error:
            raise CliError(f"无法写报告 {report}：{error.strerror}", f"cannot write the report {report}: {error.strerror}") from None
    _tell(outcome, dry_run)
    return outcome.exit_code


def _tell(outcome: RecipeReport, dry_run: bool) -> None:
    """Notes and first faults on stderr; a line per source and one of result on stdout."""
    for note in outcome.notes:
        typer.echo(f"  · {note}", err=True)
    for fault in outcome.rows:
        _tell_fault(fault)
    for key, source in outcome.sources.items():
        _tell_source(key, source)
    if outcome.exit_code == 2:
        typer.echo(f"无法导入配方 {outcome.recipe}，什么都没有写入 / recipe {outcome.recipe} could not be run, nothing was written")
        return
    if outcome.total("refused"):
        verdict = ("什么都没有写入", "nothing was written")
    else:
        verdict = ("试运行，未写入", "dry run, nothing was written") if dry_run else ("完成", "done")
    zh = "，".join(f"{title} {outcome.total(name)}" for name, title, _ in SUMS)
    en = ", ".join(f"{title} {outcome.total(name)}" for name, _, title in SUMS)
    typer.echo(f"{outcome.recipe} → {outcome.city}：{zh}，{outcome.seconds:.1f} s；{verdict[0]} / {en}; {verdict[1]}")


SUMS = (
    ("read", "读取", "read"), ("written", "写入", "written"), ("refused", "拒绝", "refused"), ("set_aside", "放在一边", "set aside"),
    ("repaired", "修复", "repaired"), ("passed_over", "不在范围", "passed over"),
)  # fmt: skip


def _tell_source(key: str, source: ImportReport) -> None:
    numbers = "\t".join(str(getattr(source, name)) for name, _, _ in SUMS)
    typer.echo(f"{key}\t{source.layer}\t{numbers}\t{source.seconds:.1f} s")
    for note in source.notes:
        typer.echo(f"  · {key}：{note}", err=True)
    for fault in [fault for fault in source.rows if not fault.repair][:FAULTS_SHOWN]:
        _tell_fault(fault)
    if source.rules:
        told = "，".join(f"{rule} {number}" for rule, number in sorted(source.rules.items()))
        typer.echo(f"  … {key}：{told}", err=True)


def _tell_fault(fault: RowFault) -> None:
    place = "，".join(
        ([fault.file] if fault.file else []) + ([f"第 {fault.row} 行"] if fault.row else []) + ([fault.field] if fault.field else [])
    )
    value = f"“{fault.value}”" if fault.value else ""
    head = "：".join(part for part in (place, value) if part)
    typer.echo(f"  ✗ {head} [{fault.rule}] {fault.zh} / {fault.en}", err=True)
