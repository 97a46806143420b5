"""The HTTP client: what it sends, and what it makes of everything that can come back."""

import socket
import threading

import pytest
from scripted_daemon import refuses, says, streams

from cortex.commands.client import Client, worker_path
from cortex.commands.trouble import NotRunning, Refused
from cortex.commands.where import Where
from cortex.config.secret import Secret

PATH = "/cortex/v1/tree"


@pytest.fixture
def client(daemon):
    return Client(Where(daemon.url), answer_s=5.0)


def test_an_object_comes_as_it_is_and_read(daemon, client):
    daemon.answers[f"GET {PATH}"] = says({"tree": 1})

    assert client.get(PATH, "tree") == (b'{"tree": 1}', {"tree": 1})


def test_a_key_goes_as_bearer_and_into_nothing_else(daemon):
    daemon.answers[f"GET {PATH}"] = says({"tree": 1})
    client = Client(Where(daemon.url, Secret("secret-of-a-key")))

    client.get(PATH, "tree")

    assert daemon.asked[0].headers["Authorization"] == "Bearer secret-of-a-key"
    assert "secret" not in repr(client) + str(vars(client))


def test_without_a_key_none_is_sent(daemon, client):
    daemon.answers[f"GET {PATH}"] = says({"tree": 1})

    client.get(PATH, "tree")

    assert "Authorization" not in daemon.asked[0].headers


def test_a_daemon_below_a_path_is_asked_there(daemon):
    daemon.answers[f"GET /behind{PATH}"] = says({"tree": 1})

    assert Client(Where(f"{daemon.url}/behind")).get(PATH, "tree").value == {"tree": 1}


def test_an_action_carries_the_header_that_no_web_page_can_send(daemon, client):
    daemon.answers["POST /cortex/v1/workers/cloud/1/rest?for=2h"] = says({"state": "resting"})

    assert client.act("cloud/1", "rest", "?for=2h") == {"state": "resting"}
    assert daemon.asked[0].headers["X-Cortex"] == "1"


def test_what_has_no_end_is_read_line_by_line(daemon, client):
    daemon.answers["GET /cortex/v1/events"] = says(b": ping\n\ndata: 1\n\n")

    with client.listen("/cortex/v1/events", 5.0) as stream:
        assert list(stream.lines()) == [": ping", "", "data: 1", ""]


def test_what_has_no_end_and_is_silent_counts_as_broken(daemon, client):
    """It says nothing until the test is over."""

    def silent(handler):
        handler.send_response(200)
        handler.end_headers()
        daemon.let_go.wait()

    daemon.answers["GET /cortex/v1/events"] = silent

    with (
        client.listen("/cortex/v1/events", 0.05) as stream,
        pytest.raises(Refused, match=r"has not answered within 0\.05 s"),
    ):
        list(stream.lines())


@pytest.mark.parametrize(("name", "path"), [("cloud/1", "cloud/1"), ("a?b#c", "a%3Fb%23c"), ("ä b", "%C3%A4%20b")])
def test_any_name_can_stand_in_a_path(name, path):
    assert worker_path(name) == f"/cortex/v1/workers/{path}"


def test_where_nothing_listens_nothing_runs():
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}"

    with pytest.raises(NotRunning, match=f"no Córtex at {url} .*refused.*cortex run.*--url"):
        Client(Where(url)).get(PATH, "tree")


def test_a_name_that_nobody_has_is_told():
    with pytest.raises(NotRunning, match=r"no Córtex at http://no-such-host.invalid"):
        Client(Where("http://no-such-host.invalid")).get(PATH, "tree")


@pytest.mark.parametrize("body", [b"<html>", b"", b"[1]", b'{"object": "list"}', b"[" * 100_000])
def test_something_else_that_answers_is_not_taken_for_cortex(daemon, client, body):
    daemon.answers[f"GET {PATH}"] = says(body)

    with pytest.raises(NotRunning, match="something else"):
        client.get(PATH, "tree")


@pytest.mark.parametrize("error", [{"error": {"message": "no, never"}}, {"error": "no, never"}])
def test_what_the_daemon_says_is_passed_on_in_either_dialect(daemon, client, error):
    daemon.answers[f"GET {PATH}"] = says(error, 503)

    with pytest.raises(Refused, match=r"^no, never$") as refused:
        client.get(PATH, "tree")

    assert refused.value.status == 503


@pytest.mark.parametrize(("key", "words"), [(None, "wants a key"), (Secret("wrong-but-long"), "wants another key")])
def test_a_missing_or_wrong_key_is_explained(daemon, key, words):
    daemon.answers[f"GET {PATH}"] = refuses(401, "x")

    with pytest.raises(Refused, match=f"{words}: set CORTEX_API_KEY"):
        Client(Where(daemon.url, key)).get(PATH, "tree")


def test_a_daemon_that_hangs_is_waited_for_no_longer_than_told(daemon):
    daemon.answers[f"GET {PATH}"] = lambda _: daemon.let_go.wait(30)

    with pytest.raises(Refused, match=r"has not answered within 0.05 s"):
        Client(Where(daemon.url), answer_s=0.05).get(PATH, "tree")


def test_a_body_that_trickles_is_given_up_in_all(daemon):
    def trickle(handler):
        handler.send_response(200)
        handler.end_headers()
        while not daemon.let_go.wait(0.01):
            try:
                handler.wfile.write(b" ")
            except OSError:
                return

    daemon.answers[f"GET {PATH}"] = trickle

    with pytest.raises(Refused, match=r"has not answered within 0.1 s"):
        Client(Where(daemon.url), answer_s=0.1).get(PATH, "tree")


@pytest.mark.parametrize("sent", [b"", b"hello\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"])
def test_a_broken_answer_is_told_in_one_line(sent):
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer():
            connection, _ = listening.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(sent)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(Refused, match=r"the connection to .* broke"):
            Client(Where(f"http://127.0.0.1:{listening.getsockname()[1]}")).get(PATH, "tree")
        thread.join()


def test_a_stream_comes_line_by_line(daemon, client):
    daemon.answers["POST /x"] = streams({"a": 1}, X_Cortex_Worker="desk")

    with client.stream("/x", {"model": "m"}) as stream:
        assert list(stream.lines()) == ['data: {"a": 1}', "", "data: [DONE]", ""]
        assert (stream.header("X-Cortex-Worker"), stream.header("X-Cortex-Why")) == ("desk", "")
    assert daemon.asked[0].body == {"model": "m"}


def test_a_refused_stream_is_told(daemon, client):
    daemon.answers["POST /x"] = refuses(404, "model 'x' not found")

    with pytest.raises(Refused, match="model 'x' not found"), client.stream("/x", {}):
        pass


def test_leaving_a_stream_closes_its_connection(daemon, client):
    is_closed = threading.Event()

    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b"data: 1\n\n")
        if handler.rfile.read(1) == b"":  # the other side has closed
            is_closed.set()

    daemon.answers["POST /x"] = endless
    with client.stream("/x", {}) as stream:
        next(iter(stream.lines()))

    assert is_closed.wait(10)
