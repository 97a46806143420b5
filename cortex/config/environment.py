"""What the environment and `.env` add to the file, or stand in for. Pure: texts and mappings in, settings out.

The file wins: a variable counts only where the file says nothing, and an Ollama instance whose URL the file already
has is not added a second time. A problem here names its variable, since there is no line to name.
"""

import io
import re
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from cortex.config.addresses import UrlError, instance, ollama_url
from cortex.config.kinds import secret
from cortex.config.model import Worker
from cortex.config.presets import PRESETS
from cortex.config.problem import Problem, Report, Unusable, Variable, shown
from cortex.config.schema import Variables
from cortex.config.workers import preset_settings

_OLLAMA = ("OLLAMA_URLS", "LOCAL_OLLAMA_URLS", "OLLAMA_HOST")
_DIGITS = re.compile(r"[0-9]{1,9}")
OVERRIDES = (
    ("server", "host", "CORTEX_HOST"),
    ("server", "port", "CORTEX_PORT"),
    ("routing", "strategy", "CORTEX_STRATEGY"),
)


def with_dotenv(environ: Mapping[str, str], text: str | None, file: str = ".env") -> Mapping[str, str] | list[Problem]:
    """Return `environ` with the variables of a `.env` text behind it, or the lines of that text that are none.

    A variable in both is the environment's. Nothing is substituted inside values: `$` is just a dollar there.
    """
    if text is None:
        return environ
    text = text.removeprefix("\ufeff")
    wrong = [binding.original.line for binding in parse_stream(io.StringIO(text)) if binding.error]
    if wrong:
        return [Problem(file, line, "", "NAME=value, or a comment", "something else") for line in wrong]
    values = dotenv_values(stream=io.StringIO(text), interpolate=False)
    return ChainMap(dict(environ), {name: value for name, value in values.items() if value is not None})


def variables(environ: Mapping[str, str], report: Report) -> Mapping[str, Variables]:
    """Return, by section, what variables give for its keys."""
    given: dict[str, dict[str, tuple[object, Variable]]] = {}
    for section, key, name in OVERRIDES:
        if text := environ.get(name, "").strip():
            value: object = int(text) if key == "port" and _DIGITS.fullmatch(text) else text
            given.setdefault(section, {})[key] = (value, Variable(report, name))
    return given


def ollama_workers(environ: Mapping[str, str], present: Mapping[str, Worker], report: Report) -> Mapping[str, Worker]:
    """Return the Ollama instances that variables name and `present` lacks, as `ollama/1`, `ollama/2` and so on.

    In the order of the variables and of each list; two names of one instance are one worker.
    """
    seen = {instance(worker.url) for worker in present.values() if worker.provider == "ollama"}
    added: dict[str, Worker] = {}
    number = 0
    for url in _urls(environ, report):
        if instance(url) in seen:
            continue
        seen.add(instance(url))
        number += 1
        while (name := f"ollama/{number}") in present:
            number += 1
        settings = preset_settings("ollama", {"provider": "ollama", "url": url})
        added[name] = Worker(name=name, pool="ollama", **settings)
    return added


def key_workers(environ: Mapping[str, str], present: Mapping[str, Worker], report: Report) -> Mapping[str, Worker]:
    """Return a worker for each key that variables name and `present` lacks, as `gemini/1`, `gemini/2` and so on."""
    added: dict[str, Worker] = {}
    for provider, preset in PRESETS.items():
        seen = {worker.key.reveal() for worker in present.values() if worker.key and worker.provider == provider}
        number = 0
        for variable, text in _keys(environ, preset.env):
            if text in seen:
                continue
            seen.add(text)
            try:
                key = secret(text, Variable(report, variable))
            except Unusable:
                continue
            number += 1
            while (name := f"{provider}/{number}") in present:
                number += 1
            settings = preset_settings(provider, {"provider": provider})
            added[name] = Worker(name=name, pool=provider, key=key, **settings)
    return added


def _keys(environ: Mapping[str, str], variables: Iterable[str]) -> Iterator[tuple[str, str]]:
    for variable in variables:
        for text in filter(None, (part.strip() for part in environ.get(variable, "").split(","))):
            yield variable, text


def _urls(environ: Mapping[str, str], report: Report) -> Iterator[str]:
    for name in _OLLAMA:
        for text in filter(None, (part.strip() for part in environ.get(name, "").split(","))):
            try:
                yield ollama_url(text)
            except UrlError as problem:
                expected = "host, host:port or a URL" + (
                    "" if name == "OLLAMA_HOST" else ", several with commas between"
                )
                report.add_variable(name, expected, problem.found or shown(text))
