"""`cortex chat`: ask the running daemon, and see who answered and why."""

import sys

import click

from cortex.commands.client import Client
from cortex.commands.options import complete_model, with_client
from cortex.commands.talk import Conversation, read_line, talk
from cortex.commands.trouble import EXIT_GOOD, EXIT_NOT, WrongUse


@click.command(epilog="With a terminal, a conversation; else one question, from stdin: echo Hello | cortex chat fast")
@click.argument("model", default="auto", shell_complete=complete_model)
@with_client
def chat(client: Client, model: str) -> None:
    """Ask the running daemon something.

    MODEL is any name that a client may ask for; without it the strategy chooses. The answer goes to stdout, who gave it
    and why to stderr. Ctrl-C stops an answer, twice leaves.
    """
    conversation = Conversation(client, model)
    if sys.stdin.isatty():
        talk(conversation, read_line)
        return
    question = sys.stdin.read().strip()
    if not question:
        raise WrongUse("expected a question on stdin, found nothing")
    sys.exit(EXIT_GOOD if conversation.ask(question) else EXIT_NOT)
