"""Settings as the environment and the command line give them."""

from __future__ import annotations

import logging

import pytest

from actors.settings import Settings
from swarmpilot.cli import run
from swarmpilot.cli.options import set_up_logs


@pytest.mark.parametrize("name", ["LOG_LEVEL", "SWARMPILOT_LOG_LEVEL"])
def test_a_log_level_may_be_spelt_in_small_letters(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv("LOG_LEVEL", raising=False)
    monkeypatch.setenv(name, "warning")
    assert Settings().log_level == "WARNING"


@pytest.mark.parametrize("command", ["start", "verify"])
def test_a_wrong_setting_of_the_environment_is_told_in_the_same_words_by_all_commands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    monkeypatch.setenv("SWARMPILOT_AGING_TO", "99")
    assert run([command]) == 2
    assert capsys.readouterr().err == "swarmpilot: aging_to: must be less than or equal to 20; got '99'\n"


@pytest.mark.parametrize("name", ["PRIORITY_ORDER", "SWARMPILOT_PRIORITY_ORDER"])
def test_a_setting_with_two_names_is_told_by_that_of_the_option(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.setenv(name, "higher")
    assert run(["start"]) == 2
    assert capsys.readouterr().err == "swarmpilot: priority_order: must be 'importance' or 'nice'; got 'higher'\n"


@pytest.mark.parametrize("command", [["instance", "--model", "m"], ["worker", "--agent", "a", "--call", "json:loads"]])
def test_a_wrong_log_level_is_told_by_instances_and_workers_as_by_the_service(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "loud")
    assert run(command) == 2
    error = capsys.readouterr().err
    assert error == "swarmpilot: log_level: must be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'; got 'loud'\n"


def test_a_broker_that_stays_away_is_told_by_the_worker_alone() -> None:
    drivers = logging.getLogger("aiormq")
    before = drivers.level
    try:
        set_up_logs("info")
        assert not drivers.isEnabledFor(logging.ERROR)
    finally:
        drivers.setLevel(before)
