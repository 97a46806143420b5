"""What the environment and `.env` add to the file, or stand in for. Pure: texts and mappings in, settings out.

The file wins: a variable counts only where the file says nothing, and an Ollama instance whose URL the file already
has is not added a second time. A problem here names its variable, since there is no line to name.
"""

import io
import re
from collections import ChainMap
from collections.abc import Iterator, Mapping

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from cortex.config.addresses import UrlError, instance, ollama_url
from cortex.config.model import Worker
from cortex.config.problem import Problem, Report, Variable, shown
from cortex.config.schema import Variables

_OLLAMA = ("OLLAMA_URLS", "LOCAL_OLLAMA_URLS", "OLLAMA_HOST")
_LATER = {
    "gemini": ("GEMINI_API_KEYS", "GEMINI_API_KEY"),
    "cohere": ("COHERE_API_KEYS", "COHERE_API_KEY"),
    "groq": ("GROQ_API_KEYS", "GROQ_API_KEY"),
}
_DIGITS = re.compile(r"[0-9]{1,9}")
_OVERRIDES = (
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
    for section, key, name in _OVERRIDES:
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
        added[name] = Worker(name=name, pool="ollama", provider="ollama", url=url, free=True)
    return added


def notices(environ: Mapping[str, str]) -> Iterator[str]:
    """Say which variables hold keys that nothing uses."""
    for provider, names in _LATER.items():
        for name in names:
            if environ.get(name):
                yield f"{name} is set, but this version of Córtex has no {provider} provider yet: its keys are not used"


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
