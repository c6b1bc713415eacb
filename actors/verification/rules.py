"""The rules that a record is held to: one table, which the report, the tests and the documentation go by."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Rule(IntEnum):
    """What must hold, by the number that reports give it."""

    KEPT = 1
    ONE_END = 2
    LEGAL_MOVES = 3
    SCOPES = 4
    IN_FLIGHT = 5
    EPOCHS = 6
    CURRENT_ATTEMPT = 7
    ONE_EFFECT = 8
    ORDER = 9
    REPLAY = 10
    DRAINED = 11


MEANING: Final[dict[Rule, str]] = {
    Rule.KEPT: "every acknowledged submit has a task",
    Rule.ONE_END: "a task has at most one end, exactly one after quiet, and its state never changes after it",
    Rule.LEGAL_MOVES: "tasks and agents move as their tables allow; attempts never fall and stay within the limit",
    Rule.SCOPES: "tasks whose scopes overlap never hold them at the same time",
    Rule.IN_FLIGHT: "an activity entry lives as long as its task; agents and instances run no more than they may",
    Rule.EPOCHS: "the entries of a shard have no gaps, and none of an older epoch follows one of a newer",
    Rule.CURRENT_ATTEMPT: "a result counts for the current attempt; one of an attempt given up is recorded as late",
    Rule.ONE_EFFECT: "a message has its effect once; what has to be sent is sent in the end",
    Rule.ORDER: "what is more important starts first, and what came first among equals",
    Rule.REPLAY: "replaying the journal gives the rows and the snapshots",
    Rule.DRAINED: "after quiet nothing is under way, and the dead letters are those that were expected",
}
