"""What the scheduler knows: tasks that wait or run, instances and their credits, agents and their slots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from actors.deadlines import Deadlines
from actors.messages.scopes import Path
from actors.messages.tasks import TaskSpec
from actors.scheduler.activity_room import ActivityRoom
from actors.scheduler.fair_line import FairLine, ShareUse
from actors.scheduler.instance import Instance, plain_host
from actors.scheduler.line_rules import LineRules
from actors.scheduler.moment import Moment
from actors.scheduler.order_names import DEFAULT_ORDER
from actors.scheduler.pools import agent_of_pool
from actors.scheduler.prediction import Prediction, Predictions, Remaining, remaining
from actors.scheduler.scopes import ScopeIndex
from actors.scheduler.standings import Standings
from actors.scheduler.strategies import DEFAULT_STRATEGY, STRATEGIES, Strategy
from actors.scheduler.strategies.own import Guard
from actors.scheduler.victims import Victims
from actors.scheduler.waiting_line import Rank, WaitingLine


@dataclass(slots=True)
class TaskEntry:
    """A task that has not ended. `ti_uuid` is "" while it waits; then `tentative` is what the strategy gave it.

    `tried` are the instances on which an attempt has failed. `arrival` numbers admissions, `key` is its place among
    equals in importance. `share` is what it takes of its client's once it is started; None where it was, or in a line
    that is not fair. `level` and `set_back` are its standing (see `LineRules`). `expected_ms` is what it was predicted
    to take on an ordinary instance; 0 where nobody asked. `has_entry`: there is room for its entry in the activity
    buffer (of a task of an agent that a client named; others have none).

    While it runs: `gives_way` says that it has been asked to, `for_task` for whom ("" where somebody just asked),
    `is_named` that somebody asked for it by name, `cannot_give_way` that somebody did and its instance cannot be asked;
    `is_protected` that it was resumed too short a while ago to be chosen again. While it waits: `asks` is the task that
    gives way to it, `reserved` the instance where one has. `suspensions` counts how often it has given way,
    `resumption` how often in this attempt.
    """

    spec: TaskSpec
    arrival: int
    pools: tuple[str, ...]
    pool: str
    tentative: str
    attempt: int = 1
    ti_uuid: str = ""
    bound_at: float = 0.0
    tried: tuple[str, ...] = ()
    has_entry: bool = True
    resumption: int = 0
    suspensions: int = 0
    gives_way: bool = False
    for_task: str = ""
    is_named: bool = False
    cannot_give_way: bool = False
    is_protected: bool = False
    asks: str = ""
    reserved: str = ""
    key: float = 0.0
    share: ShareUse | None = None
    level: int = 0
    set_back: float = 0.0
    expected_ms: int = 0

    @property
    def rank(self) -> Rank:
        """Its place in any line."""
        return (-self.level, self.key + self.set_back, self.spec.task_id)


@dataclass(slots=True)
class Pool:
    """Instances that can stand in for each other, and the tasks that are ready for any of them.

    `returned` holds the ready tasks that have failed somewhere already, by the instances where they have, which
    they may have to pass over: where none of a line may start, none of it is looked at. `rotation` counts the
    tasks placed. `standings` says of its instances what placement asks for every task.
    """

    name: str
    instances: dict[str, Instance] = field(default_factory=dict)
    line: WaitingLine = field(default_factory=WaitingLine)
    returned: dict[frozenset[str], WaitingLine] = field(default_factory=dict)
    rotation: int = 0
    standings: Standings = field(default_factory=Standings)

    def has_in_line(self, entry: TaskEntry) -> bool:
        """Whether the task stands in one of its lines."""
        alike = self.returned.get(frozenset(entry.tried)) if entry.tried else None
        return entry.spec.task_id in (self.line if alike is None else alike)

    def choosable(self, leaving: str = "") -> list[Instance]:
        """Those that a task submitted now may be meant for: up or, where none is, down; never `leaving`."""
        staying = [i for i in self.instances.values() if i.condition != "draining" and i.ti_uuid != leaving]
        return [instance for instance in staying if instance.condition == "up"] or staying

    def is_served(self, leaving: str = "") -> bool:
        """Whether any instance but `leaving` is there to stay, up or down."""
        for instance in self.instances.values():  # `any` would make a generator each time, and this is asked often
            if instance.condition != "draining" and instance.ti_uuid != leaving:
                return True
        return False

    @property
    def is_up(self) -> bool:
        """Whether any instance answers, so that a task may count on its turn."""
        return any(instance.condition == "up" for instance in self.instances.values())


@dataclass(slots=True)
class AgentSlots:
    """An agent that a client named: it runs at most `slots` tasks at once.

    `offered` are its waiting tasks that stand in a pool's line, never more than it has slots free and always
    its best; the rest wait in `line`. `unserved` are those whose pool has no instance that is up: they must not keep
    a slot from the others. While it is `closed` it takes no tasks; what ran then may have finished by `closed_until`
    (Unix seconds), and `dismissed` are the incarnations of the workers that were told to leave.
    """

    agent_id: str
    slots: int
    closed: bool = False
    closed_until: float = 0.0
    dismissed: frozenset[str] = frozenset()
    busy: set[str] = field(default_factory=set)
    offered: dict[str, Rank] = field(default_factory=dict)
    line: WaitingLine = field(default_factory=WaitingLine)
    unserved: set[str] = field(default_factory=set)

    @property
    def is_idle(self) -> bool:
        """Whether it has no task and nothing to remember."""
        return not (self.closed or self.busy or self.offered or self.line or self.unserved)

    @property
    def is_served(self) -> bool:
        """Whether one of its waiting tasks, which may have to wait for a slot or a place, could be run."""
        return bool(self.offered or self.line)

    @property
    def free(self) -> int:
        """How many more tasks it may have running."""
        return 0 if self.closed else self.slots - len(self.busy)


@dataclass(slots=True)
class Claims:
    """What tasks with a scope touch. Running ones hold theirs, waiting ones keep theirs free of those behind them.

    A waiting task with a scope stands in a line while nothing that overlaps runs or comes before it, else it is
    parked `behind` one of those. `idle` are those that nobody could run at the moment, which claim nothing.
    """

    running: ScopeIndex = field(default_factory=ScopeIndex)
    waiting: ScopeIndex = field(default_factory=ScopeIndex)
    standing: ScopeIndex = field(default_factory=ScopeIndex)
    behind: dict[str, set[Rank]] = field(default_factory=dict)
    parked: dict[str, str] = field(default_factory=dict)
    idle: dict[str, Rank] = field(default_factory=dict)

    def blocker(self, rank: Rank, paths: tuple[Path, ...]) -> Rank | None:
        """Behind which task one of this rank and scope waits: the last before it in line, else one that runs."""
        return self.waiting.last_before(rank, paths) or self.running.last(paths)


@dataclass(frozen=True, slots=True)
class PreemptionRules:
    """How often what runs may be made to give way to something more important: `limit` times a task (0: never).

    A task that was resumed runs for `min_run_s` seconds before it may be chosen again.
    """

    limit: int = 10
    min_run_s: float = 1.0


@dataclass(frozen=True, slots=True)
class PlacementRules:
    """What strategies go by: `weights` of instances by their address, where not their capacity, and users' own.

    What the last `explain_starts` starts went by is kept in memory, in pools of up to `explain_instances`: it takes a
    look at each of them.
    """

    weights: Mapping[str, float] = field(default_factory=dict)
    own: Mapping[str, tuple[Strategy, Guard]] = field(default_factory=dict)
    explain_starts: int = 1000
    explain_instances: int = 16


@dataclass(slots=True)
class SchedulerState:
    """The whole. `strategies` and `orders` map model names ("" for all) to names of strategies and orders.

    `fair` has the fair lines by model and level. `admitted_at` is when the last task was admitted.

    `victims` are the running tasks that may be made to give way; `protected` has those that may not yet, and from when.
    `deferred` has the pools where something free is left idle, and until when.

    `explained` has what the last starts went by, by task; that is not kept over a restart.

    `absent` has the attached workers that are down, by their ti_uuid, and when they will be forgotten.
    """

    slots_of: dict[str, int]
    default_slots: int
    activity: ActivityRoom
    tasks: dict[str, TaskEntry] = field(default_factory=dict)
    instances: dict[str, Instance] = field(default_factory=dict)
    pools: dict[str, Pool] = field(default_factory=dict)
    agents: dict[str, AgentSlots] = field(default_factory=dict)
    strategies: dict[str, str] = field(default_factory=dict)
    predictions: Predictions = field(default_factory=Predictions)
    orders: dict[str, str] = field(default_factory=dict)
    fair: dict[tuple[str, int], FairLine] = field(default_factory=dict)
    line_rules: LineRules = field(default_factory=LineRules)
    placement: PlacementRules = field(default_factory=PlacementRules)
    explained: dict[str, Moment] = field(default_factory=dict)
    claims: Claims = field(default_factory=Claims)
    delayed: Deadlines = field(default_factory=Deadlines)
    absent: Deadlines = field(default_factory=Deadlines)
    rules: PreemptionRules = field(default_factory=PreemptionRules)
    victims: Victims = field(default_factory=Victims)
    protected: Deadlines = field(default_factory=Deadlines)
    deferred: Deadlines = field(default_factory=Deadlines)
    arrivals: int = 0
    admitted_at: float = 0.0
    running: int = 0

    def pool(self, name: str) -> Pool:
        """The pool of that name, made when it is first asked for by `evolve`."""
        found = self.pools.get(name)
        if found is None:
            found = self.pools[name] = Pool(name)
        return found

    def note(self, instance: Instance) -> None:
        """The instance has changed: its credits, its condition, or what waits for it."""
        self.pools[instance.pool].standings.note(instance)

    def agent(self, agent_id: str) -> AgentSlots:
        """The agent of that name, made when it is first asked for by `evolve`."""
        found = self.agents.get(agent_id)
        if found is None:
            found = self.agents[agent_id] = AgentSlots(agent_id, self.slots_of.get(agent_id, self.default_slots))
        return found

    def serving_pool(self, pools: tuple[str, ...], leaving: str = "") -> str:
        """The first of these pools that has an instance other than `leaving`; the last where none has."""
        for name in pools:
            pool = self.pools.get(name)
            if pool is not None and pool.is_served(leaving):
                return name
        return pools[-1]

    def agents_in(self, pool_name: str) -> list[AgentSlots]:
        """The agents that may have tasks in this pool."""
        owner = agent_of_pool(pool_name)
        if owner is None:
            return list(self.agents.values())
        return [self.agents[owner]] if owner in self.agents else []

    def is_up(self, pool_name: str) -> bool:
        """Whether any instance of this pool answers."""
        pool = self.pools.get(pool_name)
        return pool is not None and pool.is_up

    def may_claim(self, spec: TaskSpec, pool_name: str) -> bool:
        """Whether somebody could run the task as things stand, so that others may have to wait for it."""
        agent = self.agents.get(spec.agent_id)
        return self.is_up(pool_name) and not (agent is not None and agent.closed)

    def predict(self, entry: TaskEntry, instance: Instance) -> Prediction:
        """How long the task takes on this instance."""
        return self.predictions.predict(instance.pool, entry.spec.features, instance.ti_uuid)

    def left_of(self, entry: TaskEntry, instance: Instance, now: float) -> Remaining:
        """What is left of a task that runs on this instance."""
        return remaining(self.predict(entry, instance), (now - entry.bound_at) * 1000.0)

    def predict_any(self, instance: Instance) -> Prediction:
        """How long a task takes on this instance of which nothing is known."""
        return self.predictions.predict(instance.pool, None, instance.ti_uuid)

    def strategy(self, model_name: str) -> Strategy:
        """The strategy in force for a model."""
        name = self.strategies.get(model_name) or self.strategies.get("", DEFAULT_STRATEGY)
        return STRATEGIES.get(name) or self._own_strategy(name)

    def _own_strategy(self, name: str) -> Strategy:
        """A user's own; one that the configuration no longer names is replaced by the default."""
        own = self.placement.own.get(name)
        return own[0] if own is not None else STRATEGIES[DEFAULT_STRATEGY]

    @property
    def known_strategies(self) -> dict[str, Strategy]:
        """All that can be chosen, by their names."""
        return {**STRATEGIES, **{name: strategy for name, (strategy, _) in self.placement.own.items()}}

    def order(self, model_name: str) -> str:
        """The order in force for a model."""
        return self.orders.get(model_name) or self.orders.get("", DEFAULT_ORDER)

    def instance_at(self, host: str, port: int) -> Instance | None:
        """The instance registered there that is not on its way out."""
        for instance in self.instances.values():
            is_there = (plain_host(instance.host), instance.port) == (plain_host(host), port)
            if is_there and instance.condition != "draining":
                return instance
        return None
