"""Every setting of the service, with the default that a newcomer never needs to touch."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from actors.crash_points import parse


class Settings(BaseSettings):
    """Read from the environment: `SWARMPILOT_<NAME>`, and the guide's own names where it has some."""

    model_config = SettingsConfigDict(env_prefix="SWARMPILOT_", extra="ignore", populate_by_name=True)

    host: str = Field("127.0.0.1", description="Address to listen on, for REST and gRPC.")
    port: int = Field(8102, ge=0, le=65535, description="REST port; 0 lets the system choose.")
    grpc_port: int = Field(
        50053, ge=-1, le=65535, description="gRPC port; 0 lets the system choose, -1 turns gRPC off."
    )
    store: str = Field(
        "sqlite:///swarmpilot.db",
        description="Where truth lives: sqlite:///PATH, sqlite:// for memory, or postgresql://user:password@host/database.",
    )
    store_connections: int = Field(
        4, ge=1, le=100, description="Connections to PostgreSQL to read by, at most; two more commit and listen."
    )
    store_timeout_s: float = Field(
        10.0, gt=0, le=600, description="How long PostgreSQL may take to answer; then the store counts as unavailable."
    )
    amqp: str | None = Field(
        None,
        description="amqp://user:password@host:port/vhost, or one of each node of a cluster, separated by commas; "
        "without it, no broker is needed.",
    )
    queue_type: Literal["auto", "classic", "quorum"] = Field(
        "auto",
        description="Of the queues on RabbitMQ. auto: quorum where `amqp` names three nodes or more, else classic.",
    )
    config: Path | None = Field(
        None,
        validation_alias=AliasChoices("SWARMPILOT_CONFIG", "SCHEDULER_CONFIG_PATH", "config"),
        description="YAML file with `instances:`, `strategy:`, `weights:`, `order:`, `agents:`, `predictions:`.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO",
        validation_alias=AliasChoices("SWARMPILOT_LOG_LEVEL", "LOG_LEVEL", "log_level"),
        description="How much is logged.",
    )
    priority_order: Literal["importance", "nice"] = Field(
        "importance",
        validation_alias=AliasChoices("SWARMPILOT_PRIORITY_ORDER", "PRIORITY_ORDER", "priority_order"),
        description="importance: higher is more important. nice: lower is.",
    )
    strategy: str | None = Field(None, description="Placement strategy to set at start; else the one in force stays.")
    explain_starts: int = Field(
        1000, ge=0, le=1_000_000, description="Starts of tasks that can be explained afterwards, the last; 0: none."
    )
    explain_instances: int = Field(
        16, ge=1, le=100_000, description="Only for models with so many instances: each start is a look at all of them."
    )
    shards: int = Field(8, ge=1, le=1024, description="Shards per kind of actor; fixed once a store has been used.")
    hand_over: bool = Field(True, description="Pass messages between actors of one process without the broker.")

    lease_ttl_s: float = Field(
        5.0,
        ge=0.5,
        le=300,
        description="How long a process that is no longer heard of keeps its shards; one that was killed is replaced "
        "at once.",
    )
    health_port: int = Field(
        0, ge=0, le=65535, description="Port for /health and /metrics of a process that is no gateway; 0: none."
    )

    agent_slots: int = Field(1, ge=1, le=10_000, description="Tasks an agent runs at once, unless configured for it.")
    activity_per_agent: int = Field(
        100, ge=1, le=100_000, description="Entries of tasks that have not ended in one agent's activity buffer."
    )
    activity_total: int = Field(
        10_000,
        ge=1,
        le=1_000_000,
        description="The same of all agents together; beyond it tasks run without an entry.",
    )
    activity_history: int = Field(
        10_000, ge=100, le=1_000_000, description="Entries of ended tasks that the history of all agents keeps."
    )
    activity_streams: int = Field(
        64, ge=1, le=10_000, description="Streams of activity changes open at once, over REST and gRPC together."
    )
    max_attempts: int = Field(3, ge=1, le=100, description="How often a task is tried before it ends as failed.")
    retry_delay_s: float = Field(0.5, ge=0, le=3600, description="Delay before the second attempt; doubles from there.")
    retry_delay_max_s: float = Field(30.0, ge=0, le=86400, description="Upper bound of that delay.")
    agent_initializing_timeout_s: float = Field(
        60.0,
        gt=0,
        le=30 * 86400,
        description="How long a new agent may have nobody to run its tasks; then it has failed.",
    )
    agent_waiting_resources_timeout_s: float = Field(
        300.0, gt=0, le=30 * 86400, description="The same of an agent that has had somebody, and has tasks waiting."
    )
    agent_suspended_timeout_s: float = Field(
        3600.0,
        gt=0,
        le=30 * 86400,
        description="How long an agent's task that gave way may wait; then the agent failed.",
    )
    agent_recovering_timeout_s: float = Field(
        120.0, gt=0, le=30 * 86400, description="How long an agent's workers may all be lost; then it has failed."
    )
    agent_shutdown_grace_s: float = Field(
        30.0,
        ge=0,
        le=30 * 86400,
        description="How long what runs may take to end once its agent is shut down, unless the request says.",
    )
    preempt_grace_s: float = Field(
        30.0, ge=0, le=86400, description="How long a task that has to give way may take to, unless the request says."
    )
    terminate_grace_s: float = Field(
        5.0, ge=0, le=86400, description="How long it has after it was told for the last time; then it is stopped."
    )
    preempt_min_run_s: float = Field(
        1.0, ge=0, le=86400, description="How long a resumed task runs before something more important displaces it."
    )
    preempt_limit: int = Field(
        10, ge=0, le=1_000_000, description="How often a task is displaced by more important ones; 0: never."
    )
    aging_s: float = Field(
        0.0,
        ge=0,
        le=30 * 86400,
        description="Waiting so long makes up for a level of importance, up to aging_to; 0: nothing does.",
    )
    aging_to: int = Field(
        10, ge=-19, le=20, description="The level up to which it does; what is more important comes first always."
    )
    default_deadline_s: float = Field(
        600.0, gt=0, le=30 * 86400, description="When a task without a deadline counts as due, in the order `deadline`."
    )
    run_timeout_s: float = Field(3600.0, gt=0, le=30 * 86400, description="Longest run of one attempt.")
    push_timeout_s: float = Field(10.0, gt=0, le=3600, description="How long an instance may take to accept a task.")
    push_retries: int = Field(3, ge=0, le=100, description="Same-instance repeats after a push of unknown outcome.")
    probe_interval_s: float = Field(5.0, gt=0, le=3600, description="How often an instance is probed.")
    probe_timeout_s: float = Field(2.0, gt=0, le=600, description="How long a probe may take.")
    probe_failures: int = Field(2, ge=1, le=100, description="Failed probes in a row after which an instance is down.")
    callback_attempts: int = Field(8, ge=1, le=100, description="How often a callback_url is tried.")
    callback_timeout_s: float = Field(10.0, gt=0, le=600, description="How long a callback may take.")
    ask_timeout_s: float = Field(10.0, gt=0, le=600, description="How long the gateway waits for an actor's answer.")
    canary_s: float = Field(
        5.0,
        ge=0.5,
        le=600,
        description="How often a canary goes through every RabbitMQ queue; one that is not back by the next is lost.",
    )
    drain_timeout_s: float = Field(
        10.0,
        ge=0,
        le=3600,
        description="How long SIGTERM waits for running tasks to end; what still runs then is recorded.",
    )
    max_body_bytes: int = Field(10 * 1024 * 1024, ge=1024, description="Largest request body; beyond it 413.")
    snapshot_every: int = Field(20_000, ge=100, description="Journal entries of a shard between snapshots, at least.")
    retention_days: float = Field(
        7.0,
        gt=0,
        le=36_500,
        description="How long ended tasks, their history, activity entries and dead letters are kept (days).",
    )
    retention_tasks: int = Field(
        1_000_000,
        ge=100,
        le=1_000_000_000,
        description="Ended tasks kept, about 5 KiB each with small payloads; older ones go first.",
    )
    turn_messages: int = Field(256, ge=1, le=100_000, description="Messages taken into one transaction at most.")
    crash_at: str | None = Field(
        None, description="For tests of recovery: NAME[:N], the point of the step at which this process dies."
    )

    @field_validator("log_level", mode="before")
    @classmethod
    def _in_capitals(cls, level: object) -> object:
        return level.upper() if isinstance(level, str) else level

    @field_validator("crash_at")
    @classmethod
    def _names_a_crash_point(cls, spec: str | None) -> str | None:
        if spec:
            parse(spec)
        return spec or None
