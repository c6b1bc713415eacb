"""The yardstick: a FastAPI endpoint that inserts one row durably a request. The simplest service that keeps a task.

`python -m benchmarks.bare_endpoint FILE` serves it on a free port, which it prints.
"""

from __future__ import annotations

import socket
import sqlite3
import sys
from typing import Any
from uuid import uuid4

import msgspec
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel


class Submit(BaseModel):
    """What the scheduler takes, too."""

    model_name: str
    task_input: dict[str, Any]
    metadata: dict[str, Any] = {}


class Accepted(BaseModel):
    """What the scheduler answers, too."""

    status: str
    task_id: str
    scheduled_ti: str


def build_app(path: str) -> FastAPI:
    """The endpoint, with its rows in the SQLite file at `path`."""
    rows = sqlite3.connect(path, isolation_level=None)
    rows.execute("PRAGMA journal_mode = WAL")
    rows.execute("PRAGMA synchronous = FULL")
    rows.execute("CREATE TABLE task (task_id TEXT PRIMARY KEY, model_name TEXT, input BLOB)")
    app = FastAPI()

    @app.post("/queue/submit")
    async def submit(body: Submit) -> Accepted:
        task_id = f"task-{uuid4().hex}"
        kept = msgspec.json.encode(body.task_input)
        rows.execute("INSERT INTO task VALUES (?, ?, ?)", (task_id, body.model_name, kept))
        return Accepted(status="success", task_id=task_id, scheduled_ti="")

    return app


def main() -> None:
    """Serve until SIGTERM."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    sys.stdout.write(f"bare endpoint on http://127.0.0.1:{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    config = uvicorn.Config(
        build_app(sys.argv[1]), loop="uvloop", http="httptools", access_log=False, log_level="warning"
    )
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
