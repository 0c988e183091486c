"""``wanmi city``: add, list, remove."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.house import CliError, log_act, open_house
from spatial.cities import City, add_city, cities, city_by_key, remove_city
from spatial.datasets import raster_files, remove_raster_files
from spatial.place import raster_folder
from spatial.settings import load_settings

__all__ = ["app"]

app = typer.Typer(help="城市 / cities", no_args_is_help=True)


@app.command("add")
def add(
    key: Annotated[str, typer.Argument(help="标识，如 zhengzhou / key")],
    name: Annotated[str, typer.Option(help="中文名称 / Chinese name")],
    prefix: Annotated[str, typer.Option(help="行政区划代码前缀 / code prefix")],
    bbox: Annotated[str, typer.Option(help="范围 西,南,东,北（度） / west,south,east,north in degrees")],
    english: Annotated[str | None, typer.Option(help="英文名称 / English name")] = None,
    profile: Annotated[str, typer.Option(help="编码规则：2005、2013、2026、local / code profile")] = "2005",
    metric: Annotated[int, typer.Option(help="量算坐标系 EPSG，0 = 按经度选 3° 带 / metric EPSG, 0 = by longitude")] = 0,
    view: Annotated[str | None, typer.Option(help="初始视图 经度,纬度,级别 / start view lon,lat,zoom")] = None,
    notice: Annotated[str | None, typer.Option(help="向用户显示的说明 / notice shown to users")] = None,
    map_number: Annotated[str | None, typer.Option(help="审图号 / map review number")] = None,
) -> None:
    """添加城市 / adds a city."""
    west, south, east, north = _numbers("bbox", bbox, 4)
    lon, lat, zoom = _numbers("view", view, 3) if view else (0.0, 0.0, 0.0)
    city = City(
        key=key, title_zh=name, title_en=english or key, prefix=prefix, bbox=(west, south, east, north), profile=profile,
        metric_srid=metric, view_lon=lon, view_lat=lat, view_zoom=zoom, notice_zh=notice, notice_en=notice, map_number=map_number,
    )  # fmt: skip
    with open_house(load_settings()) as house, house.engine.begin() as connection:
        added = add_city(connection, city)
        log_act(connection, "city.add", f"city/{added.key}", prefix=added.prefix)
    typer.echo(f"已添加 {added.title_zh}（{added.key}，前缀 {added.prefix}，EPSG:{added.metric_srid}） / added")


@app.command("list")
def list_cities() -> None:
    """列出城市 / lists the cities."""
    with open_house(load_settings()) as house, house.engine.connect() as connection:
        found = cities(connection)
    for city in found:
        typer.echo(f"{city.key}\t{city.title_zh}\t{city.prefix}\t{city.profile}\tEPSG:{city.metric_srid}")


@app.command("remove")
def remove(
    key: Annotated[str, typer.Argument(help="标识 / key")],
    yes: Annotated[bool, typer.Option("--yes", help="不再询问 / do not ask")] = False,
) -> None:
    """删除城市及其全部数据 / removes a city with all its data."""
    settings = load_settings()
    with open_house(settings) as house, house.engine.begin() as connection:
        city = city_by_key(connection, key)
        if not yes and not typer.confirm(f"删除 {city.title_zh} 的全部数据？ / delete all data of {city.key}?"):
            raise typer.Exit(1)
        rasters = raster_files(connection, city)
        gone = remove_city(connection, city, house.registry)
        log_act(connection, "city.remove", f"city/{city.key}", rows=gone)
    remove_raster_files(raster_folder(settings.raster_dir, settings.state_dir), rasters)
    typer.echo(f"已删除 {city.title_zh}，{gone} 行 / removed, {gone} rows")


def _numbers(name: str, text: str, count: int) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        raise CliError(f"--{name} 应为 {count} 个逗号分隔的数，得到“{text}”", f"--{name} takes {count} numbers with commas, got {text!r}")
    return numbers
