"""The files of the page, as they go out."""

import gzip
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from zipfile import ZipFile

import pytest
from flit_core.wheel import make_wheel_in

from cortex.endpoint import dashboard_files
from cortex.endpoint.dashboard_files import DashboardFiles, wants_html
from cortex.endpoint.dialect import BadRequest

STYLE = "html { background: #fff }"
INDEX = f'<!doctype html><style>{STYLE}</style><script type="module" src="@HASH@/main.js"></script>'
MAIN = "import './rows.js';\n" * 40


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "index.html").write_text(INDEX)
    (tmp_path / "main.js").write_text(MAIN)
    (tmp_path / "notes.md").write_text("not served")
    return tmp_path


class Answer:
    """What went out."""

    def whole(self, status, content_type, body, headers=""):
        self.status, self.type, self.body = status, content_type, body
        self.headers = dict(line.split(": ", 1) for line in headers.splitlines())


async def got(page, *arguments, accept_encoding=""):
    answer = Answer()
    await page(SimpleNamespace(headers={"Accept-Encoding": accept_encoding}), answer, *arguments)
    return answer


async def test_the_page_names_its_files_by_the_hash_of_all_of_them(folder):
    files = DashboardFiles(folder)

    answer = await got(files.index)

    assert f'src="{files.hash}/main.js"' in answer.body.decode()
    assert answer.headers["Cache-Control"] == "no-cache"


async def test_the_page_may_load_and_do_nothing_but_its_own(folder):
    answer = await got(DashboardFiles(folder).index)

    policy = answer.headers["Content-Security-Policy"]
    digest = b64encode(sha256(STYLE.encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"style-src 'self' 'sha256-{digest}';" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


async def test_a_file_is_kept_for_a_year_and_packed_where_that_is_taken(folder):
    files = DashboardFiles(folder)

    plain = await got(files.file, files.hash, "main.js")
    packed = await got(files.file, files.hash, "main.js", accept_encoding="br, gzip")

    assert plain.body.decode() == MAIN
    assert plain.type.startswith("text/javascript")
    assert "immutable" in plain.headers["Cache-Control"]
    assert gzip.decompress(packed.body).decode() == MAIN
    assert packed.headers["Content-Encoding"] == "gzip"
    assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize("name", ["index.html", "notes.md", "../secret", "nothing.js"])
async def test_what_is_none_of_its_files_is_not_there(folder, name):
    files = DashboardFiles(folder)
    with pytest.raises(BadRequest) as refused:
        await got(files.file, files.hash, name)
    assert refused.value.problem.status == 404


async def test_a_file_of_another_version_is_not_there(folder):
    with pytest.raises(BadRequest):
        await got(DashboardFiles(folder).file, "0123456789abcdef", "main.js")


def test_the_hash_is_of_every_file(folder):
    before = DashboardFiles(folder).hash
    assert DashboardFiles(folder).hash == before

    (folder / "main.js").write_text(MAIN + " ")

    assert DashboardFiles(folder).hash != before


async def test_a_package_without_the_files_says_so(tmp_path):
    with pytest.raises(BadRequest) as refused:
        await got(DashboardFiles(tmp_path / "none").index)
    assert refused.value.problem.status == 503


def test_a_wheel_has_every_file_of_the_page(tmp_path):
    here = Path(dashboard_files.__file__).with_name("dashboard")

    wheel = make_wheel_in(here.parents[2] / "pyproject.toml", tmp_path).file

    packed = {name.rpartition("/")[2] for name in ZipFile(wheel).namelist() if "/dashboard/" in name}
    assert packed == {path.name for path in here.iterdir()}


async def test_the_package_has_its_page():
    answer = await got(DashboardFiles().index)

    assert answer.type == "text/html; charset=utf-8"
    assert b"@HASH@" not in answer.body


@pytest.mark.parametrize(
    ("accept", "is_browser"),
    [("text/html,application/xhtml+xml,*/*;q=0.8", True), ("*/*", False), ("application/json", False), ("", False)],
)
def test_a_browser_is_told_by_what_it_takes(accept, is_browser):
    assert wants_html(SimpleNamespace(headers={"Accept": accept})) is is_browser
