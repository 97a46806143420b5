"""Files that are written whole or not at all."""

import os
import stat

import pytest

from cortex.config import writing
from cortex.config.sources import Sources, Texts


@pytest.fixture
def files(tmp_path):
    return Sources(tmp_path / "supervision.toml", tmp_path / ".env", {})


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_both_files_are_begun_and_the_one_with_keys_is_its_owners_alone(files):
    writing.write(files, Texts(), Texts("a = 1\n", "A=1\n"))

    assert files.config.read_text() == "a = 1\n"
    assert files.env_file.read_text() == "A=1\n"
    assert mode(files.env_file) == 0o600


def test_rights_stay_but_those_of_a_file_with_keys_that_others_could_read(files):
    for path in (files.config, files.env_file):
        path.write_text("old\n")
        path.chmod(0o664)

    writing.write(files, Texts("old\n", "old\n"), Texts("new\n", "new\n"))

    assert (mode(files.config), mode(files.env_file)) == (0o664, 0o600)


def test_what_did_not_change_is_not_touched(files):
    files.config.write_text("old\n")
    before = files.config.stat()

    writing.write(files, Texts("old\n"), Texts("old\n", "A=1\n"))

    assert files.config.stat() == before


def test_a_link_stays_one(files, tmp_path):
    there = tmp_path / "elsewhere.toml"
    there.write_text("old\n")
    files.config.symlink_to(there)

    writing.write(files, Texts("old\n"), Texts("new\n"))

    assert files.config.is_symlink()
    assert there.read_text() == "new\n"


def test_when_it_cannot_be_written_the_old_one_is_whole_and_nothing_is_left_behind(files, tmp_path, monkeypatch):
    files.config.write_text("old\n")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(OSError, match="No space"):
        writing.write(files, Texts("old\n"), Texts("new\n"))

    assert files.config.read_text() == "old\n"
    assert [path.name for path in tmp_path.iterdir()] == ["supervision.toml"]
