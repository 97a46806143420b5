"""Which path is answered by what, and what is said where nothing answers."""

import pytest
from fleet import standing
from hypothesis import given
from hypothesis import strategies as st
from page_house import House

from cortex.endpoint.pages import MANAGEMENT

GETS = [
    *("/", "/livez", "/readyz", "/health", "/metrics", "/v1/models", "/api/tags", "/api/ps", "/api/version"),
    *(
        f"/cortex/v1/{name}"
        for name in ("tree", "requests", "config", "keys", "models", "history", "snapshot", "requests/r-1")
    ),
    *("/dashboard", "/dashboard/", "/dashboard/0123/main.js"),
    "/v1/models/meta/llama:8b",
]


@pytest.mark.parametrize("path", GETS)
def test_what_may_be_got_may_be_headed_and_nothing_else(path):
    pages = House().pages

    assert callable(pages.find("GET", path))
    assert callable(pages.find("HEAD", path))
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        problem = pages.find(method, path)
        assert (problem.status, problem.code) == (405, "method_not_allowed")
        assert "use GET" in problem.message


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/chat/completions", 405),
        ("PUT", "/api/chat", 405),
        ("GET", "/api/show", 405),
        ("HEAD", "/cortex/v1/events", 405),
        ("HEAD", "/cortex/v1/live", 405),
        ("DELETE", "/cortex/v1/workers", 405),
        ("PUT", "/cortex/v1/workers/desk", 405),
        ("GET", "/cortex/v1/workers/desk/drain", 405),
        ("POST", "/cortex/v1/workers/desk/explode", 405),
        ("POST", "/v1/models/x", 405),
        ("GET", "/v1/nothing", 404),
        ("GET", "/api", 404),
        ("GET", "/cortex/v1/", 404),
        ("GET", "//", 404),
        *(("POST", path, 501) for path in MANAGEMENT),
        ("HEAD", "/api/blobs/sha256:00", 501),
    ],
)
def test_where_nothing_answers_it_is_said_what_is_wrong(method, path, status):
    assert House().pages.find(method, path).status == status


@given(method=st.sampled_from(["GET", "HEAD", "POST", "DELETE", "OPTIONS", "X"]), path=st.text(max_size=60))
def test_every_method_and_path_has_a_page_or_a_problem(method, path):
    found = House().pages.find(method, "/" + path)

    assert callable(found) or (found.status in {404, 405, 501} and found.message)


async def test_names_in_paths_are_unquoted():
    house = House(standing("groq/home", local=False))

    assert (await house.get("/cortex/v1/workers/groq%2Fhome"))[1]["name"] == "groq/home"
    assert (await house.get("/cortex/v1/workers/groq/home"))[1]["name"] == "groq/home"
