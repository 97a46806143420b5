"""Texts of supervision.toml and `.env` as they may be shown: every key masked, even one that stands where none should. Pure.

Theory of operation: three nets, one behind the other. What is known to be a key (the settings in force, what the text itself has
where keys belong) is masked wherever it stands, in comments too. Of `.env` no value is shown. And what looks like a key of a
provider is masked, known or not. A text that was refused does not tell where its keys are: of that, every longer word with a
digit in it is masked that is not in force already.
"""

import difflib
import io
import re
import tomllib
from collections.abc import Callable, Container, Iterable, Iterator

from dotenv.parser import parse_stream

from cortex.config.secret import Secret
from cortex.config.sources import Texts

CONTEXT_LINES = 3
LARGEST_DIFF = 20_000
"""Characters; of a longer one the beginning is shown."""

_SHORTEST = 6
"""A shorter key is masked only where it stands alone in quotes: it may be part of any word."""

_KEYLIKE = re.compile(r"\b(?:(?:sk|gsk|csk|xai|hf|nvapi|pplx|co|tgp)[-_]|AIza)[-_A-Za-z0-9]{12,}")
_VARIABLE = re.compile(
    r"(?P<before>\s*(?:export\s+)?[A-Za-z_][A-Za-z0-9_.]*\s*=\s*)(?P<value>.*?)(?P<end>\s*)\Z", re.DOTALL
)
_AT_KEY = re.compile(
    r"\b(?:api_keys|admin_keys|keys?|[A-Za-z]*token|authorization)\b\"?\s*=\s*(?P<value>.*)", re.DOTALL | re.IGNORECASE
)
_ALONE = re.compile(r"\s*[\"'][^\"'$]+[\"']\s*,?\s*(?:#.*)?\Z")
"""A text alone on its line: in an array, perhaps of keys."""

_WORD = re.compile(r"(?<![$A-Za-z0-9_+-])(?=[A-Za-z_+-]*[0-9])[A-Za-z0-9_+-]{10,}=*")
_USUAL_VARIABLE = re.compile(r"[A-Z0-9_.]+|[a-z_.]+")

_QUOTED = re.compile(r"(?P<quote>[\"'])(?P<text>[^\"'\n]+)(?P=quote)")
_WHERE_KEYS_ARE = frozenset({"key", "keys", "api_keys", "admin_keys"})


def difference(
    before: Texts, after: Texts, *, config: str, env_file: str, secrets: Iterable[str] = (), is_refused: bool = False
) -> str:
    """Return how both files changed as a unified diff without keys; `config` and `env_file` are their names.

    `is_refused`: it is not known what the words of `after` mean.
    """
    known = {*secrets, *keys_of(before), *keys_of(after)}
    words = frozenset(_WORD.findall(before.config or "")) if is_refused else None
    parts = [
        *_unified(before.config, after.config, config, lambda line: masked_toml(line, known, words)),
        *_unified(before.env, after.env, env_file, masked_env),
    ]
    whole = "".join(parts)
    return whole if len(whole) <= LARGEST_DIFF else f"{whole[:LARGEST_DIFF]}\n… and more\n"


def keys_of(texts: Texts) -> set[str]:
    """Return every key that both files hold, as far as they can be read."""
    found = {binding.value for binding in parse_stream(io.StringIO(texts.env or "")) if binding.value}
    document = _document(texts.config)
    if document is None:
        return found
    return found | {key for key in _keys_in(document, within=False) if not key.startswith("$")}


def masked_toml(line: str, known: Iterable[str], words: Container[str] | None = None) -> str:
    """Return one line of TOML without keys; with `words` it was refused, and only those are surely none.

    >>> masked_toml('keys = ["$A", "abc"]  # sk-0123456789abcdef0123', {"abc"})
    'keys = ["$A", "***"]  # ***0123'
    """
    at_key = _AT_KEY.search(line)
    if at_key:
        line = line[: at_key.start("value")] + _without_texts(at_key["value"])
    elif words is not None and _ALONE.match(line):
        line = _without_texts(line)
    for key in sorted(known, key=len, reverse=True):
        if len(key) >= _SHORTEST:
            line = line.replace(key, str(Secret(key)))
        else:
            line = re.sub(f"([\"']){re.escape(key)}\\1", r"\1***\1", line)
    if words is not None:
        line = _WORD.sub(lambda match: match[0] if match[0] in words else "***", line)
    return _KEYLIKE.sub(lambda match: str(Secret(match[0])), line)


def masked_env(line: str) -> str:
    r"""Return one line of `.env` without its value; what is neither a variable nor a comment is not shown at all.

    >>> masked_env("A=0123456789abcdef\n"), masked_env("# a note\n"), masked_env("rest of a value\n")
    ('A=***cdef\n', '# a note\n', '***\n')
    """
    if not line.strip() or line.lstrip().startswith("#"):
        return _KEYLIKE.sub(lambda match: str(Secret(match[0])), line)
    variable = _VARIABLE.match(line)
    if variable is None:
        return "***\n"
    value, name = variable["value"].strip("\"'"), variable["before"]
    if not _USUAL_VARIABLE.fullmatch(name.strip().removeprefix("export").strip(" =")):
        name = "***="  # a key may end in =
    return f"{name}{Secret(value) if value else ''}{variable['end']}"


def _without_texts(line: str) -> str:
    """Mask each text in quotes but names of variables."""

    def masked(match: re.Match[str]) -> str:
        quote, text = match["quote"], match["text"]
        return match[0] if text.startswith("$") else f"{quote}{Secret(text)}{quote}"

    return _QUOTED.sub(masked, line)


def _document(config: str | None) -> dict[str, object] | None:
    try:
        return tomllib.loads((config or "").removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return None


def _unified(before: str | None, after: str | None, name: str, mask: Callable[[str], str]) -> Iterator[str]:
    if before == after:
        return
    was, becomes = (name if text is not None else "/dev/null" for text in (before, after))
    for number, line in enumerate(difflib.unified_diff(_lines(before), _lines(after), was, becomes, n=CONTEXT_LINES)):
        is_header = number < 2 or line.startswith("@@")
        yield line if is_header else line[0] + mask(line[1:])


def _lines(text: str | None) -> list[str]:
    """Return lines that end in a newline, the last one too."""
    lines = (text or "").splitlines()
    return [f"{line}\n" for line in lines]


def _keys_in(value: object, *, within: bool) -> Iterator[str]:
    if isinstance(value, str):
        if within and value:
            yield value
    elif isinstance(value, list):
        for entry in value:
            yield from _keys_in(entry, within=within)
    elif isinstance(value, dict):
        for name, entry in value.items():
            yield from _keys_in(entry, within=within or name in _WHERE_KEYS_ARE)
