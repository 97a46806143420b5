"""For the whole test run: no key that a test gives to Córtex is ever written anywhere."""

import re

import pytest

KEYS = re.compile(r"\b(?:sk|AIza|gsk|co)[-_](?:simulated|house|right|wrong)[\w-]{4,}|MaRkEd")
"""Every key that tests of the whole give, in their forms."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Fail a test whose log, or whatever else was written while it ran, holds a key."""
    report = yield
    written = "\n".join(text for _, text in report.sections)
    found = KEYS.search(written)
    if report.passed and found:
        report.outcome = "failed"
        report.longrepr = f"a key was written: …{written[max(0, found.start() - 300) : found.end()]}…"
    return report
