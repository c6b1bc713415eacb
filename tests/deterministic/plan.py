"""One run, as it is planned: what exists, what clients do, and what goes wrong, each drawn from the seed.

A plan is data, so that parts of it can be left out to see which of them a failure needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal, TypeAlias

from msgspec.structs import replace

from actors.addresses import all_shards, kind_of_shard
from actors.messages import Message
from actors.messages.agent import PurgeActivity
from actors.messages.scheduler import (
    RegisterInstance,
    RemoveInstance,
    RequestPreemption,
    SetStrategy,
    ShutdownAgent,
    SubmitTask,
)
from actors.messages.tasks import IMPLICIT_AGENT, Activity, TaskSpec
from actors.scheduler.order_names import ORDERS
from actors.scheduler.strategies import STRATEGIES
from tests.deterministic.node import SHARDS
from tests.deterministic.weather import Kind, Spell
from tests.deterministic.workers import Post
from tests.properties.fake_instances import CONDUCTS, Conduct

CHAOS_S = 30.0
"""How long things go wrong (virtual s); what still does is healed then."""

MODEL = "m"
KINDS = ("scheduler", "agent", "dispatcher")
SCOPES = ("", "", "repo.a", "repo", "repo.b,docs", "docs.*")


@dataclass(frozen=True, slots=True)
class Operation:
    """What a client wants at `at` (virtual s from the start). It repeats it until it has an answer, and loses the
    first `loses` of them. `conducts`: what the attempts of a submitted task meet."""

    at: float
    to: str
    message: Message
    loses: int = 0
    conducts: tuple[Conduct, ...] = ()


@dataclass(frozen=True, slots=True)
class Poison:
    """Somebody sends the scheduler what no actor understands."""

    at: float
    number: int


Blow: TypeAlias = Literal["kill", "pause", "replace", "cut", "forget"]
"""`replace`: another process begins in its place, and it is not told: it goes on, or is still paused.
`forget`: the store takes it for dead, as a database does whose connection to it breaks."""


@dataclass(frozen=True, slots=True)
class Strike:
    """A blow to the `slot`-th process: at `at`, or (`moment` > 0) at that moment of the life it leads then.

    `for_s`: how long it is away.
    """

    at: float
    slot: int
    blow: Blow
    for_s: float
    moment: int = 0


@dataclass(frozen=True, slots=True)
class Outage:
    """An instance (by port) or a worker (by id) dies, or stands still, or (`quits`) is told to go."""

    at: float
    who: int | str
    how: Literal["die", "freeze"]
    for_s: float


Item: TypeAlias = Operation | Poison | Strike | Outage | Spell


@dataclass(frozen=True, slots=True)
class Layout:
    """`slots`: the shards that each process may host, none for a gateway; `ports`: capacity and capabilities of each
    instance; `clock_stops`: leases go by a clock that stands still in a process that does."""

    slots: tuple[tuple[str, ...], ...]
    hand_over: bool
    announces: bool
    latency: float
    ports: dict[int, tuple[int, tuple[str, ...]]]
    posts: tuple[Post, ...]
    clock_stops: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """The run of this seed, or what is left of it."""

    seed: int
    layout: Layout
    items: tuple[Item, ...]


def make_plan(seed: int) -> Plan:
    """The same seed, the same plan."""
    chance = Random(f"plan/{seed}")
    layout = _layout(chance)
    items: list[Item] = [*_furnish(layout)]
    items += _tasks(chance)
    items += _commands(chance, layout)
    items += _spells(chance)
    items += _strikes(chance, layout)
    items += _outages(chance, layout)
    return Plan(seed, layout, tuple(items))


def registration(layout: Layout, port: int) -> RegisterInstance:
    """What is said of the instance at this port."""
    capacity, capabilities = layout.ports[port]
    return RegisterInstance(f"i{port}", "host", port, MODEL, capacity, capabilities=capabilities)


def _layout(chance: Random) -> Layout:
    slots = _slots(chance, chance.choice([1, 1, 2, 3, 4]))
    ports = {
        8001 + n: (chance.choice([1, 1, 2]), chance.choice([("cancel", "preempt"), ("cancel", "preempt"), ()]))
        for n in range(chance.choice([1, 2, 2, 3]))
    }
    posts = tuple(Post(f"w{n}", chance.choice("ab"), chance.choice([1, 2])) for n in range(chance.choice([0, 1, 2])))
    hand_over = chance.random() < 0.6
    latency = chance.choice([0.001, 0.005, 0.02])
    announces, clock_stops = chance.random() < 0.2, chance.random() < 0.3
    return Layout(slots, hand_over, announces, latency, ports, posts, clock_stops)


def _slots(chance: Random, processes: int) -> tuple[tuple[str, ...], ...]:
    """Each kind of shard may live in at least one of them; with several there is one more that hosts nothing."""
    names = all_shards(SHARDS)
    if processes == 1:
        return (tuple(names),)
    hosts: list[set[str]] = [{kind for kind in KINDS if chance.random() < 0.6} for _ in range(processes)]
    for kind in KINDS:
        hosts[chance.randrange(processes)].add(kind)
    return (*(tuple(name for name in names if kind_of_shard(name) in kinds) for kinds in hosts), ())


def _furnish(layout: Layout) -> list[Item]:
    return [Operation(0.0, "scheduler", registration(layout, port)) for port in layout.ports]


def _tasks(chance: Random) -> list[Item]:
    tasks: list[Item] = []
    for n in range(chance.choice([3, 6, 10, 16])):
        agent = chance.choice([IMPLICIT_AGENT + MODEL, IMPLICIT_AGENT + MODEL, "a", "b"])
        conducts = tuple(chance.choice(CONDUCTS) for _ in range(chance.choice([0, 0, 1, 1, 2])))
        at = round(chance.uniform(0.0, 0.6 * CHAOS_S), 3)
        task_id = f"t{n}" if n % 2 else f"task{n}"
        spec = TaskSpec(
            task_id,
            agent,
            MODEL,
            chance.choice([0, 0, 0, 5, -5, 19]),
            1000.0 + at,
            f"digest {n}",
            scope=chance.choice(SCOPES),
            timeout_ms=chance.choice([None, None, 6000]),
            activity=Activity("repo", branch=task_id) if agent in "ab" else None,
        )
        submit = SubmitTask(spec, b'{"n":%d}' % n, waits_for_instances=chance.random() < 0.8)
        tasks.append(Operation(at, "scheduler", submit, chance.choice([0, 0, 0, 1, 2]), conducts))
        if chance.random() < 0.1:
            another = replace(submit, spec=replace(spec, digest="another"))
            tasks.append(Operation(round(at + chance.uniform(0.0, 3.0), 3), "scheduler", another))
    return tasks


def _commands(chance: Random, layout: Layout) -> list[Item]:
    ports = list(layout.ports)
    commands: list[Item] = []
    for _ in range(chance.choice([0, 1, 2, 4])):
        at, which = round(chance.uniform(1.0, CHAOS_S), 3), chance.random()
        message: Message
        to = "scheduler"
        if which < 0.15:
            message = RemoveInstance("host", chance.choice(ports))
        elif which < 0.3:
            message = registration(layout, chance.choice(ports))
        elif which < 0.4:
            message = SetStrategy(chance.choice(list(STRATEGIES)), order=chance.choice(ORDERS))
        elif which < 0.75:
            n = chance.randrange(8)
            task_id = f"t{n}" if n % 2 else f"task{n}"
            message = RequestPreemption(chance.choice("ab"), task_id, "asked", chance.choice([None, 1.0]))
        elif which < 0.85:
            message = ShutdownAgent(chance.choice("ab"), chance.choice([0.0, 3.0]))
        elif which < 0.95:
            to = chance.choice("ab")
            message = PurgeActivity()
        else:
            commands.append(Poison(at, len(commands)))
            continue
        commands.append(Operation(at, to, message, chance.choice([0, 0, 1])))
    return commands


_RATES: dict[Kind, float] = {
    "message lost on its way in": 0.15,
    "confirm lost": 0.2,
    "message doubled": 0.4,
    "message late": 0.2,
    "messages out of order": 0.5,
    "delivery lost and repeated": 0.15,
    "returned in another order": 1.0,
    "store away": 0.15,
    "store slow": 0.1,
    "commit in doubt": 0.08,
    "broker away": 0.3,
}


def _spells(chance: Random) -> list[Item]:
    spells: list[Item] = []
    for _ in range(chance.choice([0, 1, 2, 3, 5])):
        kind, since = chance.choice(list(_RATES)), round(chance.uniform(0.0, CHAOS_S), 2)
        length = CHAOS_S if kind == "returned in another order" else chance.uniform(1.0, 15.0)
        rate = _RATES[kind] if chance.random() < 0.8 else 1.0
        spells.append(Spell(kind, since, round(since + (length if rate < 1.0 else length / 3), 2), rate))
    return spells


_LENGTHS_S = (0.1, 1.0, 4.0, 12.0)
_PAUSES_S = (0.1, 3.0, 4.5, 12.0)
"""Longer than a lease, and shorter or longer than the broker waits for who stands still."""


def _strikes(chance: Random, layout: Layout) -> list[Item]:
    strikes: list[Item] = []
    blows: list[Blow] = ["kill", "kill", "pause", "pause", "replace", "cut", "forget"]
    for _ in range(chance.choice([0, 1, 2, 3, 5])):
        at, blow = round(chance.uniform(0.0, CHAOS_S), 2), chance.choice(blows)
        moment = chance.randrange(1, 300) if blow in ("kill", "pause") and chance.random() < 0.6 else 0
        slot, lengths = chance.randrange(len(layout.slots)), _PAUSES_S if blow == "pause" else _LENGTHS_S
        for_s = chance.choice(lengths)
        strikes.append(Strike(at, slot, blow, for_s, moment))
        if blow == "pause" and chance.random() < 0.7:
            strikes.append(Strike(round(at + for_s / 2, 2), slot, "replace", 0.0))
    return strikes


def _outages(chance: Random, layout: Layout) -> list[Item]:
    who: list[int | str] = [*layout.ports, *(post.worker_id for post in layout.posts)]
    return [
        Outage(
            round(chance.uniform(0.5, CHAOS_S), 2),
            chance.choice(who),
            chance.choice(["die", "freeze"]),
            round(chance.uniform(0.5, 15.0), 2),
        )
        for _ in range(chance.choice([0, 0, 1, 2]))
    ]
