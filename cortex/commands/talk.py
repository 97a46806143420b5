"""A conversation with the running daemon: what was said so far, and one answer at a time, shown as it comes."""

import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout, suppress

import click

from cortex.commands.answer import Answer, Piece
from cortex.commands.client import Client, Stream
from cortex.commands.marks import harmless
from cortex.commands.trouble import Refused, Trouble

PATH = "/v1/chat/completions"


class Conversation:
    """Keeps the history, so that each answer knows what came before; a question without an answer is not kept."""

    def __init__(self, client: Client, model: str) -> None:
        self.messages: list[dict[str, str]] = []
        self._client = client
        self._model = model

    def ask(self, question: str) -> bool:
        """Ask, and show the answer as it comes, then who gave it; return False when Ctrl-C stopped it.

        Raises Trouble when there is no answer, or no whole one.
        """
        asked = [*self.messages, {"role": "user", "content": question}]
        answer = Answer(time.monotonic())
        try:
            who = self._stream(asked, answer)
        except KeyboardInterrupt:  # the connection is closed by now, which cancels the upstream
            who = None
        if who is not None and not answer.is_whole:
            raise Refused(answer.problem or "the answer broke off")
        if answer.text:
            self.messages = [*asked, {"role": "assistant", "content": answer.text}]
        parts = ("stopped",) if who is None else (who, answer.pace(), _end(answer))
        _aside("  ".join(part for part in parts if part))
        return who is not None

    def _stream(self, asked: list[dict[str, str]], answer: Answer) -> str:
        """Fill `answer` and show it while it comes; return who gave it and why."""
        body = {"model": self._model, "messages": asked, "stream": True, "stream_options": {"include_usage": True}}
        screen = _Screen()
        try:
            with self._client.stream(PATH, body) as stream:
                for line in stream.lines():
                    for piece in answer.line(line, time.monotonic()):
                        screen.show(piece)
                return self._who(stream, answer)
        finally:
            screen.end()

    def _who(self, stream: Stream, answer: Answer) -> str:
        """Say who answered and why. When waiting began before that was known, the headers do not say it: ask again."""
        worker, model, why = (stream.header(f"X-Cortex-{name}") for name in ("Worker", "Model", "Why"))
        if not worker:
            with suppress(Trouble):
                record = self._client.get(f"/cortex/v1/requests/{stream.header('X-Cortex-Request')}", "worker").value
                worker, model, why = (record.get(name) or "" for name in ("worker", "model", "why"))
        reason = f" ({why})" if why else ""
        return f"{worker or '?'}, {model or answer.model}{reason}"


def talk(conversation: Conversation, read: Callable[[], str]) -> None:
    """Ask what `read` returns until it raises EOFError, or is interrupted twice in a row; `/quit` ends it too."""
    was_interrupted = False
    while True:
        try:
            question = read().strip()
        except EOFError:
            click.echo(err=True)
            return
        except KeyboardInterrupt:
            click.echo(err=True)
            if was_interrupted:
                return
            was_interrupted = True
            _aside("Ctrl-C once more, Ctrl-D or /quit to leave")
            continue
        if question == "/quit":
            return
        was_interrupted = bool(question) and not _asked(conversation, question)


def read_line() -> str:
    """Read a line from the terminal, with the keys for editing and history that its readline has."""
    with suppress(ImportError):
        import readline  # noqa: F401, PLC0415  its import is what makes input() editable; not everywhere

    if sys.stdout.isatty():
        return input("> ")
    with redirect_stdout(sys.stderr):  # the answers go to a file: the prompt must not
        return input("> ")


def _asked(conversation: Conversation, question: str) -> bool:
    try:
        return conversation.ask(question)
    except Trouble as trouble:
        trouble.show()
        return True


class _Screen:
    """Writes the pieces of one answer: its text to stdout, all else dimmed to stderr, never two on one line."""

    def __init__(self) -> None:
        self._kind = ""

    def show(self, piece: Piece) -> None:
        if piece.kind != self._kind or piece.kind == "comment":
            self.end()
        self._kind = piece.kind
        if piece.kind == "text":
            click.echo(harmless(piece.text) if sys.stdout.isatty() else piece.text, nl=False)
        else:
            click.secho(harmless(piece.text), nl=False, err=True, dim=True)

    def end(self) -> None:
        """End the line that was begun."""
        if self._kind:
            click.echo(err=self._kind != "text")
        self._kind = ""


def _end(answer: Answer) -> str:
    return {"stop": "", "length": "cut at the most tokens allowed"}.get(answer.finish, answer.finish)


def _aside(text: str) -> None:
    click.secho(harmless(text), err=True, dim=True)
