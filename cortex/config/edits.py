"""Edits of supervision.toml and `.env` as a program makes them: a worker or a key more or less, all else as it stands. Pure.

Theory of operation: tomlkit keeps what people wrote, comments and order. A key never goes into the TOML: `.env` gets a
variable of a name that says whose it is, and the TOML gets that name. Only variables with such a name are taken out of `.env`
again: others may be somebody else's. Whether the result means anything is for `load` to say, as with an edit by hand.
"""

import io
import re
from collections.abc import Iterable, MutableMapping
from contextlib import suppress
from typing import Any, cast

import tomlkit
from dotenv.parser import parse_stream
from tomlkit.exceptions import TOMLKitError

from cortex.config.addresses import UrlError, ollama_url
from cortex.config.sources import Texts

_VISIBLE = re.compile(r"[!-~]+")
_PLAIN = re.compile(r"[A-Za-z0-9_./+=:@-]+")
NO_WORKER = "# No worker is configured here.\n"
NO_KEY = "# No key is kept here.\n"
"""In place of nothing: an empty file is taken for one that is about to be written."""

Table = MutableMapping[str, Any]


class EditError(ValueError):
    """It cannot be done; says why, for people."""


def add(texts: Texts, *, table: str, provider: str, url: str = "", key: str = "") -> Texts:
    """Add a worker: a new table, or one key more in one that is there. Raises EditError."""
    document, env = _parsed(texts.config), texts.env
    if provider == "ollama" and url:
        with suppress(UrlError):  # what is no address is for `load` to tell
            url = ollama_url(url)
    reference = ""
    if key:
        env, name = with_key(env, table, key)
        reference = f"${name}"
    workers = _workers(document)
    there = workers.get(table)
    if there is None:
        workers[table] = _new_table(provider, _literal(url), reference)
    elif not isinstance(there, MutableMapping):
        raise EditError(f"workers.{table} is no table")
    else:
        _add_key(there, table, provider, _literal(url), reference)
    return Texts(_written(document, texts.config), env)


def remove(texts: Texts, worker: str) -> Texts:
    """Take a worker out: its table, or its key where the table has more of them. Raises EditError."""
    document = _parsed(texts.config)
    workers = _workers(document)
    pool, _, label = worker.partition("/")
    table = workers.get(pool)
    if not isinstance(table, MutableMapping) or (label and _references(table).get(label) is None):
        raise EditError(
            f"{worker} stands not in the file: it comes from a variable of the environment, or is not there"
        )
    gone = list(_references(table).values()) if not label else [_references(table)[label]]
    if label and len(_references(table)) > 1:
        _remove_key(table, label)
    else:
        del workers[pool]
        if not workers:
            del document["workers"]
    config = _written(document, texts.config)
    return Texts(config, _without(texts.env, gone, config))


def with_key(env: str | None, table: str, key: str) -> tuple[str, str]:
    """Return the text of `.env` with a key in it, and the name of its variable; one that is there already is used again.

    Raises EditError for what cannot be a key.
    """
    if not _VISIBLE.fullmatch(key) or "'" in key or "\\" in key:
        raise EditError("a key is of visible ASCII characters, without quotes and backslashes")
    values = {each.key: each.value for each in parse_stream(io.StringIO(env or "")) if each.key}
    for name, value in values.items():
        if name and value == key and is_own(name):
            return env or "", name
    stem = f"CORTEX_KEY_{re.sub('[^A-Z0-9]', '_', table.upper())}"
    name = next(name for number in range(1, len(values) + 2) if (name := f"{stem}_{number}") not in values)
    text = env or ""
    newline = "\r\n" if "\r\n" in text else "\n"
    if text and not text.endswith("\n"):
        text += newline
    return f"{text}{name}={key if _PLAIN.fullmatch(key) else repr(key)}{newline}", name


def is_own(variable: str) -> bool:
    """Whether a variable of `.env` has a name as Córtex gives them."""
    return variable.startswith("CORTEX_KEY_")


def _literal(text: str) -> str:
    """Return a text as the file has it: `$` names no variable, or whoever adds a worker could send keys to it."""
    return text.replace("$", "$$")


def _parsed(config: str | None) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse((config or "").removeprefix("\ufeff"))
    except TOMLKitError as error:
        raise EditError(f"the file is no TOML as it stands: {error}") from None


def _written(document: tomlkit.TOMLDocument, before: str | None) -> str:
    """Return a document as text, its lines ended as they were."""
    text = tomlkit.dumps(document).rstrip() + "\n"
    if not text.strip():
        text = NO_WORKER
    if before and before.count("\n") == before.count("\r\n") > 0:
        text = text.replace("\r\n", "\n").replace("\n", "\r\n")
    return text


def _workers(document: tomlkit.TOMLDocument) -> Table:
    if "workers" not in document:
        document["workers"] = tomlkit.table(is_super_table=True)
    workers = document["workers"]
    if not isinstance(workers, MutableMapping):
        raise EditError("workers is no table")
    return cast("Table", workers)


def _new_table(provider: str, url: str, reference: str) -> Any:
    made = tomlkit.table()
    made["provider"] = provider
    if url:
        made["url"] = url
    if reference:
        made["keys"] = [reference]
    made.add(tomlkit.nl())
    return made


def _add_key(table: Table, name: str, provider: str, url: str, reference: str) -> None:
    if not reference:
        raise EditError(f"there is a worker named {name} already")
    if table.get("provider") != provider:
        raise EditError(f"{name} is of {table.get('provider')}, not of {provider}")
    if url and table.get("url") != url:
        raise EditError(f"{name} has another address; give the new worker another name")
    if reference in _references(table).values():
        raise EditError(f"{name} has that key already")
    keys = table.get("keys")
    if isinstance(keys, MutableMapping):
        keys[next(str(number) for number in range(len(keys) + 1, 2 * len(keys) + 3) if str(number) not in keys)] = (
            reference
        )
    elif isinstance(keys, list):
        keys.append(reference)
    elif "key" in table:
        _replace_key(table, [str(table["key"]), reference])
    else:
        table["keys"] = [reference]


def _replace_key(table: Any, references: list[str]) -> None:
    """Put `keys` in place of `key`, with the comment beside it."""
    keys = tomlkit.array()
    keys.extend(references)
    beside = table.value.item("key").trivia
    keys.trivia.comment_ws, keys.trivia.comment = beside.comment_ws, beside.comment
    del table["key"]
    table["keys"] = keys


def _references(table: Table) -> dict[str, str]:
    """Return the keys of a table as it writes them, by the label that its worker has; under `""` a single one."""
    keys = table.get("keys")
    if isinstance(keys, MutableMapping):
        return {str(label): str(written) for label, written in keys.items()}
    if isinstance(keys, list):
        return {str(number): str(written) for number, written in enumerate(keys, 1)}
    return {"": str(table["key"])} if "key" in table else {}


def _remove_key(table: Table, label: str) -> None:
    keys = table["keys"]
    if isinstance(keys, MutableMapping):
        del keys[label]
    else:
        keys.pop(int(label) - 1)


def _without(env: str | None, references: Iterable[str], config: str) -> str | None:
    """Return `.env` without the variables of those references that are ours and that nothing names any more."""
    if env is None:
        return None
    names = {reference.removeprefix("$") for reference in references if reference.startswith("$")}
    gone = {name for name in names if is_own(name) and not re.search(rf"\$\{{?{name}\b", config)}
    if not gone:
        return env
    kept = [each.original.string for each in parse_stream(io.StringIO(env)) if each.key not in gone]
    return "".join(kept) or NO_KEY
