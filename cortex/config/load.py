"""The text of supervision.toml and an environment, read into `Settings` or into every problem they have. Pure.

Theory of operation: tomllib gives the values, `lines` where each key stands, `references` replaces each `$NAME`, and
then each section is read by its rows in `schema` and `workers`. Nothing stops at the first mistake: a section that
cannot be used is reported and the next one read, so that one look at the list mends the file. Only a text that is no
TOML has a single problem. Settings are returned whole or not at all.
"""

import re
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from cortex.config import environment
from cortex.config.kinds import many, named, text
from cortex.config.lines import Lines, twice
from cortex.config.model import OWN_PLAN, Settings, Worker
from cortex.config.presets import PRESETS
from cortex.config.priced import priced_models
from cortex.config.problem import Place, Problem, Report, Unusable, dotted, nearest, one_of, shown
from cortex.config.references import resolve
from cortex.config.schema import PRICE, SECTIONS
from cortex.config.workers import read_workers

_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
NO_WORKER = (
    "no worker is configured: set OLLAMA_URLS=http://127.0.0.1:11434 or GEMINI_API_KEYS, "
    "add a [workers.NAME] table to supervision.toml, or try --demo"
)
_TABLES = (*SECTIONS, "workers", "models", "prices")


def load(text: str | None, environ: Mapping[str, str], *, file: str = "supervision.toml") -> Settings | list[Problem]:
    """Read settings from the text of the file (None: there is none) and the environment with `.env` behind it.

    `file` only names the file in problems. Never raises for anything that a text can hold.
    """
    # Editors on Windows begin a file with a byte order mark, which TOML does not know.
    text = (text or "").removeprefix("\ufeff")
    try:
        document = tomllib.loads(text)
        report = Report(file, Lines(text))
        tables = {name: resolve(value, environ, Place(report, (name,))) for name, value in document.items()}
    except (ValueError, RecursionError) as error:
        return [_not_toml(text, error, file)]
    settings = _settings(tables, environ, report)
    return sorted(report.problems, key=lambda problem: problem.line) or settings


def _settings(tables: Mapping[str, object], environ: Mapping[str, str], report: Report) -> Settings:
    """Build what can be built; it is whole only if `report` has no problems afterwards."""
    place = Place(report)
    _know_each_section(tables, place)
    given = environment.variables(environ, report)
    made: dict[str, Any] = {}
    for name, section in SECTIONS.items():
        with suppress(Unusable):
            made[name] = section.read(tables.get(name, {}), place.into(name), given.get(name, {}))
    workers: dict[str, Worker] = {}
    with suppress(Unusable):
        workers |= read_workers(tables.get("workers", {}), place.into("workers"))
    workers |= environment.ollama_workers(environ, workers, report)
    workers |= environment.key_workers(environ, workers, report)
    with suppress(Unusable):
        made["models"] = named(many(text, least=1))(tables.get("models", {}), place.into("models"))
        _models_have_pools(made["models"], _pools(tables, workers), place.into("models"))
    with suppress(Unusable):
        made["prices"] = named(PRICE.read)(tables.get("prices", {}), place.into("prices"))
        _compares_with_a_price(made, place.into("telemetry").into("saved_against"))
    return Settings(workers=workers, notices=tuple(_notices(workers)), **made)


def _know_each_section(tables: Mapping[str, object], place: Place) -> None:
    for name, value in tables.items():
        if name in _TABLES:
            continue
        homes = [f"{section}.{name}" for section, rows in SECTIONS.items() if name in rows.fields]
        what = "an unknown section" if isinstance(value, dict) else "an unknown key"
        place.into(name).add(
            f"a section ({', '.join(_TABLES)})", what, one_of(homes) if homes else nearest(name, _TABLES)
        )


def _pools(tables: Mapping[str, object], workers: Mapping[str, Worker]) -> set[str]:
    """Return what may stand before the colon of `pool:model`, tables with mistakes of their own included."""
    pools: set[str] = set()
    if isinstance(written := tables.get("workers"), dict):
        pools |= written.keys()
        pools |= {
            str(table["provider"]) for table in written.values() if isinstance(table, dict) and "provider" in table
        }
    for worker in workers.values():
        pools |= {worker.name, worker.pool, worker.provider}
    return pools


def _models_have_pools(models: Mapping[str, tuple[str, ...]], pools: set[str], place: Place) -> None:
    """Refuse `auto` as a name, and answers of a pool that does not exist.

    `name:tag` is how Ollama writes a model, so a word before a colon is surely meant as a pool only when it is a
    provider, or when what follows is more than a tag can be.
    """
    for name, answers in models.items():
        if name == "auto":
            place.into(name).add("another name", '"auto", which leaves the choice to the strategy')
        for index, answer in enumerate(answers):
            pool, colon, model = answer.partition(":")
            meant = "/" not in pool and (pool in PRESETS or "/" in model or ":" in model)
            if colon and meant and pool not in pools:
                near = nearest(pool, pools)
                place.into(name).into(index).add(
                    "a model, or one of a worker that is configured, as worker:model",
                    f"{shown(answer)}, and no worker {shown(pool)}",
                    f'"{near}:{model}"' if near else "",
                )


def _compares_with_a_price(made: Mapping[str, Any], place: Place) -> None:
    telemetry = made.get("telemetry")
    name = telemetry.saved_against if telemetry else OWN_PLAN
    if name != OWN_PLAN and name not in made["prices"] and name not in priced_models():
        words = priced_models() | made["prices"].keys()
        place.add("a model whose price is known, here or in [prices]", shown(name), nearest(name, words))


def _notices(workers: Mapping[str, Worker]) -> list[str]:
    if workers:
        return []
    return [NO_WORKER]


def _not_toml(text: str, error: Exception, file: str) -> Problem:
    """Say what tomllib said, with its line; for a key or table given twice, which and where both are."""
    message = str(error) if isinstance(error, ValueError) else "arrays or tables nested too deep"
    if message.startswith("Cannot") and (found := twice(text)):
        path, first, second = found
        return Problem(file, second, dotted(path), "each key and table once", f"it again (first in line {first})")
    position = _POSITION.search(message)
    said = _POSITION.sub("", message)
    line, column = (int(position[1]), f" in column {position[2]}") if position and position[1] else (_last(text), "")
    return Problem(file, line, "", "valid TOML", f"{said[:1].lower()}{said[1:]}{column}")


def _last(text: str) -> int:
    return max(1, len(text.splitlines()))
