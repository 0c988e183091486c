"""``/api/jobs`` and ``/api/imports``: whose jobs, what is taken, what a refused upload leaves, and imports by a real worker."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import Engine, text

from api.app import create_app
from data.importing import ImportSource, import_file
from layers.catalogue import Registry
from spatial.accounts.accounts import NewAccount, create
from spatial.accounts.model import Grant
from spatial.settings import load_settings
from tests.support.actors import HEADER, actor_of, speak_as
from tests.support.cluster import Server
from tests.support.jobs import Works, works
from tests.support.serving import serving
from tests.support.town import Town

GOOD = "编号,树种,x,y\nT1,银杏,114.01,34.81\nT2,国槐,114.011,34.811\n"
FAULTY = "编号,树种,x,y\nT1,银杏,114.01,34.81\n,国槐,114.011,34.811\nT3,侧柏,0,0\n"
FIELDS = {"layer": "ancient_tree", "city": "town", "x": "x", "y": "y", "crs": "EPSG:4490", "mapping": ["编号=code", "树种=species"]}


@dataclass
class Desk:
    """The application, somebody's requests to it, and what it keeps."""

    client: TestClient
    works: Works
    folder: Path
    again: Callable[[], FastAPI]

    def get(self, path: str, who: str = "gis") -> Response:
        return self.client.get(path, headers={HEADER: who})

    def post(self, path: str, who: str = "gis", **more: Any) -> Response:
        return self.client.post(path, headers={HEADER: who, **more.pop("headers", {})}, **more)

    def upload(self, content: str | bytes = GOOD, name: str = "古树.csv", who: str = "gis", **fields: Any) -> Response:
        data = content.encode() if isinstance(content, str) else content
        given = {key: value for key, value in (FIELDS | fields).items() if value is not None}
        return self.post("/api/imports", who, data=given, files={"file": (name, data)})

    def kept(self) -> list[str]:
        folder = self.folder / "uploads"
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) if folder.exists() else []

    def jobs(self, who: str = "gis") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/api/jobs", who).json()["jobs"]
        return found


@pytest.fixture(scope="module")
def desk(engine: Engine, server: Server, database: str, town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    house = works(engine, server.owner(database), folder)
    with engine.begin() as connection:
        admin = create(connection, NewAccount("sysadmin", "管", (Grant("sysadmin"),)))

    def again() -> FastAPI:
        app = create_app(load_settings({}, state_dir=folder, upload_mb=1), server.app(database), None, server.owner(database))
        speak_as(app, {"gis": actor_of(house.gis), "planner": actor_of(house.planner), "sysadmin": actor_of(admin)})
        return app

    with TestClient(again(), base_url="http://127.0.0.1:8000", raise_server_exceptions=False) as client:
        yield Desk(client, house, folder, again)


@pytest.fixture(autouse=True)
def nothing_left(desk: Desk) -> Iterator[None]:
    """Every test begins and ends without unfinished jobs, and then without files."""
    yield
    for who in ("gis", "planner"):
        for job in desk.jobs(who):
            if job["finished_at"] is None:
                assert desk.post(f"/api/jobs/{job['id']}/cancel", who).status_code == 200
    assert not [name for name in desk.kept() if "upload" in name]


def trees(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text("SELECT count(*) FROM layer.ancient_tree")) or 0)


def test_an_upload_becomes_a_job_that_only_its_owner_sees(desk: Desk, engine: Engine) -> None:
    answer = desk.upload(dry_run="true", title="普查")
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert answer.headers["location"] == f"/api/jobs/{job['id']}"
    assert (job["state"], job["place"], job["title"]["zh"]) == ("queued", 1, "古树.csv → 古树名木（试运行）")
    assert job["parameters"] == {
        "file": "古树.csv", "layer": "ancient_tree", "city": "town", "x": "x", "y": "y", "crs": "EPSG:4490", "title": "普查",
        "on_bad": "refuse", "dry_run": True, "mapping": [["编号", "code"], ["树种", "species"]], "constants": [],
    }  # fmt: skip
    assert len(desk.kept()) == 2 and desk.kept()[1].endswith("/upload.csv")
    assert desk.get(f"/api/jobs/{job['id']}").json() == job
    for path in (f"/api/jobs/{job['id']}", f"/api/jobs/{job['id']}/report"):
        assert desk.get(path, "planner").status_code == 404
    assert desk.post(f"/api/jobs/{job['id']}/cancel", "planner").status_code == 404
    assert job["id"] not in [other["id"] for other in desk.jobs("planner")]
    unknown, foreign = (desk.get(f"/api/jobs/{number}", "planner").json() for number in (job["id"] + 999, job["id"]))
    assert str(unknown).replace(str(job["id"] + 999), str(job["id"])) == str(foreign), "another's is unknown, to the letter"
    # the one who looks after the machine sees that it is there, and nothing of it
    seen = desk.get(f"/api/jobs/{job['id']}", "sysadmin").json()
    assert seen["state"] == "queued" and seen["actor"] == "li.gis"
    assert not {"title", "city", "parameters", "result", "message", "report", "stage"} & set(seen)
    assert desk.get(f"/api/jobs/{job['id']}/report", "sysadmin").status_code == 404
    gone = desk.post(f"/api/jobs/{job['id']}/cancel", "sysadmin")
    assert gone.json()["state"] == "cancelled" and not [name for name in desk.kept() if name.endswith(".csv")]
    assert desk.post(f"/api/jobs/{job['id']}/cancel").status_code == 409
    with engine.connect() as connection:
        told = text("SELECT action, actor_name FROM audit.entry WHERE object = :o ORDER BY id")
        assert [tuple(row) for row in connection.execute(told, {"o": f"job/{job['id']}"})] == [
            ("job.add", "li.gis"), ("job.cancel", "sysadmin"),
        ]  # fmt: skip


def test_an_account_has_so_many_unfinished_ones_and_no_more(desk: Desk) -> None:
    assert [desk.upload().status_code for _ in range(6)] == [202] * 5 + [429]
    assert desk.upload().json()["type"] == "urn:wanmi:problem:too-many-jobs"
    assert desk.upload(who="planner").status_code == 202, "others are not concerned"
    assert [job["place"] for job in desk.jobs() if job["place"]] == [5, 4, 3, 2, 1]
    assert len([name for name in desk.kept() if name.endswith(".csv")]) == 6
    page = desk.get("/api/jobs?limit=2").json()
    after = desk.get(f"/api/jobs?limit=2&before={page['next']}").json()
    assert [job["id"] for job in page["jobs"] + after["jobs"]] == [job["id"] for job in desk.jobs()[:4]]


@pytest.mark.parametrize(
    ("fields", "name", "field"),
    [
        ({"layer": None}, "a.csv", "layer"),
        ({"layer": ["ancient_tree", "park"]}, "a.csv", "layer"),
        ({"city": "a\x00b"}, "a.csv", "city"),
        ({"on_bad": "repair"}, "a.csv", "on_bad"),
        ({"dry_run": "maybe"}, "a.csv", "dry_run"),
        ({"datum": "mars"}, "a.csv", "datum"),
        ({"mapping": "no sign"}, "a.csv", "mapping"),
        ({"constants": "=x"}, "a.csv", "constants"),
        ({"actor": "1"}, "a.csv", "actor"),
        ({"title": "x" * 1001}, "a.csv", "title"),
        ({"title": "x" * 5000}, "a.csv", "title"),
        ({}, "a.exe", "file"),
        ({}, "a.shp", "file"),
        ({}, "noending", "file"),
        ({}, "a\u202efdp.csv", "file"),
        ({}, "x" * 300 + ".csv", "file"),
        ({}, "..", "file"),
    ],
)
def test_wrong_fields_and_names_are_refused_by_name(desk: Desk, fields: dict[str, Any], name: str, field: str) -> None:
    answer = desk.upload(name=name, **fields)
    assert (answer.status_code, answer.json()["field"]) == (400, field), answer.text
    assert answer.json()["detail"] and answer.json()["detail_en"]


def test_names_lead_nowhere(desk: Desk) -> None:
    for name in ("../../../etc/cron.d/树.csv", "C:\\windows\\树.csv", "/etc/树.csv", "….csv", "'; DROP TABLE job.job;--.csv"):
        job = desk.upload(name=name).json()
        assert "/" not in job["parameters"]["file"] and "\\" not in job["parameters"]["file"]
        desk.post(f"/api/jobs/{job['id']}/cancel")
    assert desk.upload(name="a.csv", layer="no_such").status_code == 404


def test_what_is_no_form_with_one_file_is_refused(desk: Desk) -> None:
    assert desk.post("/api/imports", json={"layer": "park"}).status_code == 415
    assert desk.post("/api/imports", content=b"x", headers={"Content-Type": "multipart/form-data"}).status_code == 415
    broken = {"Content-Type": "multipart/form-data; boundary=b"}
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    for name in (b"a\x07.csv", b"\xff\xfe.csv", b"a\x00.csv"):  # clients of good manners would not send these
        body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="' + name + b'"\r\n\r\nx\r\n--b--\r\n'
        assert desk.post("/api/imports", content=body, headers=broken).status_code == 400
    for body in (b"", b"garbage", head, head + b"cut off", b"--b\r\n\r\n\r\n--b--\r\n", b"--b--\r\n"):
        answer = desk.post("/api/imports", content=body, headers=broken)
        assert answer.status_code == 400, (body, answer.text)
    two = [("file", ("a.csv", b"a")), ("file", ("b.csv", b"b"))]
    assert desk.post("/api/imports", data={"layer": "park"}, files=two).json()["type"].endswith("one-file")
    assert desk.post("/api/imports", files={"data": ("a.csv", b"a")}).json()["type"].endswith("unknown-parameter")
    assert desk.post("/api/imports", files={"layer": (None, b"park")}).json()["type"].endswith("one-file")
    assert desk.post("/api/imports", files={"file": (None, b"park")}).json()["type"].endswith("one-file")
    assert desk.upload(b"").json()["type"].endswith("empty")
    packed = desk.post("/api/imports", content=b"x", headers=broken | {"Content-Encoding": "gzip"})
    assert packed.status_code == 415 and packed.json()["type"].endswith("content-encoding")
    assert desk.jobs() == [job for job in desk.jobs() if job["finished_at"]]


def test_too_large_is_counted_and_not_believed(desk: Desk) -> None:
    answer = desk.upload(b"x" * (3 << 20))
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:wanmi:problem:too-large")

    def pieces() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        for _ in range(64):
            yield b"x" * 65536

    # without a length in its head
    streamed = desk.post("/api/imports", content=pieces(), headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert streamed.status_code == 413
    assert desk.post("/api/measure", content=b"x" * (2 << 20)).status_code == 413, "other routes keep their limit"


def test_a_broken_off_upload_leaves_nothing(desk: Desk) -> None:
    with serving(desk.again()) as origin:
        host, port = origin.removeprefix("http://").split(":")
        head = (
            f"POST /api/imports HTTP/1.1\r\nHost: {host}:{port}\r\n{HEADER}: gis\r\nContent-Length: 500000\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
            '--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        )
        with socket.create_connection((host, int(port))) as line:
            line.sendall(head.encode() + b"x" * 100_000)
            while not [name for name in desk.kept() if name.endswith(".csv")]:
                pass
    # the server has ended by now, and so has the request
    assert not [name for name in desk.kept() if name.endswith(".csv")]


def told_by_the_command(engine: Engine, registry: Registry, folder: Path, content: str, **options: Any) -> dict[str, Any]:
    """What ``wanmi import --report`` writes for the same file."""
    path = folder / "古树.csv"
    path.write_text(content, "utf-8")
    pairs = [("编号", "code"), ("树种", "species")]
    report = import_file(engine, registry, "town", ImportSource(path, "ancient_tree", pairs, x="x", y="y", crs="EPSG:4490", **options))
    report.write(folder / "report.json")
    found: dict[str, Any] = json.loads((folder / "report.json").read_text("utf-8"))
    return found


def test_imports_end_to_end(desk: Desk, engine: Engine, registry: Registry, tmp_path: Path) -> None:
    before = trees(engine)
    same = told_by_the_command(engine, registry, tmp_path, FAULTY, dry_run=True)
    with desk.works.worker(house=True):
        refused = desk.works.ended(desk.upload(FAULTY, dry_run="true").json()["id"])
        wrong = desk.works.ended(desk.upload("{}", name="古树.geojson", mapping=None, x=None, y=None).json()["id"])
        assert trees(engine) == before
        aside = desk.works.ended(desk.upload(FAULTY, on_bad="set_aside").json()["id"])
    shown = desk.get(f"/api/jobs/{refused.id}").json()
    assert (shown["state"], shown["result"]["refused"], shown["message"]["zh"]) == ("failed", 2, "3 行中有 2 行不合格，整份未写入")
    answer = desk.get(f"/api/jobs/{refused.id}/report")
    assert "attachment" in answer.headers["content-disposition"]
    report = answer.json()
    assert report | {"seconds": 0} == same | {"seconds": 0}
    assert [(row["row"], row["field"], row["rule"]) for row in report["rows"]] == [
        (2, "code", "required"),
        (3, "geometry", "geometry_envelope"),
    ]
    assert wrong.state == "failed" and wrong.message is not None and desk.get(f"/api/jobs/{wrong.id}/report").json()["failed"]
    assert (aside.state, aside.result and aside.result["written"], trees(engine)) == ("succeeded", 1, before + 1)
    assert aside.message is not None and aside.message.zh == "读取 3 行，写入 1 行；2 行不合格，放在一边"
    with engine.connect() as connection:
        told = connection.execute(text("SELECT actor_name, object, detail ->> 'job' FROM audit.entry WHERE action = 'import'")).all()
        source = connection.scalar(text("SELECT files[1] FROM wanmi.dataset WHERE layer = 'ancient_tree'"))
    assert [tuple(row) for row in told] == [("li.gis", "layer/ancient_tree", str(aside.id))]
    assert source == "古树.csv"


def test_a_city_that_is_not_seen_is_not_there(desk: Desk) -> None:
    answer = desk.upload(city="atlantis")
    assert (answer.status_code, answer.json()["field"]) == (404, "city")


def test_what_may_be_uploaded_is_told(desk: Desk) -> None:
    told = desk.get("/api/imports/options").json()
    assert told["most_bytes"] == 1 << 20 and ".zip" in told["endings"] and ".shp" not in told["endings"]
