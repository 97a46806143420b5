"""For the whole test run: no key that a test gives to Córtex is ever written anywhere; a certificate for who wants one."""

import gc
import re
import subprocess

import pytest

KEYS = re.compile(r"\b(?:sk|AIza|gsk|co)[-_](?:simulated|house|right|wrong)[\w-]{4,}|MaRkEd")
"""Every key that tests of the whole give, in their forms."""


def pytest_collection_finish(session):
    """Let no collection look at what was collected: some 600,000 objects that live to the end, half a second each time.

    Tests that make sure that nothing is left ask for hundreds of collections.
    """
    gc.collect()
    gc.freeze()


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


@pytest.fixture(scope="session")
def certificate(tmp_path_factory) -> tuple[str, str]:
    """A self-signed certificate for localhost and 127.0.0.1, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    cert, key = str(folder / "cert.pem"), str(folder / "key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key
