"""Rasters: the pixels of the source, placed as it says, whole or not at all; nothing foreign is followed."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import rasterio
from rasterio.transform import from_bounds, from_origin

from data.rasters import RasterMade, store_raster, write_cog
from data.readers import launch
from data.readers.launch import RASTER, environment
from data.report import FileFault

CITY = (113.2, 34.7, 113.4, 34.9)
TAIPEI = (121.4, 24.9, 121.7, 25.3)
XS, YS = 113.3 + np.arange(4) / 100, 34.8 + np.arange(3) / 100
VALUES = np.arange(12, dtype="f4").reshape(3, 4)  # row 0 in the north
GDALINFO = shutil.which("gdalinfo")
needs_gdalinfo = pytest.mark.skipif(GDALINFO is None, reason="no gdalinfo")


def geotiff(path: Path, values: Any = VALUES, crs: str | None = "EPSG:4490", transform: Any = None, **more: Any) -> Path:
    height, width = values.shape[-2:]
    profile = {"driver": "GTiff", "width": width, "height": height, "count": 1, "dtype": values.dtype, "crs": crs}
    profile["transform"] = transform or from_origin(113.3, 34.83, 0.01, 0.01)
    with rasterio.open(path, "w", **profile | more) as made:
        made.write(values, 1)
    return path


def netcdf(path: Path, dims: Sequence[str], xs: Any, ys: Any, **variables: Any) -> Path:
    with h5py.File(path, "w") as file:
        for name, values, unit in (("lon", xs, "degrees_east"), ("lat", ys, "degrees_north")):
            file.create_dataset(name, data=values).make_scale(name)
            file[name].attrs["units"] = unit
        for name, values in variables.items():
            made = file.create_dataset(name, data=values)
            for position, dim in enumerate(dims):
                made.dims[position].attach_scale(file[dim])
    return path


def store(source: Path, envelope: Any = CITY, **more: Any) -> RasterMade:
    return store_raster(source, source.parent / "store" / "dem.tif", envelope=envelope, **more)


def refused(source: Path, **more: Any) -> FileFault:
    with pytest.raises(FileFault) as told:
        store(source, **more)
    folder = source.parent / "store"
    assert not folder.exists() or not list(folder.iterdir())
    return told.value


def pixels(made: RasterMade) -> Any:
    with rasterio.open(made.path) as found:
        return found.read(1)


def told_by_gdal(path: Path) -> dict[str, Any]:
    """GDAL's own programs are another build than the wheel's: an independent reading."""
    done = subprocess.run([str(GDALINFO), "-json", "-checksum", "-stats", str(path)], capture_output=True, text=True, check=True,
                          env={"GDAL_PAM_ENABLED": "NO"})  # fmt: skip
    return json.loads(done.stdout.replace("nan", "null"))  # type: ignore[no-any-return]


@needs_gdalinfo
@pytest.mark.parametrize(
    ("name", "crs", "envelope", "size"),
    [
        ("taipei_aster_gdem_30m.nc", "EPSG:4326", TAIPEI, (899, 727, 1)),
        ("youwuzhen_dem30m_beijing1954.tif", None, (116.4, 25.6, 116.5, 25.7), (127, 98, 1)),
        ("naip_nd_4band_2019_cog.tif", None, (-99.2, 47.0, -99.1, 47.1), (934, 723, 4)),
        ("swellendam_rgb_north_2010.tif", None, (20.4, -34.1, 20.6, -33.9), (1089, 1093, 4)),
    ],
)
def test_real_rasters_are_stored_as_gdal_reads_them(
    realdata: Path, tmp_path: Path, name: str, crs: str | None, envelope: Any, size: tuple[int, int, int]
) -> None:
    source = realdata / "raster" / name
    made = store_raster(source, tmp_path / "a.tif", crs=crs, envelope=envelope)
    before, after = told_by_gdal(source), told_by_gdal(made.path)
    assert (made.width, made.height, made.bands) == size
    assert after["metadata"]["IMAGE_STRUCTURE"]["LAYOUT"] == "COG"
    assert after["metadata"]["IMAGE_STRUCTURE"]["COMPRESSION"] == "DEFLATE"
    assert [band["checksum"] for band in after["bands"]] == [band["checksum"] for band in before["bands"]]
    assert [band["type"] for band in after["bands"]] == [band["type"] for band in before["bands"]]
    assert after["geoTransform"] == pytest.approx(before["geoTransform"], rel=1e-12)
    assert made.minimum == pytest.approx(min(band["minimum"] for band in before["bands"]), abs=1e-3)
    assert made.maximum == pytest.approx(max(band["maximum"] for band in before["bands"]), abs=1e-3)
    west, south, east, north = made.bbox4490
    assert envelope[0] < west < east < envelope[2] and envelope[1] < south < north < envelope[3]
    if min(size[:2]) > 512:
        assert after["bands"][0]["overviews"]
    assert not list(tmp_path.glob(".*")) and [item.name for item in tmp_path.iterdir()] == ["a.tif"]


def test_netcdf_and_geotiff_of_one_terrain_are_equal_pixel_by_pixel(realdata: Path, tmp_path: Path) -> None:
    folder = realdata / "raster"
    one = store_raster(folder / "taipei_aster_gdem_30m.nc", tmp_path / "nc.tif", crs="EPSG:4326", envelope=TAIPEI)
    two = store_raster(folder / "taipei_aster_gdem_30m_cog.tif", tmp_path / "tif.tif", envelope=TAIPEI)
    assert (pixels(one) == pixels(two)).all() and pixels(one).shape == (727, 899)
    assert one.bbox4490 == two.bbox4490 and (one.minimum, one.maximum) == (two.minimum, two.maximum) == (4, 837)
    assert one.resolution_m == pytest.approx(29.4, abs=0.1)
    assert (one.dtype, two.dtype, two.nodata) == ("float32", "int16", -32768)


def test_a_beijing_1954_raster_keeps_its_system(realdata: Path, tmp_path: Path) -> None:
    source = realdata / "raster" / "youwuzhen_dem30m_beijing1954.tif"
    made = store_raster(source, tmp_path / "a.tif", envelope=(116.4, 25.6, 116.5, 25.7))
    with rasterio.open(source) as before, rasterio.open(made.path) as after:
        assert after.crs == before.crs and after.nodata == before.nodata
    assert "Beijing 1954" in made.crs and made.resolution_m == pytest.approx(30, abs=0.01)


@pytest.mark.parametrize(
    ("dims", "xs", "ys", "values", "note"),
    [
        (("lat", "lon"), XS, YS, VALUES[::-1], ""),
        (("lat", "lon"), XS, YS[::-1], VALUES, ""),
        (("lat", "lon"), XS[::-1], YS, VALUES[::-1, ::-1], "axis x runs the other way"),
        (("lon", "lat"), XS, YS, VALUES[::-1].T, "transposed"),
        (("lon", "lat"), XS[::-1], YS[::-1], VALUES[:, ::-1].T, "transposed"),
    ],
)
def test_axes_of_a_netcdf_are_turned_north_up(tmp_path: Path, dims: Any, xs: Any, ys: Any, values: Any, note: str) -> None:
    made = store(netcdf(tmp_path / "a.nc", dims, xs, ys, z=values), crs="EPSG:4490")
    assert (pixels(made) == VALUES).all()
    assert made.bbox4490 == pytest.approx((113.295, 34.795, 113.335, 34.825))
    assert note in "".join(made.notes)
    assert (made.width, made.height) == (4, 3)


def test_a_geotiff_with_south_at_the_top_is_turned(tmp_path: Path) -> None:
    upside_down = rasterio.Affine(0.01, 0, 113.3, 0, 0.01, 34.8)
    made = store(geotiff(tmp_path / "a.tif", VALUES[::-1], transform=upside_down))
    assert (pixels(made) == VALUES).all() and made.bbox4490 == pytest.approx((113.3, 34.8, 113.34, 34.83))
    assert any("axis y" in note for note in made.notes)


def test_nodata_and_nan_stay_and_do_not_count(tmp_path: Path) -> None:
    values = VALUES.copy()
    values[0, 0], values[1, 1] = np.nan, -9999
    made = store(geotiff(tmp_path / "a.tif", values, nodata=-9999))
    assert np.array_equal(pixels(made), values, equal_nan=True)
    assert (made.minimum, made.maximum, made.nodata) == (1, 11, -9999)
    empty = store(geotiff(tmp_path / "b.tif", np.full((3, 4), np.nan, "f4")))
    assert empty.minimum is None and empty.maximum is None


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int32", "uint32", "int64", "uint64", "float64"])
def test_pixels_of_every_type(tmp_path: Path, dtype: str) -> None:
    made = store(geotiff(tmp_path / "a.tif", VALUES.astype(dtype)))
    assert pixels(made).dtype == dtype == made.dtype and (pixels(made) == VALUES).all() and made.maximum == 11


def test_a_raster_of_points_lies_where_it_lay(tmp_path: Path) -> None:
    path = geotiff(tmp_path / "a.tif")
    with rasterio.open(path, "r+") as source:
        source.update_tags(AREA_OR_POINT="Point")
    with rasterio.open(path) as before, rasterio.open(store(path).path) as after:
        assert after.transform == before.transform and after.tags()["AREA_OR_POINT"] == "Point"


def test_palette_mask_and_scale_stay(tmp_path: Path) -> None:
    path = geotiff(tmp_path / "a.tif", VALUES.astype("u1"))
    with rasterio.open(path, "r+") as source:
        source.write_colormap(1, {1: (10, 20, 30, 255)})
        source.write_mask(VALUES > 5)
        source.scales, source.offsets = (0.5,), (100.0,)
    made = store(path)
    with rasterio.open(made.path) as found:
        assert found.colormap(1)[1] == (10, 20, 30, 255)
        assert (found.dataset_mask() == np.where(VALUES > 5, 255, 0)).all()
        assert (found.scales, found.offsets) == ((0.5,), (100.0,))
    assert made.minimum == 6 and any("scale and offset" in note for note in made.notes)


def test_the_system_is_that_of_the_file_or_declared_but_never_guessed(tmp_path: Path) -> None:
    bare = geotiff(tmp_path / "a.tif", crs=None)
    assert refused(bare).rule == "crs"
    assert store(bare, crs="EPSG:4490").crs == "EPSG:4490"
    assert refused_after(tmp_path, geotiff(tmp_path / "b.tif"), crs="EPSG:4547").rule == "crs_conflict"
    assert store(geotiff(tmp_path / "c.tif", crs="EPSG:4326"), crs="EPSG:4490").crs == "EPSG:4326"  # one place by both names


def refused_after(folder: Path, source: Path, **more: Any) -> FileFault:
    """A refusal leaves what is stored as it was."""
    before = (folder / "store" / "dem.tif").read_bytes()
    with pytest.raises(FileFault) as told:
        store(source, **more)
    assert (folder / "store" / "dem.tif").read_bytes() == before
    assert [item.name for item in (folder / "store").iterdir()] == ["dem.tif"]
    return told.value


def test_a_world_file_places_a_tiff(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with rasterio.open(path, "w", driver="GTiff", width=4, height=3, count=1, dtype="float32") as made:
        made.write(VALUES, 1)
    assert refused(path, crs="EPSG:4490").rule == "raster_place"
    path.with_suffix(".tfw").write_text("0.01\n0\n0\n-0.01\n113.305\n34.825\n")
    assert store(path, crs="EPSG:4490").bbox4490 == pytest.approx((113.3, 34.8, 113.34, 34.83))


@pytest.mark.parametrize(
    ("transform", "rule"),
    [
        (from_origin(100, 20, 0.01, 0.01), "envelope"),
        (rasterio.Affine(0.01, 0, 34.8, 0, -0.01, 113.33), "raster_axes"),
        (rasterio.Affine(0.01, 0.001, 113.3, 0.001, -0.01, 34.83), "raster_rotated"),
    ],
)
def test_a_raster_in_the_wrong_place_is_refused(tmp_path: Path, transform: Any, rule: str) -> None:
    assert refused(geotiff(tmp_path / "a.tif", transform=transform)).rule == rule


def test_uneven_axes_have_no_place(tmp_path: Path) -> None:
    path = netcdf(tmp_path / "a.nc", ("lat", "lon"), [113.3, 113.31, 113.33, 113.34], YS, z=VALUES)
    assert refused(path, crs="EPSG:4490").rule == "raster_place"


def test_a_netcdf_with_several_variables_asks_which(tmp_path: Path) -> None:
    path = netcdf(tmp_path / "a.nc", ("lat", "lon"), XS, YS, z=VALUES[::-1], slope=VALUES * 2)
    told = refused(path, crs="EPSG:4490")
    assert told.rule == "variable" and sorted((told.value or "").split("、")) == ["slope", "z"]
    assert refused(path, crs="EPSG:4490", variable="aspect").rule == "variable"
    assert (pixels(store(path, crs="EPSG:4490", variable="z")) == VALUES).all()


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
@pytest.mark.parametrize("name", ["a.tif", "a.nc"])
def test_a_raster_cut_off_is_refused(tmp_path: Path, name: str, share: float) -> None:
    values = np.random.default_rng(1).random((300, 400)).astype("f4")
    if name == "a.tif":
        path = geotiff(tmp_path / name, values, transform=from_bounds(113.3, 34.8, 113.34, 34.83, 400, 300))
    else:
        path = netcdf(tmp_path / name, ("lat", "lon"), np.linspace(113.3, 113.34, 400), np.linspace(34.8, 34.83, 300), z=values)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    assert refused(path, crs="EPSG:4490").rule == "raster"


def test_a_broken_real_tiff_is_refused(realdata: Path, tmp_path: Path) -> None:
    data = (realdata / "raster" / "naip_nd_4band_2019_cog.tif").read_bytes()
    path = tmp_path / "a.tif"
    path.write_bytes(data[: len(data) - 40_000])
    assert refused(path, envelope=None).rule == "raster"


VRT = "<VRTDataset rasterXSize='4' rasterYSize='3'><VRTRasterBand><SimpleSource><SourceFilename>{}</SourceFilename></SimpleSource>"


@pytest.mark.parametrize("name", ["a.tif", "a.nc"])
def test_a_raster_in_disguise_is_not_opened(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    for content in (VRT.format("/etc/passwd"), "<GDAL_WMS></GDAL_WMS>", "%PDF-1.7", "PK\x03\x04", "x"):
        path.write_text(content)
        assert refused(path).rule == "content"
    path.write_text("")
    assert refused(path).rule == "empty"
    assert refused(tmp_path / "a.vrt").rule == "format"
    assert refused(tmp_path / "none.tif").rule == "file_missing"


@pytest.mark.parametrize("how", ["storage", "link", "virtual"])
def test_a_netcdf_never_hands_out_another_file(tmp_path: Path, how: str) -> None:
    secret = tmp_path / "secret.bin"
    secret.write_bytes(b"SECRETBYTES!")
    path = netcdf(tmp_path / "a.nc", (), XS, YS)
    other = netcdf(tmp_path / "other.nc", ("lat", "lon"), XS, YS, z=VALUES)
    with h5py.File(path, "a") as file:
        if how == "storage":
            made = file.create_dataset("z", shape=(3, 4), dtype="u1", external=[(str(secret), 0, 12)])
        elif how == "virtual":
            layout = h5py.VirtualLayout(shape=(3, 4), dtype="f4")
            layout[:] = h5py.VirtualSource(str(other), "z", shape=(3, 4))
            made = file.create_virtual_dataset("z", layout)
        else:
            file["z"] = h5py.ExternalLink(str(other), "z")
        if how != "link":
            made.dims[0].attach_scale(file["lat"])
            made.dims[1].attach_scale(file["lon"])
    if how == "storage":  # what the lock is for: the library itself follows
        with rasterio.open(path) as found:
            assert b"SECRET" in found.read(1)[::-1].tobytes()
    told = refused(path, crs="EPSG:4490")
    assert (told.rule, told.field) == ("content", "z")


def test_the_child_has_no_other_driver() -> None:
    skipped = set(environment(drivers=RASTER)["GDAL_SKIP"].split(","))
    assert {"VRT", "WMS", "HTTP", "HDF5", "GTI", "STACIT", "PDF"} <= skipped
    assert not {"GTiff", "netCDF", "COG", "MEM"} & skipped


def test_a_raster_that_unpacks_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    profile = {"driver": "GTiff", "width": 100_000, "height": 100_000, "count": 1, "dtype": "uint8", "sparse_ok": True, "tiled": True}
    with rasterio.open(path, "w", crs="EPSG:4490", transform=from_origin(113.3, 34.83, 1e-6, 1e-6), compress="deflate", **profile):
        pass
    assert path.stat().st_size < 2 << 20
    assert refused(path).rule == "too_large"


def test_complex_pixels_are_refused(tmp_path: Path) -> None:
    assert refused(geotiff(tmp_path / "a.tif", VALUES.astype("complex64"))).rule == "raster_type"


def test_nothing_is_left_when_the_child_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = geotiff(tmp_path / "a.tif")
    monkeypatch.setattr(launch, "SECONDS", 0.01)
    assert refused(path).rule == "reader_time"


def test_an_array_becomes_a_cog(tmp_path: Path) -> None:
    values = np.random.default_rng(1).random((1300, 900)).astype("f4")
    values[5, 5] = np.nan
    path = write_cog(tmp_path / "city" / "dem.tif", values, (113.3, 34.8, 113.4, 34.9), "EPSG:4490", np.nan)
    with rasterio.open(path) as found:
        assert np.array_equal(found.read(1), values, equal_nan=True)
        assert found.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert found.overviews(1) == [2, 4] and found.block_shapes == [(512, 512)]
        assert found.bounds == pytest.approx((113.3, 34.8, 113.4, 34.9)) and found.crs.to_epsg() == 4490
    assert [item.name for item in path.parent.iterdir()] == ["dem.tif"]
    again = write_cog(path, np.stack([values, values]), rasterio.Affine(0.1, 0, 113.3, 0, -0.1, 34.9), "EPSG:4490", None)
    with rasterio.open(again) as found:
        assert found.count == 2 and found.transform.a == 0.1
    with pytest.raises(ValueError, match="rows, columns"):
        write_cog(path, values[0], (0, 0, 1, 1), "EPSG:4490", None)
