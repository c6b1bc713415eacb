"""Work done by an OpenAI-compatible server (vLLM, llama.cpp, Ollama): input forwarded, its answer the result."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import aiohttp

from swarmpilot.addresses import is_address
from swarmpilot.backoff import delays
from swarmpilot.instance.work import TaskContext, TaskInput, Work

CONNECT_ATTEMPTS = 4


class UpstreamError(Exception):
    """The upstream server refused the request or could not be reached; the text says what it answered."""


def completion_url(base: str, task_input: TaskInput) -> str:
    """The chat endpoint where the input has `messages`, else plain completions; `base` may end in /v1 or not."""
    root = base.rstrip("/").removesuffix("/v1")
    return f"{root}/v1/chat/completions" if "messages" in task_input else f"{root}/v1/completions"


def forward(base: str, model_name: str, *, api_key: str | None = None, timeout_s: float = 3600.0) -> Work:
    """Work that posts to the server at `base`, with `model` set to `model_name` where the input has none.

    Raises ValueError where `base` is no address.
    """
    if not is_address(base):
        raise ValueError(f"the upstream server's address must be like http://localhost:11434, got {base!r}")
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    sessions: list[aiohttp.ClientSession] = []

    async def work(task_input: TaskInput, context: TaskContext) -> Any:
        if not sessions:
            # Opened inside the loop that runs the tasks; the process ends with it.
            timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=10.0)
            connector = aiohttp.TCPConnector(limit=0)
            sessions.append(aiohttp.ClientSession(timeout=timeout, headers=headers, connector=connector))
        # A stream has no single answer to report, so it is always asked for whole.
        body = {"model": model_name, **task_input, "stream": False}
        return await _post(sessions[0], completion_url(base, task_input), body)

    return work


async def _post(session: aiohttp.ClientSession, url: str, body: dict[str, Any]) -> Any:
    reason = ""
    for delay in itertools.islice(delays(0.2, 2.0), CONNECT_ATTEMPTS):
        try:
            async with session.post(url, json=body) as answer:
                text = await answer.text()
                if answer.status >= 400:
                    raise UpstreamError(f"{url} answered {answer.status}: {text[:1000]}")
                try:
                    return await answer.json(content_type=None)
                except ValueError:
                    raise UpstreamError(f"{url} answered {answer.status} with what is not JSON: {text[:200]}") from None
        except TimeoutError:
            raise UpstreamError(f"{url} did not answer in time") from None
        except aiohttp.ClientConnectionError as failure:
            reason = str(failure) or type(failure).__name__
        await asyncio.sleep(delay)
    raise UpstreamError(f"cannot reach {url} after {CONNECT_ATTEMPTS} attempts: {reason}")
