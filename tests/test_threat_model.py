"""What THREAT_MODEL.md says is held by a test or a module that is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "THREAT_MODEL.md").read_text()
REFERENCE = re.compile(r"`(?P<file>(?:tests|cortex|scripts)/[\w/.-]+)?(?:::(?P<test>test_\w+))?`")


def references():
    """Return each file and test that is named; a test without a file is of the file before it."""
    file = ""
    for match in REFERENCE.finditer(TEXT):
        if match["file"] or match["test"]:
            file = match["file"] or file
            yield file, match["test"]


def test_every_test_and_module_that_it_names_is_there():
    found = list(references())

    assert len(found) > 20
    for file, test in found:
        assert (ROOT / file).is_file(), file
        assert test is None or re.search(rf"^(?:async )?def {test}\(", (ROOT / file).read_text(), re.MULTILINE), test


def test_every_rule_of_a_door_says_what_holds_it():
    rows = [line for line in TEXT.partition("## The doors")[2].splitlines() if line.startswith("| ")]
    rules = [row for row in rows if not row.startswith(("| rule ", "| --- "))]

    assert len(rules) > 15
    assert not [row for row in rules if not REFERENCE.search(row.rsplit(" | ", 1)[1])]
