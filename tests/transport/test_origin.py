"""Origins of base URLs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.transport import Origin


@pytest.mark.parametrize(
    ("url", "origin", "path", "shown"),
    [
        ("http://10.0.0.9:8000/v1", (False, "10.0.0.9", 8000), "/v1", "http://10.0.0.9:8000"),
        ("http://10.0.0.9:8000/v1/", (False, "10.0.0.9", 8000), "/v1", "http://10.0.0.9:8000"),
        ("https://api.groq.com/openai/v1", (True, "api.groq.com", 443), "/openai/v1", "https://api.groq.com"),
        ("HTTP://Desk.Local", (False, "desk.local", 80), "", "http://desk.local"),
        ("http://[::1]:11434", (False, "::1", 11434), "", "http://[::1]:11434"),
        ("http://[fe80::1%25eth0]:11434/", (False, "fe80::1%eth0", 11434), "", "http://[fe80::1]:11434"),
        ("https://bücher.example", (True, "xn--bcher-kva.example", 443), "", "https://xn--bcher-kva.example"),
        ("https://h:80", (True, "h", 80), "", "https://h:80"),
    ],
)
def test_a_base_url_is_an_origin_and_a_path(url, origin, path, shown):
    parsed, rest = Origin.parse(url)

    assert (origin, path, shown) == (parsed, rest, str(parsed))


@pytest.mark.parametrize(
    "url",
    ["", "desk:11434", "ftp://h", "http://", "http:///v1", "//h", "http://h:99999", "http://h:x", "http://h:0",
     "http://h?a=1", "http://h#f", "http://h /v1", "http://h\n/v1", "http://h\x00", "http://[::1",
     "http://" + "ü" * 99],
)  # fmt: skip
def test_nonsense_is_refused(url):
    with pytest.raises(ValueError, match=r"base URL|host name"):
        Origin.parse(url)


@pytest.mark.parametrize("url", ["http://user:secret@h", "http://secret@h", "user:secret@h", "http://h:secret@"])
def test_a_password_is_refused_and_not_repeated(url):
    with pytest.raises(ValueError, match="no user name or password") as caught:
        Origin.parse(url)

    assert "secret" not in str(caught.value)


@given(st.text(max_size=30), st.sampled_from(["", "http://", "https://h", "http://[::1]:"]))
def test_any_text_is_an_origin_or_a_value_error(text, prefix):
    try:
        origin, path = Origin.parse(prefix + text)
    except ValueError:
        return
    assert origin.host.isascii()
    assert 0 < origin.port < 65536
    assert not path.endswith("/")
