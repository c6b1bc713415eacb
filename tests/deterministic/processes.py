"""The processes of a deployment and who looks after them: what dies is started again, what is replaced goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from random import Random

from tests.deterministic.node import Node, Site
from tests.deterministic.plan import Layout, Outage, Strike
from tests.deterministic.process import Process
from tests.deterministic.workers import Post, Worker
from tests.properties.fake_instances import Conduct

RESTART_S = 0.5
"""How soon a process that came to an end by itself is started again (s)."""

CLOSED_S = 5.0
"""How long a process may stand still before the broker hangs up (s)."""


@dataclass(eq=False, slots=True)
class Slot:
    """A place for a process that may host `shards`. `node` is who has it now; whoever had it before may live on."""

    number: int
    shards: tuple[str, ...]
    node: Node | None = None
    lives: int = 0


@dataclass(eq=False, slots=True)
class Desk:
    """A place for a worker."""

    post: Post
    worker: Worker | None = None
    lives: int = 0


class Processes:
    """All of them. `happened` counts the blows that they were dealt."""

    def __init__(self, site: Site, layout: Layout, conducts: Mapping[str, tuple[Conduct, ...]], chance: Random) -> None:
        self.happened: Counter[str] = Counter()
        self._site = site
        self._loop = site.cluster.loop
        self._conducts = conducts
        self._chance = chance
        self._is_over = False
        self._slots = [Slot(n, shards) for n, shards in enumerate(layout.slots)]
        self._desks = [Desk(post) for post in layout.posts]
        self._zombies: list[Node] = []
        self._ever: list[Process] = []

    @property
    def serving(self) -> list[Node]:
        """Those that take requests, as far as a client can tell."""
        nodes = [slot.node for slot in self._slots if slot.node is not None]
        return [node for node in nodes if node.is_serving and not node.process.is_dead]

    def start(self) -> None:
        """Begin."""
        for slot in self._slots:
            self._begin(slot)
        for desk in self._desks:
            self._employ(desk)

    def strike(self, strike: Strike) -> None:
        """Deal the blow, now or at its moment."""
        slot = self._slots[strike.slot % len(self._slots)]
        if strike.moment and slot.node is not None:
            process = slot.node.process
            process.strikes[process.moments + strike.moment] = partial(self._deal, slot, slot.node, strike)
        else:
            self._deal(slot, slot.node, strike)

    def strike_worker(self, outage: Outage) -> None:
        """A worker dies, or stands still."""
        [desk] = [desk for desk in self._desks if desk.post.worker_id == outage.who]
        worker = desk.worker
        if worker is None or worker.process.is_dead:
            return
        self.happened[f"worker: {outage.how}"] += 1
        if outage.how == "die":
            worker.process.kill()
            self._loop.later(outage.for_s, self._employ, desk)
            return
        worker.process.pause()
        self._loop.later(outage.for_s, self._wake_worker, worker)
        self._loop.later(CLOSED_S, self._hang_up, worker)

    def heal(self) -> None:
        """Nothing more goes wrong; whoever is away comes back."""
        self._is_over = True
        for slot in self._slots:
            if slot.node is None or slot.node.process.is_dead:
                self._begin(slot)
            slot.node.process.strikes.clear()  # type: ignore[union-attr]
            self._wake(slot.node)  # type: ignore[arg-type]
        for zombie in self._zombies:
            zombie.process.strikes.clear()
            self._wake(zombie)

    def furnish(self) -> None:
        """Whose worker has gone gets another."""
        for desk in self._desks:
            if desk.worker is None or desk.worker.process.is_dead:
                self._employ(desk)
            else:
                self._wake_worker(desk.worker)
        for agent_id in "ab":
            self._employ(Desk(Post(f"last-{agent_id}", agent_id, 1)))

    async def stop(self) -> None:
        """End every process in good order."""
        nodes = [*self._zombies, *(slot.node for slot in self._slots if slot.node is not None)]
        for node in nodes:
            if not node.process.is_dead:
                await node.process.serve(node.stop, 0.0)

    def end(self) -> None:
        """Nothing that any of them does from now on counts."""
        for process in self._ever:
            process.condition = "dead"

    def _begin(self, slot: Slot) -> None:
        if slot.node is not None and not slot.node.process.is_dead:
            return
        slot.lives += 1
        slot.node = Node(self._site, f"p{slot.number}.{slot.lives}", slot.shards, partial(self._ended, slot))
        self._ever.append(slot.node.process)
        slot.node.start()

    def _employ(self, desk: Desk) -> None:
        if desk.worker is not None and not desk.worker.process.is_dead:
            return
        desk.lives += 1
        chance = Random(f"{self._site.seed}/{desk.post.worker_id}/{desk.lives}")
        incarnation, site = f"{desk.post.worker_id}-{desk.lives}", self._site
        desk.worker = Worker(desk.post, incarnation, self._loop, site.cluster, self._conducts, chance)
        self._ever.append(desk.worker.process)
        desk.worker.start()

    def _ended(self, slot: Slot, node: Node) -> None:
        """By itself: it is started again, unless another has its place."""
        if slot.node is node:
            self._loop.later(RESTART_S, self._begin, slot)

    def _deal(self, slot: Slot, node: Node | None, strike: Strike) -> None:
        if self._is_over or node is None or node.process.is_dead:
            return
        self.happened[f"process: {strike.blow}"] += 1
        match strike.blow:
            case "kill":
                node.process.kill()
                if slot.node is node:
                    self._loop.later(strike.for_s, self._begin, slot)
            case "pause":
                node.process.pause()
                self._loop.later(CLOSED_S, self._cut_if_paused, node)
                self._loop.later(strike.for_s, self._wake, node)
            case "replace":
                self._zombies.append(node)
                slot.node = None
                self._begin(slot)
            case "forget":
                self._site.database.leases.leave(node.name)
            case "cut":
                node.broker.cut()
                self._loop.later(strike.for_s, self._reconnect, node)

    def _cut_if_paused(self, node: Node) -> None:
        if node.process.condition == "paused":
            node.broker.cut()

    def _wake(self, node: Node) -> None:
        node.process.go_on()
        self._reconnect(node)

    def _reconnect(self, node: Node) -> None:
        if node.process.condition == "running":
            node.broker.come_back()

    def _wake_worker(self, worker: Worker) -> None:
        worker.process.go_on()
        worker.broker.come_back()

    def _hang_up(self, worker: Worker) -> None:
        if worker.process.condition == "paused":
            worker.broker.cut()
