"""What is known of a task from its admission on, shared by reference between actors."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Origin = Literal["rest", "grpc", "amqp"]

IMPLICIT_AGENT = "model:"
"""Prefix of the agent that a task without an `agent_id` belongs to: `model:<model_name>`, unlimited slots."""


DESCRIPTION_WORDS = 200
"""Words of an activity's description at most."""

DESCRIPTION_LENGTH = 4000
"""Characters of a description, so that its words bound what is kept."""

ACTIVITY_NAME_LENGTH = 255
"""Characters of each of the other fields of an activity."""

CHECKPOINT_BYTES = 1024 * 1024
"""Size of a checkpoint as JSON text, at most."""

CHECKPOINT_NESTING = 32
"""Levels of objects and arrays within each other in a checkpoint, at most: as many as in any JSON that is taken."""

SECTION_MS = 3_600_000.0
"""Longest that a section of a run may keep it from giving way (ms)."""

ACTIVITY_BUFFER_FULL = "activity_buffer_full"
"""Code of a registration that was refused because the agent, or all agents together, have as many as they may."""


class Activity(Struct, frozen=True):
    """Where a task works and on what, as the activity buffer shows it (SW4RM, ActivityEntry).

    `description` has at most DESCRIPTION_WORDS words.
    """

    repo_id: str = ""
    worktree_id: str = ""
    branch: str = ""
    description: str = ""


class Features(Struct, frozen=True):
    """What a task says about how long it will take, each where it does: all amounts are finite and not negative.

    `kind` names tasks that are alike. Sizes are in tokens, or in whatever unit all tasks of a kind share;
    `expected_ms` is the submitter's own guess.
    """

    kind: str = ""
    input_tokens: float | None = None
    max_tokens: float | None = None
    expected_ms: float | None = None


class TaskSpec(Struct, frozen=True):
    """Everything about a task that the actors decide by. The payload is not here: it is stored once.

    `priority` is -19..20, higher is more important. `submitted_at` is Unix seconds. `digest` identifies
    the content, so that a retry of the same submit is told from another task under the same id.
    `timeout_ms` bounds one attempt's run time; None means the server's setting. `user_id` is whom it is for, where
    its submitter says; `deadline_ms`, counted from `submitted_at`, is when it should be done.
    `affinity` names what it shares with others, such as a session, so that they had better run on the same instance.
    """

    task_id: str
    agent_id: str
    model_name: str
    priority: int
    submitted_at: float
    digest: str
    origin: Origin = "rest"
    scope: str = ""
    timeout_ms: int | None = None
    callback_url: str | None = None
    activity: Activity | None = None
    features: Features | None = None
    user_id: str = ""
    deadline_ms: int | None = None
    affinity: str = ""

    @property
    def has_own_agent(self) -> bool:
        """Whether a client named the agent, rather than the model standing in for one."""
        return not self.agent_id.startswith(IMPLICIT_AGENT)
