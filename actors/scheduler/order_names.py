"""The names of the orders of a line. What they mean for a task is in `orders`."""

from __future__ import annotations

from actors.scheduler.strategies import plain_name

ORDERS = ("priority", "fair", "fair_agents", "shortest_predicted", "deadline")
DEFAULT_ORDER = "priority"


def find_order(name: str) -> str | None:
    """By `shortest_predicted`, `ShortestPredicted` or any such spelling; None where there is none."""
    wanted = plain_name(name)
    return next((order for order in ORDERS if plain_name(order) == wanted), None)
