# SPDX-License-Identifier: Apache-2.0
"""The client: what it sends, and what becomes of answers that are none."""

import json
from collections.abc import Callable

import httpx
import pytest

from p4vpc.client import NO_RETRIES, AsyncClient, Client, RefusedError, ServerError, UnreachableError
from p4vpc.errors import Problem
from p4vpc.intent import ObjectId, Reference, Tenant, load_yaml

RESULT: dict[str, object] = {"revision": 3, "is_dry_run": False, "outcome": None, "changes": [], "from_the_future": 1}


def client(handler: Callable[[httpx.Request], httpx.Response]) -> Client:
    return Client("http://controller", transport=httpx.MockTransport(handler), retries=NO_RETRIES)


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


class Answers:
    """A controller that gives these answers, one after the other, and who asked for them."""

    def __init__(self, *answers: httpx.Response | Exception):
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.pauses: list[float] = []

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    @property
    def client(self) -> Client:
        return Client("http://controller", transport=httpx.MockTransport(self.handle), sleep=self.pauses.append)

    @property
    def async_client(self) -> AsyncClient:
        transport = httpx.MockTransport(self.handle)
        return AsyncClient("http://controller", transport=transport, sleep=self.pause)


BUSY = {"detail": "busy", "problems": []}


def test_a_busy_controller_is_asked_again_when_it_says() -> None:
    answers = Answers(
        httpx.Response(429, json=BUSY, headers={"Retry-After": "3"}),
        httpx.Response(503, json=BUSY),
        httpx.Response(429, json=BUSY, headers={"Retry-After": "600"}),
        httpx.Response(200, json=RESULT),
    )
    with answers.client as api:
        assert api.delete([ObjectId("tenant", "red")]).revision == 3
    assert answers.pauses == [3.0, 1.0, 10.0]
    assert len({request.content for request in answers.requests}) == 1


def test_it_is_not_asked_for_ever_and_not_for_a_second_token() -> None:
    busy = [httpx.Response(503, json=BUSY) for _ in range(9)]
    answers = Answers(*busy)
    with answers.client as api, pytest.raises(ServerError, match="answered 503: busy"):
        api.status()
    assert len(answers.requests) == 5
    answers = Answers(*busy)
    with answers.client as api, pytest.raises(ServerError):
        api.create_token("x", "operator")
    assert len(answers.requests) == 1
    answers = Answers(httpx.Response(409, json=BUSY))
    with answers.client as api, pytest.raises(RefusedError):
        api.delete([])
    assert answers.pauses == []


async def test_the_other_client_is_as_patient() -> None:
    answers = Answers(httpx.Response(429, json=BUSY), httpx.Response(200, json=RESULT))
    async with answers.async_client as api:
        assert (await api.apply([])).revision == 3
    assert answers.pauses == [0.5]


def commit(revision: int) -> str:
    change = {"operation": "create", "kind": "tenant", "key": "red", "before": None, "after": {}}
    return f"id: {revision}\nevent: commit\ndata: {json.dumps({'revision': revision, 'changes': [change]})}\n\n"


def streams() -> Answers:
    """Cut off in the middle of an event, not reachable, busy, and back with what came meanwhile."""
    return Answers(
        httpx.Response(200, text=f"{commit(5)}{commit(6)}id: 7\ndata: half"),
        httpx.ConnectError("gone"),
        httpx.Response(503, json=BUSY),
        httpx.Response(200, text=commit(7)),
        httpx.Response(401, json={"detail": "revoked"}),
    )


def test_watching_goes_on_where_it_was_cut_off() -> None:
    answers = streams()
    with answers.client as api:
        events = api.watch(since=4)
        assert [next(events).revision for _ in range(3)] == [5, 6, 7]
        with pytest.raises(RefusedError, match="revoked"):
            next(events)
    assert [request.headers.get("last-event-id") for request in answers.requests] == [None, "6", "6", "6", "7"]
    assert answers.pauses == [1.0, 2.0, 4.0, 1.0]


async def test_the_other_client_watches_alike() -> None:
    answers = streams()
    async with answers.async_client as api:
        found: list[int] = []
        with pytest.raises(RefusedError, match="revoked"):
            async for event in api.watch(since=4):
                found.append(event.revision)
    assert found == [5, 6, 7]
    assert answers.pauses == [1.0, 2.0, 4.0, 1.0]


def status(outcome: str) -> httpx.Response:
    body = {"revision": 9, "compiled_revision": 9, "error": "", "outcome": outcome, "switches": [], "links": []}
    return httpx.Response(200, json=body)


def test_waiting_outlives_a_restart_and_tells_how_far_it_is() -> None:
    answers = Answers(status("timeout"), httpx.ConnectError("gone"), status("timeout"), status("realised"))
    told: list[object] = []
    with answers.client as api:
        found = api.wait(9, seconds=60, on_progress=told.append, slice_seconds=2)
    assert found.outcome == "realised"
    assert len(told) == 3
    assert answers.requests[0].url.params["revision"] == "9"
    assert answers.pauses == [1.0]


def test_waiting_ends() -> None:
    with Answers(status("timeout")).client as api:
        assert api.wait(seconds=0).outcome == "timeout"
    with Answers(httpx.ConnectError("gone")).client as api, pytest.raises(UnreachableError):
        api.wait(seconds=0)


def test_preconditions_are_headers() -> None:
    answers = Answers(*(httpx.Response(200, json=RESULT) for _ in range(3)))
    red = load_yaml("kind: tenant\nname: red", "test")[0]
    with answers.client as api:
        api.put(red, if_revision=0)
        api.put(red, if_revision=7)
        api.patch(red.id, {"description": "x"})
    assert [request.headers.get("if-none-match") for request in answers.requests] == ["*", None, None]
    assert [request.headers.get("if-match") for request in answers.requests] == [None, '"7"', None]


def test_objects_are_read_typed() -> None:
    red = {"kind": "tenant", "name": "red"}
    page = {"revision": 5, "items": [red], "next": None}
    answers = Answers(
        httpx.Response(200, json=red, headers={"ETag": '"5"'}),
        httpx.Response(200, json=page),
        httpx.Response(200, json={**red, "colour": 1}, headers={"ETag": '"5"'}),
        httpx.Response(200, json=red),
    )
    with answers.client as api:
        found = api.read(Tenant, "red")
        assert (found.object.name, found.revision) == ("red", 5)
        assert [tenant.name for tenant in api.read_all(Tenant)] == ["red"]
        for reason in ("does not know", "no ETag"):
            with pytest.raises(ServerError, match=reason):
                api.read(Tenant, "red")
