"""The simulators stand alone: nothing of Córtex, and its pure modules without time or sockets."""

import ast
from pathlib import Path

import pytest

import cortex.simulate

FOLDER = Path(cortex.simulate.__file__).parent
IMPURE_ONES = {
    "anthropic",
    "cohere",
    "delivery",
    "demo",
    "gemini",
    "groq",
    "listener",
    "ollama",
    "openai",
    "runner",
    "server",
    "cloud",
}
PURE = tuple(sorted({path.stem for path in FOLDER.glob("[!_]*.py")} - IMPURE_ONES))
IMPURE = {"asyncio", "time", "socket", "aiohttp"}


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_it_imports_nothing_else_of_cortex(path):
    of_cortex = {name for name in imports_of(path) if name.startswith("cortex")}

    assert {name for name in of_cortex if not name.startswith("cortex.simulate")} == set()


@pytest.mark.parametrize("name", PURE)
def test_a_pure_module_knows_neither_time_nor_sockets_nor_one_that_does(name):
    modules = {module.partition(".")[0] for module in imports_of(FOLDER / f"{name}.py")}
    siblings = {
        module.removeprefix("cortex.simulate.")
        for module in imports_of(FOLDER / f"{name}.py")
        if module.startswith("cortex.simulate.")
    }

    assert modules & IMPURE == set()
    assert siblings <= set(PURE)
