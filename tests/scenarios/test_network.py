"""A bad network between the service and RabbitMQ, and between the service and an instance: late, never, or lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.free_ports import free_port
from tests.rabbit_server import RabbitServer
from tests.scenarios.executions import executions
from tests.scenarios.processes import World, eventually
from tests.scenarios.test_crashes import Submitters, assert_each_ended_once
from tests.tcp_gate import Line, TcpGate

QUICK: dict[str, Any] = {
    "probe_interval_s": 0.5,
    "probe_timeout_s": 1,
    "push_timeout_s": 2,
    "retry_delay_s": 0.1,
    "ask_timeout_s": 3,
}


def test_to_rabbitmq(tmp_path: Path, rabbit: RabbitServer) -> None:
    parts = urlsplit(rabbit.url)
    gate = TcpGate(parts.hostname or "", parts.port or 5672)
    gate.open()
    url = parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{gate.port}").geturl()
    with World(tmp_path, amqp=url, **QUICK) as world:
        world.start_scheduler()
        world.start_instance("m", "--capacity", "4")
        with Submitters(world, threads=3) as submitters:
            for harm in (gate.cut_in_frame, gate.reset, gate.hold):
                submitters.wait_for(len(submitters.acknowledged) + 20)
                refused = submitters.refused
                harm()
                eventually(lambda before=refused: submitters.refused > before, what="a refusal")  # type: ignore[misc]
                gate.let_go()
            gate.line = Line(latency_s=0.02, jitter_s=0.02)
            submitters.wait_for(len(submitters.acknowledged) + 20)
            gate.line = Line()
        eventually(world.is_healthy, what="all is well again")
        assert_each_ended_once(world, submitters.acknowledged)
    gate.shut()


def test_to_an_instance(tmp_path: Path) -> None:
    """A push whose answer is lost is repeated under its key; a run that the instance has taken is not begun again."""
    port, file = free_port(), tmp_path / "executions"
    gate = TcpGate("127.0.0.1", port)
    gate.open()
    harms = {10: gate.cut_in_frame, 30: gate.reset, 50: gate.hold, 60: gate.let_go, 70: gate.cut_in_frame}
    with World(tmp_path, **QUICK, max_attempts=50) as world:
        world.start_scheduler()
        advertise = ("--advertise", f"127.0.0.1:{gate.port}", "--call", "tests.scenarios.executions:note")
        world.start_instance("m", "--capacity", "4", *advertise, port=port)
        task_ids = [f"t-{number}" for number in range(80)]
        for number, task_id in enumerate(task_ids):
            harms.get(number, lambda: None)()
            world.submitted("m", {"file": str(file), "ms": 20}, task_id=task_id)
        assert_each_ended_once(world, task_ids)
        assert set(executions(file).values()) == {1}, "a run of an attempt was begun again"
    gate.shut()
