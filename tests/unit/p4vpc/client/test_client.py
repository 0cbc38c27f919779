# SPDX-License-Identifier: Apache-2.0
"""The client: what it sends, and what becomes of answers that are none."""

import json
from collections.abc import Callable

import httpx
import pytest

from p4vpc.client import Client, RefusedError, ServerError, UnreachableError
from p4vpc.errors import Problem
from p4vpc.intent import ObjectId, Reference, load_yaml

RESULT: dict[str, object] = {"revision": 3, "is_dry_run": False, "outcome": None, "changes": [], "from_the_future": 1}


def client(handler: Callable[[httpx.Request], httpx.Response]) -> Client:
    return Client("http://controller", transport=httpx.MockTransport(handler))


def test_apply_sends_documents_and_what_could_not_be_read() -> None:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=RESULT)

    with client(handle) as api:
        objects = load_yaml("kind: tenant\nname: red", "test")
        result = api.apply(
            objects,
            malformed={ObjectId("vpc", "red/prod"): (Reference("tenant", ObjectId("tenant", "red")),)},
            is_dry_run=True,
            wait_seconds=5,
        )
    assert result.revision == 3
    assert str(seen[0].url) == "http://controller/v1/apply?dry_run=true&wait=5"
    assert json.loads(seen[0].content) == {
        "objects": [{"kind": "tenant", "name": "red"}],
        "malformed": [
            {
                "kind": "vpc",
                "key": "red/prod",
                "references": [{"field": "tenant", "kind": "tenant", "key": "red"}],
            }
        ],
    }


def test_a_refusal_carries_all_problems() -> None:
    problem = {"object": "tenant red", "field": "name", "message": "is wrong", "remedy": "another", "source": "here"}
    answer = httpx.Response(422, json={"detail": "2 problems", "problems": [problem, {"message": "and that"}]})
    with client(lambda _: answer) as api, pytest.raises(RefusedError) as caught:
        api.status()
    assert caught.value.problems == (
        Problem("tenant red", "name", "is wrong", "another", "here"),
        Problem("", "", "and that"),
    )
    assert caught.value.status == 422


def test_a_refusal_without_problems_still_says_why() -> None:
    answer = httpx.Response(404, json={"detail": "Not Found"})
    with client(lambda _: answer) as api, pytest.raises(RefusedError, match="Not Found"):
        api.get(ObjectId("tenant", "red"))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (httpx.Response(200, text="<html>"), "answered 200 without JSON"),
        (httpx.Response(200, json={"revision": 1}), "none of ours: is_dry_run"),
        (httpx.Response(200, json=[]), "none of ours"),
        (httpx.Response(503, json={"detail": "the database is away"}), "answered 503: the database is away"),
    ],
)
def test_an_answer_that_is_none_is_a_server_error(answer: httpx.Response, reason: str) -> None:
    with client(lambda _: answer) as api, pytest.raises(ServerError, match=reason):
        api.delete([])


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError])
def test_no_answer_is_unreachable(error: type[httpx.TransportError]) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise error("gone", request=request)

    with client(fail) as api, pytest.raises(UnreachableError, match="http://controller"):
        api.drops()


@pytest.mark.parametrize("server", ["nonsense", "http://", "ftp://x", "http://[", ""])
def test_a_server_that_is_no_url_is_unreachable(server: str) -> None:
    with pytest.raises(UnreachableError), Client(server) as api:
        api.status()
