"""A process that has imported the service and forks children that run it: real processes, there in a tenth of the time.

It is a program of its own (`python -m tests.scenarios.nursery`), so that what is forked has no threads, no loop and
no open connection. A line of JSON on stdin asks for a child, lines on stdout tell of births and deaths; at the end of
stdin, which is also the death of whoever started it, it ends, and with it all children that are left.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import select
import signal
import sys
import traceback
from typing import Any, NoReturn

import actors.stores.postgres
import actors.stores.sqlite
from actors.settings import Settings
from gateway.serve import run
from swarmpilot.instance import TaskInstance
from tests.scenarios.executions import note

PRELOADED = (actors.stores.postgres, actors.stores.sqlite)
"""What the service imports only once it is used."""

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def main() -> None:
    """Fork as asked until stdin ends."""
    gc.collect()
    gc.freeze()
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    children: set[int] = set()
    asked = b""
    while True:
        ready, _, _ = select.select([0, reading], [], [])
        if reading in ready:
            os.read(reading, 4096)
            _reap(children)
        if 0 in ready:
            read = os.read(0, 65536)
            if not read:
                break
            *lines, asked = (asked + read).split(b"\n")
            for line in lines:
                children.add(_fork(json.loads(line), (reading, writing)))


def _reap(children: set[int]) -> None:
    for child in list(children):
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            children.discard(child)
            _tell({"died": pid, "code": os.waitstatus_to_exitcode(status)})


def _fork(wish: dict[str, Any], ours: tuple[int, int]) -> int:
    child = os.fork()
    if not child:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        _be_born(wish, ours)
    _tell({"born": child, "wish": wish["wish"]})
    return child


def _be_born(wish: dict[str, Any], ours: tuple[int, int]) -> NoReturn:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for descriptor in ours:
        os.close(descriptor)
    _redirect(wish["log"])
    _live(wish)


def _redirect(log: str) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(output)


def _live(wish: dict[str, Any]) -> NoReturn:
    code = 1
    try:
        if wish["what"] == "instance":
            code = TaskInstance("m", note, scheduler=wish["scheduler"], port=wish["port"], capacity=4).run()
        else:
            code = run(Settings(**wish["settings"]))
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    os._exit(code)


def _tell(what: dict[str, Any]) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    main()
