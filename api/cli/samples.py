"""``wanmi sample``: the synthetic city."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from api.cli.house import Steps, open_house
from data.sample_city import SAMPLE_KEY, make_sample
from spatial.cities import city_by_key, remove_city
from spatial.settings import load_settings
from spatial.upgrade import upgrade

__all__ = ["app"]

app = typer.Typer(help="示范城市 / sample city", no_args_is_help=True)


@app.command("make")
def make(
    size: Annotated[str, typer.Option(help="规模：S / size")] = "S",
    profile: Annotated[str, typer.Option(help="编码规则：2005、2013、2026 / code profile")] = "2005",
    seed: Annotated[int | None, typer.Option(help="随机种子 / random seed")] = None,
) -> None:
    """生成并装入示范城市 / makes and loads the sample city."""
    steps = Steps()
    began = time.monotonic()
    with open_house(load_settings(), steps) as house:
        upgrade(house.engine, house.registry)
        made = make_sample(house.engine, house.registry, size=size, profile=profile, seed=seed, report=steps)
        steps.done()
    for layer, rows in made.rows.items():
        typer.echo(f"{layer}\t{rows}")
    typer.echo(
        f"共 {sum(made.rows.values())} 行，生成 {made.making_seconds:.1f} s，装入 {made.loading_seconds:.1f} s，"
        f"总计 {time.monotonic() - began:.1f} s / rows, making, loading, total"
    )


@app.command("remove")
def remove() -> None:
    """删除示范城市 / removes the sample city."""
    with open_house(load_settings()) as house, house.engine.begin() as connection:
        city = city_by_key(connection, SAMPLE_KEY)
        gone = remove_city(connection, city, house.registry)
    typer.echo(f"已删除示范城市，{gone} 行 / removed, {gone} rows")
