"""Where each setting in force comes from: a line of the file, a variable, or nowhere (its default). Pure."""

from collections.abc import Mapping

from cortex.config.environment import OVERRIDES
from cortex.config.lines import Lines, Path
from cortex.config.model import Settings
from cortex.config.presets import PRESETS
from cortex.config.schema import SECTIONS, Fields
from cortex.config.workers import WORKER

DEFAULT = "default"


def origins(settings: Settings, text: str | None, environ: Mapping[str, str], file: str) -> dict[str, str]:
    """Return by dotted name, as the settings are shown, `supervision.toml:3`, `environment NAME` or `default`."""
    lines = Lines((text or "").removeprefix("\ufeff"))
    found: dict[str, str] = {}
    variables = {(section, key): name for section, key, name in OVERRIDES if environ.get(name, "").strip()}
    for section, rows in SECTIONS.items():
        for shown, origin in _of_table(lines, (section,), rows.fields, file).items():
            key = shown.removeprefix(f"{section}.")
            by_variable = variables.get((section, key))
            found[shown] = f"environment {by_variable}" if by_variable and origin == DEFAULT else origin
    for name, worker in settings.workers.items():
        table: Path = ("workers", worker.pool)
        if table in lines:
            found |= {
                f"workers.{name}.{key.removeprefix(f'workers.{worker.pool}.')}": origin
                for key, origin in _of_table(lines, table, WORKER, file).items()
            }
        else:
            found[f"workers.{name}"] = f"environment {_variable_of(worker.provider, environ)}"
    for section in ("models", "prices"):
        found |= {
            f"{section}.{name}": f"{file}:{lines.of((section, name))}"
            for name in getattr(settings, section)
            if (section, name) in lines
        }
    return found


def _of_table(lines: Lines, table: Path, fields: Fields, file: str) -> dict[str, str]:
    dotted = ".".join(map(str, table))
    return {
        f"{dotted}.{field.to or key}": f"{file}:{lines.of((*table, key))}" if (*table, key) in lines else DEFAULT
        for key, field in fields.items()
    }


def _variable_of(provider: str, environ: Mapping[str, str]) -> str:
    names = ("OLLAMA_URLS", "LOCAL_OLLAMA_URLS", "OLLAMA_HOST") if provider == "ollama" else PRESETS[provider].env
    return " or ".join(name for name in names if environ.get(name)) or "variables"
