"""What Prometheus may know of this process, in a registry of its own."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

from actors.messages.answers import ActivityRoomDescribed, QueuesDescribed
from actors.task_lifecycle import TaskState
from gateway.edge import ServiceStatus
from gateway.process_metrics import ProcessMetrics

_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """Counters of requests, and gauges that are set when somebody asks."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "swarmpilot_http_requests", "REST requests answered.", ["method", "path", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "swarmpilot_http_request_seconds",
            "Time from a request's arrival to its answer.",
            ["path"],
            registry=self._registry,
            buckets=_BOUNDS_S,
        )
        self._tasks = Gauge("swarmpilot_tasks", "Tasks in the store, by state.", ["state"], registry=self._registry)
        self._waiting = Gauge("swarmpilot_tasks_waiting", "Tasks in the scheduler's lines.", registry=self._registry)
        self._running = Gauge("swarmpilot_tasks_running", "Tasks that instances hold.", registry=self._registry)
        self._expected = Gauge(
            "swarmpilot_instance_wait_seconds",
            "Expected wait of a task submitted now.",
            ["model_name", "ti_uuid"],
            registry=self._registry,
        )
        self._entries = Gauge(
            "swarmpilot_activity_entries",
            "Entries of tasks that have not ended in the activity buffers of all agents.",
            registry=self._registry,
        )
        self._total = Gauge("swarmpilot_activity_entries_limit", "The most of them.", registry=self._registry)
        self._refused = Gauge(
            "swarmpilot_activity_refusals",
            "Registrations refused (activity_buffer_full) since the store was made.",
            registry=self._registry,
        )
        self._without = Gauge(
            "swarmpilot_activity_without_entry",
            "Tasks that have no entry because there was no room, and wait for one.",
            registry=self._registry,
        )
        self._nearly_full = Gauge(
            "swarmpilot_activity_nearly_full",
            "Activity buffers above 80 % of their limit: agents, and 1 where all together are.",
            ["limit"],
            registry=self._registry,
        )
        self._faults = Gauge(
            "swarmpilot_strategy_faults",
            "Wrong answers of strategies of your own since the scheduler started; the least loaded instance was taken.",
            registry=self._registry,
        )
        self._stale = Counter(
            "swarmpilot_stale_scrapes",
            "Scrapes that could not ask the scheduler or the store.",
            registry=self._registry,
        )
        self._process = ProcessMetrics()
        self._registry.register(self._process)
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def count_request(self, method: str, path: str, status: int, seconds: float) -> None:
        """One request was answered. `path` is the route's, so that the number of series stays bounded."""
        series = self._known.get((method, path, status))
        if series is None:
            series = (self._requests.labels(method, path, str(status)), self._seconds.labels(path))
            self._known[method, path, status] = series
        series[0].inc()
        series[1].observe(seconds)

    def count_stale_scrape(self) -> None:
        """The gauges keep their last values, because nobody could be asked."""
        self._stale.inc()

    def show_tasks(self, counts: Mapping[TaskState, int]) -> None:
        """How many tasks the store has in each state."""
        for state in TaskState:
            self._tasks.labels(state.value).set(counts.get(state, 0))

    def show_queues(self, queues: QueuesDescribed) -> None:
        """What the scheduler says of its lines."""
        self._waiting.set(queues.waiting_total)
        self._running.set(queues.running_total)
        self._faults.set(queues.strategy_faults)
        self._expected.clear()
        for queue in queues.queues:
            self._expected.labels(queue.model_name, queue.ti_uuid).set(queue.waiting_time_expect / 1000)

    def show_activity(self, room: ActivityRoomDescribed) -> None:
        """What the scheduler says of the activity buffers."""
        self._entries.set(room.entries)
        self._total.set(room.total)
        self._refused.set(room.refused)
        self._without.set(room.without_entry)
        self._nearly_full.labels("agent").set(room.nearly_full)
        self._nearly_full.labels("total").set(room.total_nearly_full)

    def show_process(self, status: ServiceStatus) -> None:
        """What runs in this process, and how its parts are."""
        self._process.now = status

    def text(self) -> bytes:
        """The exposition in Prometheus' text format."""
        return generate_latest(self._registry)
