"""What the page weighs. The aim is 60 KB plain and 20 KB packed; this keeps what it weighs now from growing unseen."""

import gzip
import re

from stand_in import FILES

PLAIN_BYTES = 86_600
PACKED_BYTES = 36_500


def test_the_page_does_not_grow_unseen():
    files = [path.read_bytes() for path in FILES.iterdir()]
    assert sum(map(len, files)) <= PLAIN_BYTES
    assert sum(len(gzip.compress(data)) for data in files) <= PACKED_BYTES


def test_the_page_asks_for_nothing_but_its_own_files():
    texts = [path.read_text() for path in FILES.iterdir()]
    found = {address for text in texts for address in re.findall(r"https?://[^/\s]+", text)}
    assert found <= {"http://www.w3.org", 'http://192.168.1.20:11434"'}  # a namespace, and an example in a field
    assert not any(".innerHTML" in text or "insertAdjacentHTML" in text or "eval(" in text for text in texts)
