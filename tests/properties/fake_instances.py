"""TaskInstances as the outside world has them: some misbehave, all outlive the scheduler's process.

Each honours the idempotency key: a run of a task that it has taken once is not begun again. What a run leaves behind
when it gives way is noted, and looked for when its task is resumed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, assert_never, get_args

from actors.courier import InstanceReport
from actors.errands import (
    CancelOnInstance,
    Endpoint,
    Errand,
    PostCallback,
    ProbeInstance,
    PushToInstance,
    TellToLeave,
    YieldOnInstance,
)
from actors.messages import Message
from actors.messages.agent import CallbackAnswered
from actors.messages.dispatcher import ProbeAnswered, PushAnswered, PushOutcome, YieldAnswered

Conduct: TypeAlias = Literal[
    "accept",
    "refuse",
    "unreachable",
    "lost",
    "unsure",
    "early",
    "twice",
    "late",
    "never",
    "error",
    "long",
    "slow",
    "deaf",
]
"""What an instance makes of an attempt. `lost`: the push never arrives. `unsure`: it arrives, its answer does not.
`early`: it reports before it answers. `late`: it reports after the run timeout. `never`: it does not report. `long`:
it takes its time, and gives way at once when it is asked to. `slow`: it gives way a while later. `deaf`: it hears that
it has to, and does not."""

CONDUCTS: tuple[Conduct, ...] = get_args(Conduct)

LATE_S = 13.0
LONG_S = 8.0


@dataclass(slots=True)
class Completion:
    """A report that an instance repeats until it is answered; `attempt` 0 where it does not say.

    `checkpoint` is what a run leaves behind that has given way, None where it has ended.
    """

    task_id: str
    attempt: int
    due: float
    is_error: bool = False
    resumption: int = 0
    checkpoint: bytes | None = None
    ti_uuid: str = ""


@dataclass(slots=True)
class Outage:
    """An instance dies at `since` (Unix seconds), forgets everything, and is back at `until`."""

    port: int
    since: float
    until: float


@dataclass(slots=True)
class FakeInstances:
    """A `Courier` and all that it reaches. `conduct` says what becomes of an attempt, by task and number.

    `report` brings a completion to the service and returns once that has answered. `checkpoint` is what the service has
    of a task, and `wrong` where that was not what its last run had left.
    """

    conduct: Callable[[str, int], Conduct]
    outages: list[Outage] = field(default_factory=list)
    now: float = 1000.0
    completions: list[Completion] = field(default_factory=list)
    taken: dict[str, int] = field(default_factory=dict)
    pushed: dict[str, int] = field(default_factory=dict)
    report: Callable[[Completion], Awaitable[None]] | None = None
    checkpoint: Callable[[str], Awaitable[bytes]] | None = None
    left: dict[str, bytes] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    async def open(self) -> None:
        """They are there already."""

    async def close(self) -> None:
        """They stay."""

    async def discover(self, host: str, port: int) -> InstanceReport:
        """What the instance says of itself."""
        return InstanceReport(Endpoint(host, port), "m")

    async def run(self, errand: Errand) -> Message | None:
        """Do what the actor wants of the outside."""
        match errand:
            case PushToInstance():
                return await self._push(errand)
            case ProbeInstance():
                return self._probe(errand.endpoint.port)
            case YieldOnInstance():
                return self._yield(errand)
            case PostCallback():
                return CallbackAnswered(errand.task_id, True, "")
            case CancelOnInstance() | TellToLeave():
                return None
            case _:
                assert_never(errand)

    def pass_time(self, seconds: float) -> None:
        """Let it become later; an instance that dies meanwhile reports nothing that it had taken."""
        before, self.now = self.now, self.now + seconds
        for outage in self.outages:
            if before < outage.since <= self.now:
                gone = {key for key, port in self.taken.items() if port == outage.port}
                kept = [c for c in self.completions if not any(key.startswith(f"{c.task_id}:") for key in gone)]
                self.completions = kept

    def due(self) -> list[Completion]:
        """What instances have to report by now."""
        return [completion for completion in self.completions if completion.due <= self.now]

    async def _push(self, errand: PushToInstance) -> PushAnswered:
        key = f"{errand.task_id}:{errand.attempt}.{errand.resumption}"
        await self._look_at_checkpoint(errand)
        self.pushed[key] = self.pushed.get(key, 0) + 1
        conduct = self.conduct(errand.task_id, errand.attempt)
        outcome: PushOutcome = "accepted"
        if self._is_out(errand.endpoint.port) or conduct == "unreachable":
            outcome = "unreachable"
        elif conduct == "refuse":
            outcome = "refused"
        elif conduct in ("lost", "unsure") and self.pushed[key] == 1:
            outcome = "unknown"
        if outcome == "accepted" or (outcome == "unknown" and conduct == "unsure"):
            await self._take(key, errand, conduct)
        return PushAnswered(errand.task_id, errand.attempt, outcome, conduct, resumption=errand.resumption)

    async def _look_at_checkpoint(self, errand: PushToInstance) -> None:
        """A run that resumes another goes on from what that one left."""
        if errand.resumption and self.checkpoint is not None:
            found = await self.checkpoint(errand.task_id)
            before = f"{errand.task_id}:{errand.attempt}.{errand.resumption - 1}"
            if found != self.left.get(before):
                self.wrong.append(f"{before} left {self.left.get(before)!r}, and {found!r} was found")

    def _yield(self, errand: YieldOnInstance) -> YieldAnswered:
        run = (errand.task_id, errand.attempt, errand.resumption)
        key = f"{errand.task_id}:{errand.attempt}.{errand.resumption}"
        if self._is_out(errand.endpoint.port):
            return YieldAnswered(*run, "unheard")
        if key in self.left:
            return YieldAnswered(*run, "yielded", self.left[key], 1.0)
        ends = [c for c in self.completions if (c.task_id, c.attempt, c.resumption) == run and c.due > self.now]
        conduct = self.conduct(errand.task_id, errand.attempt)
        if not ends or conduct not in ("long", "slow"):
            return YieldAnswered(*run, "noted" if key in self.taken else "gone")
        self.completions = [c for c in self.completions if c not in ends]
        self.left[key] = b'{"run":"%s"}' % key.encode()
        if conduct == "long":
            return YieldAnswered(*run, "yielded", self.left[key], 1.0)
        ti_uuid = f"i{errand.endpoint.port - 8000}"
        gone = Completion(
            errand.task_id, errand.attempt, self.now + 1.0, False, errand.resumption, self.left[key], ti_uuid
        )
        self.completions.append(gone)
        return YieldAnswered(*run, "noted", section="commit", deferred_ms=500.0)

    async def _take(self, key: str, errand: PushToInstance, conduct: Conduct) -> None:
        if key in self.taken:
            return
        self.taken[key] = errand.endpoint.port
        if conduct == "never":
            return
        takes_long = conduct in ("long", "slow", "deaf")
        said = errand.attempt if takes_long or len(errand.task_id) % 2 else 0
        due = self.now + (LATE_S if conduct == "late" else LONG_S if takes_long else 0.0)
        completion = Completion(errand.task_id, said, due, conduct == "error", errand.resumption if said else 0)
        self.completions.append(completion)
        if conduct == "twice":
            self.completions.append(Completion(errand.task_id, said, due))
        if conduct == "early" and self.report is not None:
            await self.report(completion)

    def _probe(self, port: int) -> ProbeAnswered:
        if self._is_out(port):
            return ProbeAnswered(False, "connection refused")
        booted = max((o.until for o in self.outages if o.port == port and o.until <= self.now), default=0.0)
        return ProbeAnswered(True, uptime_s=self.now - booted)

    def _is_out(self, port: int) -> bool:
        return any(o.port == port and o.since <= self.now < o.until for o in self.outages)
