"""Requests of many clients of unequal rates and sizes, drawn from each client's statistics."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from simulation.jobs import Request

Quantiles: TypeAlias = tuple[float, float, float]
"""p50, p90 and p99."""

WINDOWS = 48
"""Parts of a run; a client is active in some of them, drawn at random, and silent in the others."""

NORMAL_P90 = 1.2815515655446004
"""The 0.9 quantile of the standard normal distribution."""


@dataclass(frozen=True, slots=True)
class Client:
    """How a client sends: so many requests a second over all the time, and how much the gaps between them vary.

    `variation` is the coefficient of variation while it is active, which is the part `active` of the time.
    """

    name: str
    rate: float
    variation: float
    active: float
    input_tokens: Quantiles
    output_tokens: Quantiles


def client_requests(clients: Sequence[Client], seed: int, tasks: int) -> list[Request]:
    """About `tasks` requests (each client has a number of its own chance), in order of arrival."""
    chance = random.Random(seed)
    length_s = tasks / sum(client.rate for client in clients)
    requests = [request for client in clients for request in _requests_of(client, length_s, chance)]
    return sorted(requests, key=lambda request: request.arrival_s)


def zipf_clients(count: int = 73, exponent: float = 1.2) -> list[Client]:
    """Clients of which few make most of the load: the k-th sends 1/k^exponent as much as the first.

    With these defaults 17 of 73 send 0.8 of all requests, as in the ServeGen traces.
    """
    sizes = ((400.0, 1500.0, 4000.0), (130.0, 420.0, 900.0)), ((900.0, 3000.0, 8000.0), (300.0, 1200.0, 3500.0))
    return [
        Client(f"client-{k}", k**-exponent, 1.0 + (k % 4) * 0.5, 1.0 - (k % 3) * 0.25, *sizes[k % 2])
        for k in range(1, count + 1)
    ]


def _requests_of(client: Client, length_s: float, chance: random.Random) -> list[Request]:
    shape = client.variation**-2
    scale = client.active / client.rate / shape
    window_s = length_s / WINDOWS
    active = sorted(chance.sample(range(WINDOWS), max(1, round(client.active * WINDOWS))))
    at_s, requests = chance.random() * client.active / client.rate, []
    while at_s < len(active) * window_s:
        begins = active[int(at_s / window_s)] * window_s
        taken, made = _tokens(client.input_tokens, chance), _tokens(client.output_tokens, chance)
        requests.append(Request(begins + at_s % window_s, taken, made, client=client.name))
        at_s += chance.gammavariate(shape, scale)
    return requests


def _tokens(quantiles: Quantiles, chance: random.Random) -> int:
    """Log-normal through p50 and p90, and not beyond twice p99."""
    p50, p90, p99 = (max(value, 1.0) for value in quantiles)
    sigma = math.log(max(p90 / p50, 1.0)) / NORMAL_P90
    return max(1, round(min(p50 * math.exp(sigma * chance.gauss(0.0, 1.0)), 2.0 * p99)))
