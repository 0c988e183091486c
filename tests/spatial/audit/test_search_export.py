"""Rows are found by every condition, page by page, and leave as files that no spreadsheet computes."""

from __future__ import annotations

import ast
import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from spatial.audit.export import FORMULA, csv_chunks, guarded, write_xlsx
from spatial.audit.record import Entry, record
from spatial.audit.search import Filters, FiltersRefused, Place, all_pages, find, parse_moment
from spatial.audit.words import ACTIONS
from tests.conftest import ROOT
from tests.support.people import add_person


@pytest.fixture(scope="module")
def people(engine: Engine) -> dict[str, int]:
    found = {name: add_person(engine, name).id for name in ("li", "wang")}
    entries = [
        Entry("login", "ok", found["li"], "li", "10.1.2.3", "account/li"),
        Entry("login", "refused", None, "lix", "10.9.0.1", "account/lix", {"reason": "没有这个账户"}),
        Entry("account.add", "ok", found["wang"], None, "10.1.7.7", "account/zhao", {"roles": ["gis"]}),
        Entry("account.password", "ok", found["wang"], None, "10.1.7.7", "account/zhao"),
        Entry("restore", "ok", None, "root@localhost", None, None, {"from": "=HYPERLINK(1)"}),
    ]
    for entry in entries:
        with engine.begin() as connection:
            record(connection, entry)
    return found


def ids(engine: Engine, **conditions: Any) -> list[int]:
    with engine.connect() as connection:
        return [row.id for row in find(connection, Filters(**conditions), 100).rows]


def test_each_condition(engine: Engine, people: dict[str, int]) -> None:
    assert ids(engine) == [5, 4, 3, 2, 1]
    assert ids(engine, actor="li") == [1] and ids(engine, actor="LI") == [1] and ids(engine, actor="root@localhost") == [5]
    assert ids(engine, account=people["wang"]) == [4, 3]
    assert ids(engine, action="account") == [4, 3] and ids(engine, action="account.add") == [3] and ids(engine, action="acc") == []
    assert ids(engine, result="refused") == [2]
    assert ids(engine, object="zhao") == [4, 3]
    assert ids(engine, address="10.1.0.0/16") == [4, 3, 1] and ids(engine, address="10.9.0.1") == [2]
    assert ids(engine, words="没有这个") == [2] and ids(engine, words="GIS") == [3] and ids(engine, words="%") == []
    assert ids(engine, actor="' OR true --") == [] and ids(engine, words="\\") == []
    now = datetime.now(UTC)
    assert ids(engine, since=now) == [] and ids(engine, until=now) == [5, 4, 3, 2, 1]
    with pytest.raises(FiltersRefused, match="address"):
        Filters(address="10.1.2.999")


def test_pages_follow_one_another_without_gap_or_repetition(engine: Engine, people: dict[str, int]) -> None:
    """Rows of the same microsecond included."""
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO audit.entry (action, result, at) SELECT 'edit', 'ok', :at FROM generate_series(1, 50)"),
                           {"at": datetime.now(UTC) - timedelta(days=1)})  # fmt: skip
    whole = ids(engine, action="edit")
    assert len(whole) == 50
    for size in (1, 7, 49, 50, 51):
        pages = list(all_pages(engine, Filters(action="edit"), size))
        assert [row.id for page in pages for row in page] == whole
    place = Place.of("2026-11-21T09:30:00+00:00~7")
    assert Place.of(str(place)) == place
    for bad in ("", "~", "2026-11-21~1", "2026-11-21T09:30:00+00:00~0", "x~7", f"2026-11-21T09:30:00+00:00~{2**63}"):
        with pytest.raises(FiltersRefused):
            Place.of(bad)


@given(st.text(max_size=40))
def test_a_moment_is_read_or_refused(given_: str) -> None:
    try:
        assert parse_moment(given_, "from").tzinfo is not None
    except FiltersRefused as error:
        assert error.zh and error.en


@given(st.text(max_size=20))
def test_no_cell_begins_a_formula(value: str) -> None:
    assert not guarded(value).startswith(FORMULA)
    assert guarded(value).endswith(value)


def rows(*details: str) -> Iterator[list[Any]]:
    at = datetime(2026, 11, 21, 1, 30, tzinfo=UTC)
    yield [
        SimpleNamespace(
            id=n, at=at, action="login", result="ok", actor=1, actor_name=detail, actor_title=None, address="10.1.2.3", object=detail,
            detail={"x": detail}, sealed=True,
        )
        for n, detail in enumerate(details)
    ]  # fmt: skip


NASTY = ("=1+1", "+1", "-1", "@x", "\tx", "\rx", "＝1", "＠x", 'a"b,c', "多行\n文字", "\x07bell", "y" * 40_000)


def test_a_csv_is_read_as_it_was_written() -> None:
    data = b"".join(csv_chunks(rows(*NASTY)))
    assert data.startswith(b"\xef\xbb\xbf")
    read = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert len(read) == len(NASTY) + 1 and len({len(line) for line in read}) == 1
    for value, line in zip(NASTY, read[1:], strict=True):
        assert line[9] == (f"'{value}" if value.startswith(FORMULA) else value)
        assert line[1] == "2026-11-21 09:30:00.000" and line[2].startswith("登录")


def test_an_xlsx_holds_texts_only(tmp_path: Path) -> None:
    assert write_xlsx(rows(*NASTY), tmp_path / "a.xlsx") == len(NASTY)
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").active
    cells = [cell for line in sheet.iter_rows() for cell in line]
    assert {cell.data_type for cell in cells if cell.value is not None} <= {"s", "inlineStr"}
    objects = [sheet.cell(number, 10).value for number in range(2, len(NASTY) + 2)]
    assert objects[0] == "'=1+1" and objects[6] == "'＝1" and objects[10] == "\\x07bell"
    assert len(objects[11]) == 32_767 and objects[11].endswith("cut]")


def test_a_full_sheet_is_followed_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spatial.audit.export.MOST_XLSX_ROWS", 3)
    assert write_xlsx(rows(*"abcdefg"), tmp_path / "a.xlsx") == 7
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    assert [sheet.max_row for sheet in book.worksheets] == [4, 4, 2]


def test_every_recorded_action_has_a_name() -> None:
    """Whatever the house records, by ``Entry("…")`` or in SQL, people read in their own words."""
    for folder in ("spatial", "data", "cases", "api"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Entry":
                    first = node.args[0] if node.args else next((each.value for each in node.keywords if each.arg == "action"), None)
                    if isinstance(first, ast.Constant):
                        assert first.value in ACTIONS, f"{path.relative_to(ROOT)}: {first.value} has no name in spatial/audit/words.py"
