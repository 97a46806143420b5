"""Edits of real files, as they reach the daemon."""

import asyncio
import os
import time

import pytest

from cortex.actors.actor import Kill
from cortex.config import look
from cortex.config.load import load
from cortex.config.problem import Problem
from cortex.config.sources import Sources, Texts, read, settings
from cortex.config.watcher import ConfigWatcher, Current, Edited, Refused, Reread, Seen

DESK = '[workers.desk]\nprovider = "ollama"\n'
RACK = '[workers.rack]\nprovider = "ollama"\nurl = "http://rack"\n'


class Daemon:
    """Stands for the rest of the tree: keeps what it is told."""

    def __init__(self, files):
        self.files = files
        self.is_there = True
        self.told = asyncio.Queue()
        texts = read(files)
        self.current = Current(settings(texts, files), texts.digest, (), texts)
        self.watcher = None

    def tell(self, name, message):
        assert name == "root"
        if self.is_there:
            self.told.put_nowait(message)
        return self.is_there

    def start(self):
        self.watcher = ConfigWatcher.start(files=self.files, current=self.current, names=self, target="root")

    async def hears(self):
        return await asyncio.wait_for(self.told.get(), 5)

    async def hears_edit(self):
        message = await self.hears()
        assert isinstance(message, Edited), message
        return message

    async def hears_refusal(self):
        message = await self.hears()
        assert isinstance(message, Refused), message
        return [str(problem) for problem in message.problems]

    async def looks(self):
        """Have it look once, and return all it told until then: nothing that came before can still be on its way."""
        self.watcher.tell(Reread())
        told = []
        while not told or not isinstance(told[-1], Edited | Refused):
            told.append(await self.hears())
        return told

    async def ends(self):
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        self.watcher.stop(block=False)
        await asyncio.wait(tasks, timeout=5)
        assert all(task.done() for task in tasks)


@pytest.fixture
def files(tmp_path):
    files = Sources(tmp_path / "supervision.toml", tmp_path / ".env", {})
    files.config.write_text(DESK)
    return files


@pytest.fixture
async def daemon(files):
    daemon = Daemon(files)
    daemon.start()
    yield daemon
    await daemon.ends()


def names(message):
    return list(message.settings.workers)


async def test_a_saved_edit_is_applied_within_a_second(daemon, files):
    await daemon.looks()
    saved_s = time.monotonic()
    files.config.write_text(DESK + RACK)

    edit = await daemon.hears_edit()

    assert time.monotonic() - saved_s < 1.0
    assert [worker.name for worker in edit.changes.start] == ["rack"]
    assert daemon.current.settings is edit.settings


async def test_a_file_replaced_by_rename_is_applied(daemon, files):
    beside = files.config.with_name(".supervision.toml.swp")
    beside.write_text(DESK + RACK)
    beside.replace(files.config)

    assert names(await daemon.hears_edit()) == ["desk", "rack"]


async def test_a_swapped_link_as_kubernetes_mounts_it_is_applied(tmp_path):
    for version, text in (("1", DESK), ("2", DESK + RACK)):
        (tmp_path / version).mkdir()
        (tmp_path / version / "supervision.toml").write_text(text)
    (tmp_path / "..data").symlink_to("1")
    (tmp_path / "supervision.toml").symlink_to("..data/supervision.toml")
    daemon = Daemon(Sources(tmp_path / "supervision.toml", tmp_path / ".env", {}))
    daemon.start()
    await daemon.looks()

    (tmp_path / "..new").symlink_to("2")
    (tmp_path / "..new").replace(tmp_path / "..data")

    assert names(await daemon.hears_edit()) == ["desk", "rack"]
    await daemon.ends()


async def test_an_edit_of_what_a_link_points_to_is_applied(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "here").mkdir()
    (tmp_path / "there" / "real.toml").write_text(DESK)
    (tmp_path / "here" / "supervision.toml").symlink_to("../there/real.toml")
    daemon = Daemon(Sources(tmp_path / "here" / "supervision.toml", tmp_path / ".env", {}))
    daemon.start()
    await daemon.looks()

    (tmp_path / "there" / "real.toml").write_text(DESK + RACK)

    assert names(await daemon.hears_edit()) == ["desk", "rack"]
    await daemon.ends()


async def test_a_half_written_file_is_refused_and_applied_when_it_is_whole(daemon, files):
    files.config.write_text(DESK + '[workers.rack]\nprovider = "ol')
    assert "supervision.toml:4: expected valid TOML" in (await daemon.hears_refusal())[0]
    assert list(daemon.current.settings.workers) == ["desk"]
    assert len(daemon.current.problems) == 1

    files.config.write_text(DESK + RACK)

    assert names(await daemon.hears_edit()) == ["desk", "rack"]
    assert daemon.current.problems == ()


async def test_a_burst_of_saves_is_one_edit(daemon, files):
    for slots in range(1, 30):
        files.config.write_text(f"{DESK}slots = {slots}\n")

    edit = await daemon.hears_edit()
    (after,) = await daemon.looks()

    assert edit.settings.workers["desk"].slots == 29
    assert not after.changes


async def test_a_file_that_is_gone_keeps_the_settings_until_it_is_back(daemon, files):
    files.config.unlink()
    assert await daemon.hears_refusal() == [f"{files.config}: expected the file that is in force, found none"]
    assert list(daemon.current.settings.workers) == ["desk"]

    files.config.write_text(DESK)
    edit = await daemon.hears_edit()

    assert not edit.changes
    assert daemon.current.problems == ()


async def test_a_file_that_an_editor_has_emptied_is_not_taken_for_settings(daemon, files):
    files.config.write_text("\n")

    assert await daemon.hears_refusal() == [f"{files.config}: expected the file that is in force, found an empty one"]


async def test_an_edit_of_dotenv_is_applied(tmp_path):
    files = Sources(tmp_path / "supervision.toml", tmp_path / ".env", {})
    files.config.write_text('[workers.a]\nprovider = "openai"\nurl = "http://x"\nkey = "$KEY"\n')
    files.env_file.write_text("KEY=one\n")
    daemon = Daemon(files)
    daemon.start()

    files.env_file.write_text("KEY=other\n")
    edit = await daemon.hears_edit()

    assert [worker.key.reveal() for worker in edit.changes.change] == ["other"]
    await daemon.ends()


async def test_a_file_that_comes_into_being_is_applied(tmp_path):
    daemon = Daemon(Sources(tmp_path / "later" / "supervision.toml", tmp_path / "later" / ".env", {}))
    daemon.start()
    await daemon.looks()

    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "supervision.toml").write_text(DESK)

    assert names(await daemon.hears_edit()) == ["desk"]
    await daemon.ends()


async def test_a_folder_that_was_removed_and_made_again_is_watched(tmp_path):
    folder = tmp_path / "etc"
    folder.mkdir()
    files = Sources(folder / "supervision.toml", folder / ".env", {})
    files.config.write_text(DESK)
    daemon = Daemon(files)
    daemon.start()
    await daemon.looks()
    files.config.unlink()
    folder.rmdir()
    await daemon.hears_refusal()

    folder.mkdir()
    files.config.write_text(DESK + RACK)

    assert names(await daemon.hears_edit()) == ["desk", "rack"]
    await daemon.ends()


async def test_a_touch_without_a_change_tells_nothing(daemon, files):
    await daemon.looks()
    os.utime(files.config, (1, 1))

    (only,) = await daemon.looks()

    assert not only.changes


async def test_a_comment_is_told_as_an_edit_that_changes_nothing(daemon, files):
    files.config.write_text(f"# one desk\n{DESK}")

    assert not (await daemon.hears_edit()).changes


OPEN = '[server]\nhost = "0.0.0.0"\napi_keys = ["key-hunter2-0123456789"]\n'


async def test_a_door_that_stands_open_to_a_network_keeps_wanting_a_key(files):
    """The socket is where it was bound at the start, whatever host a later edit names."""
    files.config.write_text(OPEN + DESK)
    daemon = Daemon(files)
    daemon.start()
    await daemon.looks()
    files.config.write_text('[server]\nhost = "127.0.0.1"\n' + DESK)
    (problem,) = await daemon.hears_refusal()

    assert "server.api_keys: expected a key, since the daemon listens on 0.0.0.0 until it is started again" in problem
    assert daemon.current.settings.server.api_keys
    files.config.write_text(OPEN.replace("0.0.0.0", "127.0.0.1") + DESK)
    assert (await daemon.hears_edit()).changes.restart_needed == ("server.host",)
    files.config.write_text('[server]\nhost = "127.0.0.1"\n' + DESK)
    assert "server.api_keys" in (await daemon.hears_refusal())[0]
    await daemon.ends()


async def test_on_loopback_keys_may_go(files):
    files.config.write_text(OPEN.replace("0.0.0.0", "127.0.0.1") + DESK)
    daemon = Daemon(files)
    daemon.start()
    await daemon.looks()
    files.config.write_text(DESK)

    assert (await daemon.hears_edit()).settings.server.api_keys == ()
    await daemon.ends()


async def test_a_refusal_is_told_once(daemon):
    await daemon.looks()
    for key in ("one", "one", "other"):
        daemon.watcher.tell(Seen([Problem("f", 1, key, "this", "that")]))

    assert await daemon.hears_refusal() == ["f:1: one: expected this, found that"]
    assert await daemon.hears_refusal() == ["f:1: other: expected this, found that"]


async def test_what_was_written_while_it_was_read_is_not_used(files, monkeypatch):
    daemon = Daemon(files)
    rest = [RACK]

    def torn(files):
        texts = read(files)
        if rest:
            files.config.write_text(DESK + rest.pop())
        return texts

    monkeypatch.setattr(look, "read", torn)
    files.config.write_text(DESK + "[workers.")
    daemon.start()

    assert names(await daemon.hears_edit()) == ["desk", "rack"]
    await daemon.ends()


async def test_a_folder_that_comes_into_being_is_listened_to(tmp_path, monkeypatch):
    armed = asyncio.Queue()

    async def listening(*folders, **_options):
        armed.put_nowait(set(folders))
        while True:
            await asyncio.sleep(0.01)
            yield set()

    monkeypatch.setattr(look, "awatch", listening)
    daemon = Daemon(Sources(tmp_path / "later" / "supervision.toml", tmp_path / ".env", {}))
    daemon.start()
    assert await armed.get() == {tmp_path}

    (tmp_path / "later").mkdir()

    assert await asyncio.wait_for(armed.get(), 5) == {tmp_path, tmp_path / "later"}
    await daemon.ends()


async def test_a_link_to_itself_is_refused_and_mended(daemon, files):
    files.config.unlink()
    files.config.symlink_to(files.config.name)
    assert "expected a readable text file, found too many levels of symbolic links" in (await daemon.hears_refusal())[0]

    files.config.unlink()
    files.config.write_text(DESK + RACK)

    assert names(await daemon.hears_edit()) == ["desk", "rack"]


async def test_reread_answers_although_nothing_changed(daemon):
    daemon.watcher.tell(Reread())

    assert not (await daemon.hears_edit()).changes


async def test_what_was_edited_while_the_watcher_was_dead_is_found_by_the_next(files):
    daemon = Daemon(files)
    daemon.start()
    await daemon.looks()
    daemon.watcher.tell(Kill("test"))
    await asyncio.to_thread(daemon.watcher.actor_stopped.wait, 5)
    files.config.write_text(DESK + RACK)
    assert daemon.told.empty()

    daemon.start()

    assert [worker.name for worker in (await daemon.hears_edit()).changes.start] == ["rack"]
    await daemon.ends()


async def test_an_edit_is_told_again_until_the_target_is_there(daemon, files, monkeypatch):
    refused = asyncio.Event()
    daemon.is_there = False
    tell = daemon.tell
    monkeypatch.setattr(daemon, "tell", lambda name, message: tell(name, message) or refused.set() or False)
    files.config.write_text(DESK + RACK)
    await asyncio.wait_for(refused.wait(), 5)
    assert list(daemon.current.settings.workers) == ["desk"]

    daemon.is_there = True

    assert [worker.name for worker in (await daemon.hears_edit()).changes.start] == ["rack"]


async def test_without_file_events_edits_are_found_by_looking(files, monkeypatch):
    """As on a network share, or with no inotify watch left."""

    def no_watches(*_folders, **_options):
        raise OSError("no watches left")

    monkeypatch.setattr(look, "awatch", no_watches)
    daemon = Daemon(files)
    daemon.start()
    await daemon.looks()

    files.config.write_text(DESK + RACK)

    assert names(await daemon.hears_edit()) == ["desk", "rack"]
    await daemon.ends()


async def test_a_disk_that_does_not_answer_is_reported_and_waited_for(files, monkeypatch):
    daemon = Daemon(files)
    gate = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slowly(files):
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result(5)
        return read(files)

    monkeypatch.setattr(look, "read", slowly)
    monkeypatch.setattr(look, "SLOW_S", 0.01)
    daemon.start()
    assert "expected an answer within 0.01 s" in (await daemon.hears_refusal())[0]

    gate.set()

    assert not (await daemon.hears_edit()).changes
    assert daemon.current.problems == ()
    await daemon.ends()


def test_what_is_in_force_shows_no_secret():
    environ = {"K": "sk-hunter2-0123456789"}
    loaded = load('[workers.a]\nprovider = "openai"\nurl = "http://x"\nkey = "$K"\n', environ)

    current = Current(loaded, texts=Texts("", "K=sk-hunter2-0123456789"))

    assert "hunter2" not in repr(current) + repr(current.settings) + repr(current.texts)


async def test_the_last_edits_are_remembered_the_newest_first_with_what_came_of_them(daemon, files):
    await daemon.looks()
    assert not daemon.current.edits

    files.config.write_text(DESK + RACK)
    await daemon.hears_edit()
    files.config.write_text(DESK + "[oops")
    await daemon.hears_refusal()
    await daemon.looks()

    refused, applied = daemon.current.edits
    assert (applied.result, applied.effect["started"], applied.problems) == ("applied", ["rack"], [])
    assert "+[workers.rack]" in applied.diff
    assert refused.result == "refused"
    assert "+[oops" in refused.diff
    assert "-[workers.rack]" in refused.diff, "the difference is from what is in force"
    assert refused.problems


async def test_a_file_that_was_emptied_is_remembered_with_its_difference(daemon, files):
    await daemon.looks()
    files.config.write_text("")
    await daemon.hears_refusal()

    assert "-[workers.desk]" in daemon.current.edits[0].diff


async def test_no_remembered_edit_shows_a_key(daemon, files):
    await daemon.looks()
    for key in ("zq81-0123-4567-wxyz", "zq82-0123-4567-wxyz"):
        files.config.write_text(f'[workers.groq]\nprovider = "groq"\nkeys = [\n  "{key}",\n]\n')
        await daemon.hears_edit()

    shown = "".join(edit.diff for edit in daemon.current.edits)
    assert "***wxyz" in shown
    assert "0123" not in shown
