"""A server of the tests that does not answer is started once more, and what became of it is said."""

from __future__ import annotations

import signal
import subprocess

import pytest

from tests.debian_packages import Debian
from tests.private_server import PrivateServer


class Sleeper(PrivateServer):
    """A program that sleeps; it answers at its `answers`-th start, and before that it is as `before` makes it."""

    reaping = 'kill -9 "$1"'
    url = "nowhere"

    def __init__(self, answers: int, before: signal.Signals) -> None:
        super().__init__("sleeper", self._answer, Debian())
        self.starts = 0
        self._answers, self._before = answers, before

    @property
    def pid(self) -> int:
        assert self._server is not None
        return self._server.pid

    def _answer(self, url: str) -> None:
        if self.starts < self._answers:
            assert self._server is not None
            self._server.send_signal(self._before)
            if self._before == signal.SIGKILL:
                self._server.wait()
            raise TimeoutError(f"nothing at {url}")

    def _launch(self) -> subprocess.Popen[bytes]:
        self.starts += 1
        return self._spawn(["sleep", "1000"], {}, "console.log")

    def _reaped(self) -> list[int]:
        return [self.pid]

    def _signal(self, signum: signal.Signals) -> None:
        assert self._server is not None
        self._server.send_signal(signum)


@pytest.mark.parametrize(("answers", "starts"), [(1, 1), (2, 2)])
def test_it_is_started_until_it_answers(answers: int, starts: int) -> None:
    server = Sleeper(answers, signal.SIGKILL)
    server.start()
    try:
        assert server.starts == starts
    finally:
        server.close()


@pytest.mark.parametrize(("before", "said"), [(signal.SIGKILL, "it has ended with -9"), (signal.SIGCONT, "it is in S")])
def test_one_that_never_answers_is_started_twice_and_its_condition_is_told(before: signal.Signals, said: str) -> None:
    server = Sleeper(9, before)
    try:
        with pytest.raises(TimeoutError, match=f"nothing at nowhere; {said}"):
            server.start()
        assert server.starts == 2
    finally:
        server.close()
