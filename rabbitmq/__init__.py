"""The broker port on RabbitMQ, 3.10 to 4.x: bundles of envelopes out, bundles and producers' commands in."""

from rabbitmq.broker import RabbitBroker

__all__ = ["RabbitBroker"]
