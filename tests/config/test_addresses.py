"""URLs of upstreams and the forms of OLLAMA_HOST."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.config import addresses
from cortex.config.addresses import UrlError, base_url, instance, is_local, is_loopback, ollama_url


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("", None),
        ("rack", "http://rack:11434"),
        ("rack:8000", "http://rack:8000"),
        (":8000", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8000", "http://127.0.0.1:8000"),
        ("[::]:8000", "http://[::1]:8000"),
        ("::1", "http://[::1]:11434"),
        ("10.0.0.9", "http://10.0.0.9:11434"),
        ("http://rack:11434/", "http://rack:11434"),
        ("http://rack", "http://rack"),
        ("https://rack", "https://rack"),
        ("https://rack:8443/ollama/", "https://rack:8443/ollama"),
        (" rack ", "http://rack:11434"),
        ("ftp://rack", None),
        ("rack:port", None),
        ("rack:99999", None),
        ("a b", None),
        ("http://", None),
    ],
)
def test_every_form_of_ollama_host_is_read(text, url):
    if url is None:
        with pytest.raises(UrlError):
            ollama_url(text)
    else:
        assert ollama_url(text) == url


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("http://user:hunter2@rack", "a URL with a user name in it"),
        ("user:hunter2@rack.example", "a URL with a user name in it"),
        ("http://rack/?key=hunter2", "a URL with a query or fragment"),
        ("http://rack/#hunter2", "a URL with a query or fragment"),
        ("http://rack:hunter2", "a URL with a wrong host or port"),
        ("http://[rack", "a URL with a wrong host or port"),
        ("http://rack:0", "a URL with port 0"),
        ("http:///v1", "a URL without a host"),
        ("http://169.254.169.254/latest", "the address of a cloud's credentials service"),
        ("http://metadata.google.internal", "the address of a cloud's credentials service"),
        ("file:///etc/passwd", ""),
        ("rack.example/v1", ""),
    ],
)
def test_an_unusable_url_is_refused_without_showing_what_may_be_secret(text, found):
    with pytest.raises(UrlError) as caught:
        base_url(text)

    assert caught.value.found == found
    assert "hunter2" not in caught.value.hint


def test_a_forgotten_scheme_is_suggested():
    with pytest.raises(UrlError) as caught:
        base_url("rack.example:8000/v1")

    assert caught.value.hint == '"http://rack.example:8000/v1"'


@given(st.text(max_size=30))
def test_any_text_is_a_url_or_a_url_error(text):
    for read in (base_url, ollama_url):
        try:
            url = read(text)
        except UrlError:
            continue

        assert read(url) == url


@pytest.mark.parametrize("other", ["http://localhost:11434", "http://127.0.0.1:11434/", "http://[::1]:11434"])
def test_all_names_of_this_machine_are_one_instance(other):
    assert instance(base_url(other)) == instance("http://127.0.0.1:11434")


@pytest.mark.parametrize("other", ["http://127.0.0.1:11435", "http://rack:11434", "http://127.0.0.1:11434/b"])
def test_another_port_host_or_path_is_another_instance(other):
    assert instance(other) != instance("http://127.0.0.1:11434")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("localhost.example", False),
        ("::ffff:10.0.0.1", False),
    ],
)
def test_only_this_machines_own_names_are_loopback(host, loopback):
    assert is_loopback(host) is loopback


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("10.1.2.3", True),
        ("192.168.1.9", True),
        ("fe80::1", True),
        ("fd00::7", True),
        ("8.8.8.8", False),
        ("::ffff:8.8.8.8", False),
        ("::ffff:10.0.0.1", True),
        ("2001:4860:4860::8888", False),
        ("localhost", True),
        ("rack.LOCAL.", True),
        ("gpu.home.arpa", True),
        ("api.groq.com", False),
        ("local.example.com", False),
    ],
)
def test_own_hardware_is_known_by_its_address(host, local):
    assert is_local(host) is local


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(addresses).failed == 0
