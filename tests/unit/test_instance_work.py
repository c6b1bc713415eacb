"""Which functions can be an instance's work, and where an input is forwarded to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from swarmpilot import TaskInstance
from swarmpilot.instance.work.call import BadFunction, as_work, find_function
from swarmpilot.instance.work.simulate import simulate
from swarmpilot.instance.work.upstream import completion_url


def test_a_function_is_found_by_module_and_name() -> None:
    assert find_function("json:dumps").__name__ == "dumps"
    assert find_function("json:JSONDecoder.decode").__name__ == "decode"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("json", "expected module:function"),
        (":dumps", "expected module:function"),
        ("no_such_module:run", "cannot import no_such_module: ModuleNotFoundError"),
        ("json:nothing", "module json has no nothing"),
        ("json:__name__", "is not a function but a str"),
    ],
)
def test_what_is_no_function_is_told(name: str, why: str) -> None:
    with pytest.raises(BadFunction, match=why):
        find_function(name)


def test_a_module_that_ends_its_program_when_imported_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a_script_of_mine.py").write_text("import sys\nsys.exit(0)\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BadFunction, match="cannot import a_script_of_mine: SystemExit: 0"):
        find_function("a_script_of_mine:run")


def nothing() -> None: ...
def three(a: Any, b: Any, c: Any) -> None: ...
def needs_name(a: Any, *, key: str) -> None: ...


@pytest.mark.parametrize("function", [nothing, three, needs_name])
def test_a_function_that_cannot_be_called_with_a_task_is_refused(function: Callable[..., Any]) -> None:
    with pytest.raises(BadFunction, match=rf"{function.__name__} must take the task's input .* its signature is \("):
        as_work(function, 1)


def knows_the_input_only(task_input: Any) -> None: ...


def test_a_function_without_the_context_is_not_preemptible() -> None:
    TaskInstance("m", simulate(preemptible=True), scheduler=None, preemptible=True)
    with pytest.raises(BadFunction, match=r"knows_the_input_only must take the context .* context.safe_point"):
        TaskInstance("m", knows_the_input_only, scheduler=None, preemptible=True)


@pytest.mark.parametrize(
    ("base", "task_input", "url"),
    [
        ("http://h:8000", {"messages": []}, "http://h:8000/v1/chat/completions"),
        ("http://h:8000/", {"prompt": "x"}, "http://h:8000/v1/completions"),
        ("http://h:8000/v1/", {"prompt": "x"}, "http://h:8000/v1/completions"),
        ("https://h/api/v1", {"messages": []}, "https://h/api/v1/chat/completions"),
    ],
)
def test_an_input_with_messages_is_a_chat(base: str, task_input: dict[str, Any], url: str) -> None:
    assert completion_url(base, task_input) == url


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
def test_a_simulated_instance_has_a_speed(speed: float) -> None:
    with pytest.raises(ValueError, match="speed must be above 0"):
        simulate(speed)
