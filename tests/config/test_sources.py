"""The two files, read."""

import os
from pathlib import Path

import pytest

from cortex.config.model import Settings
from cortex.config.sources import Sources, Texts, read, settings, stamp


@pytest.fixture
def files(tmp_path):
    return Sources(tmp_path / "supervision.toml", tmp_path / ".env", {"A": "environ"})


def test_files_that_are_not_there_say_nothing(files):
    assert read(files) == Texts(None, None)
    assert isinstance(settings(Texts(), files), Settings)


def test_both_files_are_read_together(files):
    files.config.write_text("[cache]\npath = '$A$B'\n")
    files.env_file.write_text("A=dotenv\nB=dotenv\n")

    assert settings(read(files), files).cache.path == "environdotenv"


def test_a_mistake_in_dotenv_is_one_of_the_settings(files):
    (problem,) = settings(Texts(None, "what is this"), files)

    assert str(problem).startswith(f"{files.env_file}:1: ")


def test_a_folder_a_pipe_and_what_is_no_text_are_refused(files):
    files.config.mkdir()
    os.mkfifo(files.env_file)
    assert ["folder" in str(p) or "directory" in str(p) or "regular" in str(p) for p in read(files)] == [True, True]

    files.config.rmdir()
    files.config.write_bytes(b"a = 1\nb = '\xff'\n")
    files.env_file.unlink()
    (problem,) = read(files)

    assert (problem.line, problem.expected) == (2, "UTF-8 text")


def test_a_file_without_end_is_refused(files):
    files.config.write_bytes(b"#" * 1_000_001)

    (problem,) = read(files)

    assert str(problem) == f"{files.config}: expected at most 1000000 bytes, found more"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Texts(None, None), Texts("", None)),
        (Texts("", None), Texts(None, "")),
        (Texts("a", "b"), Texts("ab", "")),
        (Texts("a", "b"), Texts("b", "a")),
    ],
)
def test_different_texts_have_different_digests(one, other):
    assert one.digest != other.digest


def test_equal_texts_have_one_digest_and_do_not_show_themselves():
    assert Texts("a", "KEY=hunter2").digest == Texts("a", "KEY=hunter2").digest
    assert "hunter2" not in repr(Texts("a", "KEY=hunter2"))


def test_the_environment_is_not_shown(files):
    assert repr(files) == f"<Sources {files.config} {files.env_file}>"


def test_a_write_a_replacement_and_a_removal_change_the_stamp(files):
    stamps = [stamp(files)]
    files.config.write_text("a")
    stamps.append(stamp(files))
    files.config.with_suffix(".new").write_text("b")
    files.config.with_suffix(".new").rename(files.config)
    stamps.append(stamp(files))
    files.config.write_text("bb")
    stamps.append(stamp(files))
    assert stamps[-1] == stamp(files)
    files.config.unlink()
    stamps.append(stamp(files))

    assert len(set(map(repr, stamps[:4]))) == 4
    assert stamps[4] == stamps[0]


def test_authorities_are_found_beside_the_settings_wherever_cortex_is_started(files, certificate):
    files.config.with_name("ca.pem").write_text(Path(certificate[0]).read_text())

    assert settings(Texts("[tls]\nca = 'ca.pem'\n"), files).tls.ca == str(files.config.with_name("ca.pem"))


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nx\n", b"\xff"])
def test_authorities_that_are_none_are_a_mistake_that_leaves_the_rest_as_it_is(files, content):
    if content is not None:
        files.config.with_name("ca.pem").write_bytes(content)

    (problem,) = settings(Texts("[tls]\nca = 'ca.pem'\n"), files)

    assert "ca.pem" in str(problem)
