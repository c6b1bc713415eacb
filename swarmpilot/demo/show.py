"""Runs the demo: start the processes, stream tasks, show, wait for the last one, sum up, end everything."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.live import Live

from swarmpilot.async_client import AsyncClient
from swarmpilot.demo.processes import Children, free_port
from swarmpilot.demo.screen import Moment, draw, line
from swarmpilot.demo.stream import Stream
from swarmpilot.demo.summary import summary
from swarmpilot.demo.tally import Tally
from swarmpilot.demo.workload import MODEL, plan_instances, plan_tasks
from swarmpilot.errors import SchedulerError

START_TIMEOUT_S = 30.0
DRAIN_TIMEOUT_S = 60.0
LINE_EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class Script:
    """How the demo runs. `url`: a running scheduler to aim at; None starts one."""

    seconds: float
    rate: float
    url: str | None
    seed: int


def run(script: Script, console: Console) -> int:
    """Run the demo; 0 where every task was accepted and ended well. Raises ChildFailed, SchedulerError."""
    try:
        return asyncio.run(_run(script, console))
    except asyncio.CancelledError:
        return 128 + signal.SIGTERM


async def _run(script: Script, console: Console) -> int:
    # Ctrl-C cancels this task through asyncio; make SIGTERM and a closed terminal do the same.
    this = asyncio.current_task()
    assert this
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, this.cancel)
    moment = Moment(Tally())
    with tempfile.TemporaryDirectory(prefix="swarmpilot-demo-") as folder:
        children = Children(Path(folder))
        grace_s = 0.2
        try:
            async with _service(script, children, moment, console) as client:
                await _stream(script, client, children, moment, console)
            grace_s = 10.0
        finally:
            # After an interruption nobody waits for what the instances still hold.
            with console.status("ending the instances, then the scheduler"):
                children.stop(grace_s)
    console.print(summary(moment))
    return 0 if moment.tally.is_clean else 1


@contextlib.asynccontextmanager
async def _service(script: Script, children: Children, moment: Moment, console: Console) -> AsyncIterator[AsyncClient]:
    """A scheduler with three instances that have joined it."""
    url = script.url
    if url is None:
        port, grpc_port = free_port(), free_port()
        url = f"http://127.0.0.1:{port}"
        store = f"sqlite:///{children.folder / 'tasks.db'}"
        console.print(f"starting a scheduler at {url}, its tasks in a temporary SQLite store", soft_wrap=True)
        children.start(
            "scheduler",
            ["start", "--host", "127.0.0.1", "--port", str(port), "--grpc-port", str(grpc_port), "--store", store],
        )
    async with AsyncClient(url, retry_for_s=10.0) as client:
        await _until(client.health, children, console, "the scheduler to answer")
        plans = plan_instances(script.rate)
        console.print(
            "starting three simulated instances: " + ", ".join(f"{p.name} (speed {p.speed:g})" for p in plans)
        )
        for plan in plans:
            port = free_port()
            moment.names[port] = plan.name
            options = {"model": MODEL, "port": port, "speed": plan.speed, "capacity": plan.capacity, "id": plan.name}
            children.start(
                plan.name,
                ["instance", "--scheduler", url, *(word for k, v in options.items() for word in (f"--{k}", str(v)))],
            )

        async def all_joined() -> None:
            moment.queues = await client.queues(MODEL)
            if not moment.names.keys() <= {queue.port for queue in moment.queues}:
                raise SchedulerError("the instances have not joined the scheduler")

        await _until(all_joined, children, console, "the instances to join the scheduler")
        yield client


async def _until(attempt: Callable[[], Awaitable[object]], children: Children, console: Console, what: str) -> None:
    """Repeat until it raises no SchedulerError; after 30 s its last error goes on. Says what is waited for."""
    begun = time.monotonic()

    async def succeed() -> None:
        while True:
            try:
                await attempt()
            except SchedulerError:
                if time.monotonic() - begun > START_TIMEOUT_S:
                    raise
                await asyncio.sleep(0.1)
            else:
                return

    succeeding = asyncio.create_task(succeed())
    try:
        with console.status("") as status:
            while not succeeding.done():
                status.update(f"waiting for {what}: {time.monotonic() - begun:.0f} s")
                children.check()
                await asyncio.wait({succeeding}, timeout=0.1)
        await succeeding
    finally:
        succeeding.cancel()
    console.print(f"waited {time.monotonic() - begun:.1f} s for {what}", highlight=False)


async def _stream(script: Script, client: AsyncClient, children: Children, moment: Moment, console: Console) -> None:
    stream = Stream(client, moment.tally)
    await stream.open()
    begun = time.monotonic()
    beside = [asyncio.create_task(stream.query_overdue()), asyncio.create_task(_look(client, moment))]
    try:
        with _shown(moment, console) as refresh:
            sending = asyncio.create_task(stream.send_all(plan_tasks(script.seconds, script.rate, script.seed)))
            beside.append(sending)
            moment.phase = "streaming"
            deadline = begun + script.seconds + DRAIN_TIMEOUT_S
            while (not sending.done() or moment.tally.in_flight) and time.monotonic() < deadline:
                if sending.done():
                    sending.result()
                    moment.phase = "finishing"
                children.check()
                moment.now = time.monotonic()
                moment.elapsed_s = moment.now - begun
                refresh()
                await asyncio.sleep(0.1)
            moment.phase = "done"
            with contextlib.suppress(SchedulerError):
                moment.queues = await client.queues(MODEL)
            refresh()
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        await stream.close()


async def _look(client: AsyncClient, moment: Moment) -> None:
    """For ever: look at the instances."""
    while True:
        with contextlib.suppress(SchedulerError):
            moment.queues = await client.queues(MODEL)
        await asyncio.sleep(0.25)


@contextlib.contextmanager
def _shown(moment: Moment, console: Console) -> Iterator[Callable[[], None]]:
    """What shows the moment when called: a live screen, or without a terminal a line every 2 seconds.

    The last screen stays where it is.
    """
    if console.is_terminal:
        with Live(draw(moment), console=console, auto_refresh=False) as live:
            yield lambda: live.update(draw(moment), refresh=True)
        return
    said = -LINE_EVERY_S

    def say() -> None:
        nonlocal said
        if moment.elapsed_s - said >= LINE_EVERY_S or moment.phase == "done":
            said = moment.elapsed_s
            console.print(line(moment), soft_wrap=True, highlight=False, markup=False)

    yield say
