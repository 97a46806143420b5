"""What the fields of an Anthropic body say together: whether they fit, and what they need of a provider. Pure.

Both run for every request and look into the messages once each, without translating them. The needs are those that
`chat.needs_of` finds in the translation, plus those that have no translation at all (files, citations, Anthropic's tools).
"""

from collections.abc import Iterator, Sequence

from cortex.chat import Need
from cortex.endpoint import anthropic_body as sent
from cortex.endpoint.problems import echo, refuse

_MISSING = "missing_required_parameter"
_ADDRESS = ("https://", "http://")
_ONLY_CHAT: frozenset[Need] = frozenset({"chat"})


def check(body: sent.Body) -> None:
    """Raise BadRequest for fields that are each right and wrong together."""
    for index, tool in enumerate(body.tools or ()):
        if tool.is_own:
            _check_tool(tool, f"tools[{index}]")
    if body.tool_choice is not None:
        _check_choice(body, body.tool_choice)
    for index, message in enumerate(body.messages):
        if isinstance(message, sent.User) and not isinstance(message.content, str):
            _check_blocks(message.content, f"messages[{index}].content")


def _check_tool(tool: sent.Tool, param: str) -> None:
    if tool.name is None:
        raise refuse("required, but missing", f"{param}.name", _MISSING)
    if tool.input_schema is None:
        raise refuse("required, but missing", f"{param}.input_schema", _MISSING)


def _check_choice(body: sent.Body, choice: object) -> None:
    """Something must be there where a call is required, and a tool that is named must be offered."""
    if isinstance(choice, sent.AnyChoice | sent.ToolChoice) and not body.tools:
        raise refuse("expected tools to choose from, found none", "tool_choice")
    if isinstance(choice, sent.ToolChoice) and all(tool.name != choice.name for tool in body.tools or ()):
        raise refuse(f"expected the name of one of the tools, found {echo(choice.name)!r}", "tool_choice.name")


def _check_blocks(blocks: Sequence[sent.Block], param: str) -> None:
    for index, block in enumerate(blocks):
        match block:
            case sent.Image(source=source) | sent.Document(source=source):
                _check_source(source, f"{param}[{index}].source")
            case sent.ToolResult(content=list() as content):
                _check_blocks(content, f"{param}[{index}].content")


def _check_source(source: object, param: str) -> None:
    match source:
        case sent.Base64(data=data) if data.startswith(("data:", *_ADDRESS)):
            raise refuse(f"expected base64 without a data: prefix, found {echo(data)!r}", f"{param}.data")
        case sent.Address(url=url) if not url.startswith(_ADDRESS):
            raise refuse(f"expected an http(s) address, found {echo(url)!r}", f"{param}.url")
        case sent.Content(content=list() as content):
            _check_blocks(content, f"{param}.content")


def needs_of_body(body: sent.Body) -> frozenset[Need]:
    """Return what a provider must be able to express so that nothing of the request is lost."""
    needs: set[Need] = set()
    if body.tools:
        _add_tools(body.tools, body.tool_choice, needs)
    if format_of(body) is not None:
        needs.add("json_schema")
    if body.top_k is not None:
        needs.add("top_k")
    for message in body.messages:
        if isinstance(message, sent.User) and not isinstance(message.content, str):
            _add_blocks(message.content, needs)
    return _ONLY_CHAT | needs if needs else _ONLY_CHAT


def format_of(body: sent.Body) -> sent.JsonFormat | None:
    """Return the schema that binds the answer, by whichever of its names it came."""
    config = body.output_config
    return body.output_format if config is None or config.format is None else config.format


def _add_tools(tools: list[sent.Tool], choice: object, needs: set[Need]) -> None:
    if not all(tool.is_own for tool in tools):
        needs.add("custom_tools")
    if not isinstance(choice, sent.NoChoice):
        needs.add("tools")
        if isinstance(choice, sent.AnyChoice | sent.ToolChoice):
            needs.add("tool_choice")


def _add_blocks(blocks: Sequence[sent.Block], needs: set[Need]) -> None:
    for block in _every_block(blocks):
        match block:
            case sent.Image(source=source):
                needs.add(_need_of_image(source))
            case sent.Document() | sent.SearchResult():
                _add_document(block, needs)


def _every_block(blocks: Sequence[sent.Block]) -> Iterator[sent.Block]:
    """Yield the blocks and those inside of them."""
    for block in blocks:
        yield block
        match block:
            case sent.ToolResult(content=list() as inner) | sent.Document(source=sent.Content(content=list() as inner)):
                yield from _every_block(inner)


def _need_of_image(source: object) -> Need:
    if isinstance(source, sent.Stored):
        return "files"
    return "image_urls" if isinstance(source, sent.Address) else "images"


def _add_document(block: sent.Document | sent.SearchResult, needs: set[Need]) -> None:
    if block.citations is not None and block.citations.enabled:
        needs.add("documents")
    if isinstance(block, sent.Document) and not isinstance(block.source, sent.Plain | sent.Content):
        needs.add("files")
