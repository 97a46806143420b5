"""Which browsers may speak to Córtex's own paths."""

import doctest
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.endpoint import visitors
from cortex.endpoint.visitors import acts, is_known, is_own, presented, refusal, visitor

HERE = "127.0.0.1:4747"


def let_in(method="GET", *, asks_key=False, **headers):
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return refusal(method, given, ("desk.lan",), asks_key=asks_key) is None


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_program_is_let_in_whatever_name_it_uses(method):
    assert let_in(method, Host="evil.example")
    assert let_in(method)


@pytest.mark.parametrize(
    "host", [HERE, "localhost:1", "[::1]:4747", "10.0.0.9", "desk.lan:4747", "LOCALHOST", "a.localhost"]
)
def test_a_browser_is_let_in_by_names_that_no_stranger_can_point_here(host):
    assert let_in(Host=host, Sec_Fetch_Site="same-origin")
    assert let_in("POST", Host=host, Origin=f"http://{host}", Sec_Fetch_Site="same-origin")


@pytest.mark.parametrize(
    "host", ["evil.example:4747", "localhost.evil.example", "", "127.0.0.1.evil.example", "a b", "[::1"]
)
def test_a_browser_is_refused_by_any_other_name(host):
    assert not let_in(Host=host, Sec_Fetch_Site="same-origin")
    assert not let_in(Host=host, Origin=f"http://{host}")


def test_where_a_key_is_asked_for_any_name_will_do_and_the_rest_still_holds():
    assert let_in(asks_key=True, Host="nas.home:4747", Sec_Fetch_Site="same-origin")
    assert let_in("POST", asks_key=True, Host="nas.home", Origin="https://nas.home")
    assert not let_in("POST", asks_key=True, Host="nas.home", Origin="https://evil.example")


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "http://127.0.0.1:8080", "null", "file://", "http://", "ftp://127.0.0.1:4747", "x"],
)
def test_a_page_of_another_origin_is_refused_reading_too(origin):
    assert not let_in(Host=HERE, Origin=origin)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_acts_is_refused_from_another_site_and_a_link_may_be_followed(site):
    assert not let_in("POST", Host=HERE, Sec_Fetch_Site=site)
    assert not let_in("DELETE", Host=HERE, Sec_Fetch_Site=site)
    assert let_in("GET", Host=HERE, Sec_Fetch_Site=site)
    assert let_in("POST", Host=HERE, Sec_Fetch_Site="none")


def test_a_default_port_may_be_left_out():
    assert let_in(Host="localhost:80", Origin="http://localhost")
    assert let_in(Host="localhost", Origin="https://localhost:443")


@given(host=st.text(max_size=40), origin=st.text(max_size=40), site=st.text(max_size=12))
def test_whatever_stands_in_the_headers_there_is_a_verdict(host, origin, site):
    refused = refusal("POST", {"Host": host, "Origin": origin, "Sec-Fetch-Site": site}, (), asks_key=False)

    assert refused is None or refused.status == 403
    if refused is None:
        assert is_known(host, ())


def test_paths_of_models_are_held_to_nothing():
    assert not is_own("/v1/chat/completions")
    assert not is_own("/health")
    assert is_own("/cortex/v1/live")
    assert is_own("/dashboard/")


@given(key=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60))
def test_a_websocket_brings_its_key_as_a_subprotocol(key):
    coded = urlsafe_b64encode(key.encode()).decode().rstrip("=")

    assert presented({"Sec-WebSocket-Protocol": f"cortex.v1, key.{coded}"}) == key.encode()


@pytest.mark.parametrize("offered", ["", "cortex.v1", "key.", "key.é", "key.A", "key"])
def test_what_is_no_key_among_the_subprotocols_is_none(offered):
    assert presented({"Sec-WebSocket-Protocol": offered}) == b""


def test_a_header_goes_before_a_subprotocol():
    assert presented({"Authorization": "Bearer one", "Sec-WebSocket-Protocol": "key.dHdv"}) == b"one"


def test_a_visitor_is_told_by_address_and_the_end_of_the_key():
    class Http:
        remote = "10.0.0.3"
        headers = {"Authorization": "Bearer sk-0123456789-wxyz"}  # noqa: RUF012  a stand-in

    assert visitor(Http()) == "10.0.0.3 (***wxyz)"
    Http.headers = {}
    assert visitor(Http()) == "10.0.0.3"


@pytest.mark.parametrize(
    ("method", "path", "is_action"),
    [
        ("POST", "/cortex/v1/workers", True),
        ("DELETE", "/cortex/v1/workers/gemini%2F1", True),
        ("PUT", "/cortex/v1/no/such/path", True),
        ("POST", "/cortex/v1/requests/1/feedback/", True),
        ("GET", "/cortex/v1/workers", False),
        ("POST", "/cortex/v1/requests/1/feedback", False),
        ("POST", "/v1/chat/completions", False),
    ],
)
def test_an_action_is_what_changes_something_of_cortex(method, path, is_action):
    assert acts(method, path) is is_action


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(visitors).failed == 0
