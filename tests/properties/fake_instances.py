"""TaskInstances as the outside world has them: some misbehave, all outlive the scheduler's process.

Each honours the idempotency key: a task's attempt that it has taken once is not begun again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, assert_never, get_args

from actors.courier import InstanceReport
from actors.errands import CancelOnInstance, Endpoint, Errand, PostCallback, ProbeInstance, PushToInstance
from actors.messages import Message
from actors.messages.agent import CallbackAnswered
from actors.messages.dispatcher import ProbeAnswered, PushAnswered, PushOutcome

Conduct: TypeAlias = Literal[
    "accept", "refuse", "unreachable", "lost", "unsure", "early", "twice", "late", "never", "error"
]
"""What an instance makes of an attempt. `lost`: the push never arrives. `unsure`: it arrives, its answer does not.
`early`: it reports before it answers. `late`: it reports after the run timeout. `never`: it does not report."""

CONDUCTS: tuple[Conduct, ...] = get_args(Conduct)

LATE_S = 13.0


@dataclass(slots=True)
class Completion:
    """A report that an instance repeats until it is answered; `attempt` 0 where it does not say."""

    task_id: str
    attempt: int
    due: float
    is_error: bool = False


@dataclass(slots=True)
class Outage:
    """An instance dies at `since` (Unix seconds), forgets everything, and is back at `until`."""

    port: int
    since: float
    until: float


@dataclass(slots=True)
class FakeInstances:
    """A `Courier` and all that it reaches. `conduct` says what becomes of an attempt, by task and number.

    `report` brings a completion to the service and returns once that has answered.
    """

    conduct: Callable[[str, int], Conduct]
    outages: list[Outage] = field(default_factory=list)
    now: float = 1000.0
    completions: list[Completion] = field(default_factory=list)
    taken: dict[str, int] = field(default_factory=dict)
    pushed: dict[str, int] = field(default_factory=dict)
    report: Callable[[Completion], Awaitable[None]] | None = None

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
            case PostCallback():
                return CallbackAnswered(errand.task_id, True, "")
            case CancelOnInstance():
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
        key = f"{errand.task_id}:{errand.attempt}"
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
        return PushAnswered(errand.task_id, errand.attempt, outcome, conduct)

    async def _take(self, key: str, errand: PushToInstance, conduct: Conduct) -> None:
        if key in self.taken:
            return
        self.taken[key] = errand.endpoint.port
        if conduct == "never":
            return
        said = errand.attempt if len(errand.task_id) % 2 else 0
        due = self.now + (LATE_S if conduct == "late" else 0.0)
        completion = Completion(errand.task_id, said, due, is_error=conduct == "error")
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
