"""What every process can be measured by, whether it serves clients or hosts actors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from actors.vitals import Part
from gateway.edge import ServiceStatus


class ProcessMetrics(Collector):
    """Shards that run in this process, what was refused because others had taken them, and how its parts are.

    `now` is to be set before somebody reads them.
    """

    def __init__(self) -> None:
        self.now = ServiceStatus("starting", None)

    def collect(self) -> Iterable[Metric]:
        """The metrics as they are now."""
        now = self.now
        yield GaugeMetricFamily("swarmpilot_shards", "Shards that run in this process.", now.shards or 0)
        yield GaugeMetricFamily(
            "swarmpilot_fenced_writes",
            "Transactions refused because another process had taken a shard, since this process began.",
            now.fenced_writes,
        )
        ill = GaugeMetricFamily("swarmpilot_part_ill", "1 while a part of this process does not work.", labels=["part"])
        parts = {illness.part for illness in now.ill}
        for part in get_args(Part):
            ill.add_metric([part], part in parts)
        yield ill
        rare = CounterMetricFamily(
            "swarmpilot_rare_events",
            "What should be rare, since this process began: illnesses of its parts, subscriptions made anew, messages "
            "that came again.",
            labels=["event"],
        )
        for event, count in now.rare.items():
            rare.add_metric([event], count)
        yield rare
