"""What a process says on stderr where a machine reads it: one JSON object a line, of libraries too."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


def said(program: str) -> list[dict[str, Any]]:
    """What a process logs that runs this after its logs have been set up, line by line."""
    source = f"import logging\nfrom gateway.logs import set_up_logs\nset_up_logs('INFO')\n{program}"
    ran = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=60, check=True)
    return [json.loads(line) for line in ran.stderr.splitlines()]


def test_what_a_library_logs_is_one_line_with_its_traceback() -> None:
    [line] = said(
        "try:\n 1 / 0\nexcept ZeroDivisionError:\n logging.getLogger('uvicorn.error').exception('app %s', 'failed')"
    )
    assert (line["level"], line["logger"], line["event"]) == ("error", "uvicorn.error", "app failed")
    assert line["exception"].splitlines()[-1] == "ZeroDivisionError: division by zero"


def test_what_a_library_logs_in_passing_is_left_out() -> None:
    assert said("logging.getLogger('asyncio').info('a detail')") == []


def test_a_client_that_hung_up_while_it_was_answered_is_no_error() -> None:
    grpc_says = "logging.getLogger('grpc._cython.cygrpc').error"
    lines = said(
        f"{grpc_says}('ExecuteBatchError raised in core by servicer method [%s]', '/a/B')\n"
        f"{grpc_says}('Unexpected [%s] raised by servicer method [%s]', 'KeyError', '/a/B')"
    )
    assert [line["event"] for line in lines] == ["Unexpected [KeyError] raised by servicer method [/a/B]"]
