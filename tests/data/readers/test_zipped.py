"""Shapefiles in a ZIP: names of any code page, one chosen of several, hostile archives refused before they are unpacked."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
import shapely

from data.readers import archive as archive_module
from data.readers.archive import open_archive
from data.readers.launch import read_file
from data.report import FileFault
from tests.data.files import dbf, shapefile


class LocalName(zipfile.ZipInfo):
    """A member named in a local code page without the flag, as Windows and old tools write it."""

    raw = b""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return self.raw, self.flag_bits & ~0x800


def parts(folder: Path, name: str, *texts: str, encoding: str = "gbk", language: int = 0x4D) -> dict[str, bytes]:
    rows = [[text.encode(encoding)] for text in texts]
    points = [(113.3 + number / 100, 34.8) for number in range(len(rows))]
    path = shapefile(folder / f"{name}.shp", points, dbf([("NAME", "C", 20)], rows, language))
    return {name + suffix: path.with_suffix(suffix).read_bytes() for suffix in (".shp", ".shx", ".dbf")}


def packed(path: Path, members: dict[str, bytes], encoding: str | None = None, **more: Any) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            if encoding is None:
                file.writestr(name, content)
                continue
            info = LocalName(name)
            info.raw, info.compress_type = name.encode(encoding), zipfile.ZIP_DEFLATED
            file.writestr(info, content)
    return path


def refused(path: Path, **more: Any) -> FileFault:
    with pytest.raises(FileFault) as told:
        read_file(path, **more)
    return told.value


@pytest.mark.parametrize("encoding", [None, "gbk", "utf-8"])
def test_names_of_any_code_page(tmp_path: Path, encoding: str | None) -> None:
    members = parts(tmp_path, "公共厕所", "槐", "柳")
    path = packed(tmp_path / "a.zip", {f"校园/数据/{name}": data for name, data in members.items()}, encoding)
    found = read_file(path)
    assert found.columns == {"NAME": ["槐", "柳"]}
    assert shapely.get_x(shapely.from_wkb(found.geometry)).tolist() == [113.3, 113.31]
    assert found.notes[0].startswith("压缩包中的 校园/数据/公共厕所.shp")


def test_big5_names_and_attributes(tmp_path: Path) -> None:
    members = parts(tmp_path, "臺北市公園路燈管理處", "臺北市公園", encoding="cp950", language=0x4F)
    path = packed(tmp_path / "a.zip", members, "cp950")
    assert read_file(path, source_layer="臺北市公園路燈管理處").columns["NAME"] == ["臺北市公園"]


def test_several_ask_which_and_one_is_chosen_by_name_or_path(tmp_path: Path) -> None:
    one, two = parts(tmp_path, "trees", "槐"), parts(tmp_path, "lamps", "灯")
    again = {f"old/{name}": data for name, data in parts(tmp_path, "trees", "旧槐").items()}
    path = packed(tmp_path / "a.zip", one | two | again | {"readme.txt": b"x", "__MACOSX/._trees.shp": b"x", "._lamps.shp": b"x"})
    told = refused(path)
    assert (told.rule, told.value) == ("source_layer", "trees、lamps、old/trees")
    assert read_file(path, source_layer="lamps").columns["NAME"] == ["灯"]
    assert read_file(path, source_layer="old/trees").columns["NAME"] == ["旧槐"]
    assert read_file(path, source_layer="trees").columns["NAME"] == ["槐"]
    assert refused(path, source_layer="roads").value == "roads"


def test_suffixes_in_capitals_and_prj(tmp_path: Path) -> None:
    members = {name.upper(): data for name, data in parts(tmp_path, "a", "x").items()} | {"A.PRJ": b'GEOGCS["x"]'}
    assert read_file(packed(tmp_path / "b.zip", members)).crs == 'GEOGCS["x"]'


@pytest.mark.parametrize("missing", [".shx", ".dbf"])
def test_a_missing_part_is_named(tmp_path: Path, missing: str) -> None:
    members = parts(tmp_path, "树", "x")
    del members["树" + missing]
    told = refused(packed(tmp_path / "a.zip", members))
    assert (told.rule, told.value) == ("shapefile_part", "树" + missing)


def test_an_archive_without_shapefile(tmp_path: Path) -> None:
    told = refused(packed(tmp_path / "a.zip", {"a.geojson": b"{}"}))
    assert (told.rule, told.value) == ("source_layer", "a.geojson")


@pytest.mark.parametrize("name", ["../a.shp", "b/../../a.shp", "/etc/a.shp", "\\a.shp", "C:\\a.shp", "..\\a.shp"])
def test_a_path_out_of_the_archive_is_refused(tmp_path: Path, name: str) -> None:
    told = refused(packed(tmp_path / "a.zip", parts(tmp_path, "a", "x") | {name: b"x"}))
    assert told.rule == "zip_member" and name in (told.value or "")


def test_a_link_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", parts(tmp_path, "a", "x"))
    with zipfile.ZipFile(path, "a") as file:
        info = zipfile.ZipInfo("b.shp")
        info.external_attr = 0o120777 << 16
        file.writestr(info, "/etc/passwd")
    assert (refused(path).rule, refused(path).value) == ("zip_member", "b.shp")


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", parts(tmp_path, "a", "x"))
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02")
    data[at + 8] |= 1
    path.write_bytes(data)
    assert "encrypted" in refused(path).en


def test_a_name_twice_is_refused(tmp_path: Path) -> None:
    members = parts(tmp_path, "a", "x")
    path = packed(tmp_path / "a.zip", members | {"A.SHP": b"x"})
    assert read_file(path, source_layer="a").columns["NAME"] == ["x"]  # another file where names differ in case
    with zipfile.ZipFile(path, "a") as file, pytest.warns(UserWarning, match="Duplicate"):
        file.writestr("a.shp", b"y")
    assert "twice" in refused(path).en


def test_a_bomb_is_refused_by_what_it_says_and_by_what_it_does(tmp_path: Path) -> None:
    members = parts(tmp_path, "a", "x")
    path = packed(tmp_path / "a.zip", members | {"b.dbf": bytes(80 << 20)})
    assert len(read_file(path)) == 1  # what is not asked for is not unpacked
    path = packed(tmp_path / "b.zip", members | {"a.dbf": members["a.dbf"] + bytes(80 << 20)})
    told = refused(path)
    assert (told.rule, told.field) == ("zip_bomb", "a.dbf")
    with pytest.raises(FileFault) as large, open_archive(path, 1 << 20):
        pass
    assert large.value.rule == "zip_bomb"


def test_a_member_that_lies_about_its_size_is_counted_as_produced(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", {"a.shp": bytes(3 << 20)})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 24 : data.index(b"PK\x01\x02") + 28] = struct.pack("<I", 100)
    path.write_bytes(data)
    with pytest.raises(FileFault) as told, open_archive(path, 1 << 20) as archive:
        archive.unpack("a.shp", tmp_path / "out")
    assert told.value.rule in ("zip_bomb", "zip")
    assert (tmp_path / "out").stat().st_size <= 1 << 20


def test_too_many_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_module, "MOST_MEMBERS", 3)
    path = packed(tmp_path / "a.zip", {f"{number}": b"" for number in range(4)})
    with pytest.raises(FileFault) as told, open_archive(path, 1 << 20):
        pass
    assert (told.value.rule, told.value.value) == ("zip", "4")


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_an_archive_cut_off_is_refused(tmp_path: Path, share: float) -> None:
    path = packed(tmp_path / "a.zip", parts(tmp_path, "a", "x"))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    assert refused(path).rule == "zip"


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
        for name, content in parts(tmp_path, "a", "x").items():
            file.writestr(name, content)
    data = bytearray(path.read_bytes())
    data[data.index(b"NAME")] ^= 1
    path.write_bytes(data)
    told = refused(path)
    assert (told.rule, told.field) == ("zip", "a.dbf")


def test_a_disguise_is_refused_outside_and_inside(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_text("<OGRVRTDataSource/>")
    assert refused(path).rule == "content"
    members = parts(tmp_path, "a", "x") | {"a.shp": b"<OGRVRTDataSource>" + b" " * 200}
    assert refused(packed(path, members)).rule == "content"
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as file:
        file.writestr("a.shp", b"x")
    assert refused(packed(path, {"inner.zip": inner.getvalue()})).rule == "source_layer"
