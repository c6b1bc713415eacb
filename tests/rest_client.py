"""A REST client that holds every answer against the OpenAPI document of the service that gave it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from jsonschema import Draft202012Validator


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `body` is its JSON value, or its text where it is none."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def detail(self) -> str:
        """Why not, where it is an error."""
        assert self.status >= 400, self
        detail = self.body["detail"]
        assert isinstance(detail, str)
        return detail


class Document:
    """The OpenAPI document; object schemas are closed, so that an answer cannot hold what is not in it."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        for schema in document["components"]["schemas"].values():
            if "properties" in schema:
                schema.setdefault("additionalProperties", False)
        self._patterns = [
            (re.compile("^" + re.sub(r"\\{[^}]+\\}", ".+", re.escape(path)) + "$"), path) for path in document["paths"]
        ]

    def operations(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """(method, path, operation) of everything that can be asked."""
        for path, methods in self.document["paths"].items():
            for method, operation in methods.items():
                yield method.upper(), path, operation

    def path_of(self, path: str) -> str | None:
        """The documented path that this one is an instance of; the most specific one."""
        found = [known for pattern, known in self._patterns if pattern.match(path)]
        return max(found, key=len, default=None)

    def check(self, method: str, path: str, reply: Reply) -> None:
        """Raises where the document does not allow this answer."""
        known = self.path_of(path)
        operation = self.document["paths"].get(known, {}).get(method.lower())
        if operation is None:
            assert reply.status in (404, 405), f"{method} {path} is not documented, and answers {reply}"
            return
        assert str(reply.status) in operation["responses"], f"{method} {path} must not answer {reply}"
        content = operation["responses"][str(reply.status)]["content"]
        kind = reply.headers["content-type"].partition(";")[0]
        assert kind in content, f"{method} {path} must not answer {kind}"
        schema = {"components": self.document["components"], **content[kind]["schema"]}
        Draft202012Validator(schema).validate(reply.body)


@dataclass(frozen=True, slots=True)
class Event:
    """One block of a stream: `kind` is "" where it is no event. `id` is None where it has none."""

    kind: str
    id: int | None
    data: Any


class Events:
    """Server-Sent Events as they arrive."""

    def __init__(self, content: aiohttp.StreamReader) -> None:
        self._content = content

    async def next(self) -> Event | None:
        """The next one; None at the end. Fails where none comes in 30 s."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(30):
            while (line := (await self._content.readline()).decode()) not in ("\n", ""):
                name, _, value = line.rstrip("\n").partition(": ")
                assert name in ("", "id", "event", "data"), line
                fields[name] = value
        if not line:
            assert not fields, "an event was cut off"
            return None
        data = json.loads(fields["data"]) if "data" in fields else None
        return Event(fields.get("event", ""), int(fields["id"]) if "id" in fields else None, data)

    async def until_idle(self) -> list[Event]:
        """All up to the first block that is no event, and only says where to go on from."""
        found = []
        while (event := await self.next()) is not None and event.kind:
            found.append(event)
        assert event is not None, "it ended"
        return [*found, event]


class Rest:
    """Asks the service at `url`."""

    def __init__(self, url: str, session: aiohttp.ClientSession, document: Document) -> None:
        self.url = url
        self.session = session
        self.document = document
        self.seen: set[tuple[str, str, int]] = set()

    async def ask(self, method: str, path: str, **options: Any) -> Reply:
        """The answer, which fits the document."""
        async with self.session.request(method, self.url + path, **options) as response:
            text = await response.text()
            is_json = response.content_type == "application/json"
            headers = {name.lower(): value for name, value in response.headers.items()}
            reply = Reply(response.status, json.loads(text) if is_json else text, headers)
        self.document.check(method, path, reply)
        self.seen.add((method, self.document.path_of(path) or path, reply.status))
        return reply

    async def get(self, path: str, **query: str) -> Reply:
        return await self.ask("GET", path, params=query)

    async def post(self, path: str, body: Any) -> Reply:
        """POST a JSON value, or bytes as they are."""
        if isinstance(body, bytes):
            return await self.ask("POST", path, data=body)
        return await self.ask("POST", path, json=body)

    @asynccontextmanager
    async def events(self, path: str, last_event_id: int | None = None, **query: str) -> AsyncIterator[Events]:
        """Follow a stream of events until the block ends."""
        headers = {} if last_event_id is None else {"Last-Event-ID": str(last_event_id)}
        async with self.session.get(self.url + path, params=query, headers=headers) as response:
            content = self.document.document["paths"][path]["get"]["responses"][str(response.status)]["content"]
            assert (response.status, response.content_type) == (200, "text/event-stream")
            assert response.content_type in content
            self.seen.add(("GET", path, 200))
            yield Events(response.content)

    async def submit(self, model: str, task_input: dict[str, Any], **fields: Any) -> Reply:
        return await self.post("/queue/submit", {"model_name": model, "task_input": task_input, **fields})


@asynccontextmanager
async def rest_client(url: str) -> AsyncIterator[Rest]:
    """A client of the service at this URL, with the service's own document."""
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{url}/openapi.json") as response:
            document = Document(await response.json())
        yield Rest(url, session, document)
