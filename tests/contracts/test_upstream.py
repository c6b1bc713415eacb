"""Tasks done by an OpenAI-compatible server, over real HTTP to a small one of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from swarmpilot.instance import TaskContext
from swarmpilot.instance.work.upstream import UpstreamError, forward

CONTEXT = TaskContext("t", "llama3", {}, 1)


class Upstream:
    """Answers completions with what it was asked; `status` and `text` replace the answer."""

    def __init__(self) -> None:
        self.port = 0
        self.asked: list[tuple[str, dict[str, Any], str | None]] = []
        self.status = 200
        self.text: str | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    async def answer(self, request: web.Request) -> web.Response:
        """Any path."""
        body = await request.json()
        self.asked.append((request.path, body, request.headers.get("Authorization")))
        if self.text is not None:
            return web.Response(status=self.status, text=self.text)
        return web.json_response({"choices": [{"text": "hello"}], "usage": {"total_tokens": 3}})


@asynccontextmanager
async def serving(upstream: Upstream) -> AsyncIterator[Upstream]:
    """The server, listening."""
    app = web.Application()
    app.router.add_post("/{path:.*}", upstream.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", upstream.port).start()
        upstream.port = runner.addresses[0][1]
        yield upstream
    finally:
        await runner.cleanup()


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a scenario within 30 s."""
    asyncio.run(asyncio.wait_for(scenario(), 30.0))


def test_the_input_goes_to_the_endpoint_that_fits_it_and_the_answer_is_the_result() -> None:
    async def scenario() -> None:
        async with serving(Upstream()) as upstream:
            work = forward(upstream.url, "llama3", api_key="secret")
            answer = {"choices": [{"text": "hello"}], "usage": {"total_tokens": 3}}
            assert await work({"prompt": "Hi", "max_tokens": 5}, CONTEXT) == answer
            assert await work({"messages": [], "model": "other", "stream": True}, CONTEXT) == answer
            assert upstream.asked == [
                (
                    "/v1/completions",
                    {"model": "llama3", "stream": False, "prompt": "Hi", "max_tokens": 5},
                    "Bearer secret",
                ),
                ("/v1/chat/completions", {"model": "other", "stream": False, "messages": []}, "Bearer secret"),
            ]

    run(scenario)


@pytest.mark.parametrize(("status", "text"), [(400, "context too long"), (200, "<html>")])
def test_what_the_server_refuses_is_an_error_with_its_words(status: int, text: str) -> None:
    async def scenario() -> None:
        async with serving(Upstream()) as upstream:
            upstream.status, upstream.text = status, text
            with pytest.raises(UpstreamError, match=f"answered {status}.*{text}"):
                await forward(upstream.url, "llama3")({"prompt": "Hi"}, CONTEXT)
            assert len(upstream.asked) == 1

    run(scenario)


def test_a_server_that_is_away_for_a_moment_is_met_again_and_one_that_stays_away_is_an_error() -> None:
    async def scenario() -> None:
        upstream = Upstream()
        async with serving(upstream):
            work = forward(upstream.url, "llama3")
            await work({"prompt": "first"}, CONTEXT)
        second = asyncio.ensure_future(work({"prompt": "second"}, CONTEXT))
        await asyncio.sleep(0)
        async with serving(upstream):
            assert (await second)["choices"]
        with pytest.raises(UpstreamError, match=r"cannot reach .* after 4 attempts"):
            await work({"prompt": "third"}, CONTEXT)

    run(scenario)
