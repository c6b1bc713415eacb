"""Descriptions that fit into the activity buffer: at most 200 words, cut with a marker where there are more.

A client that sets a longer one is refused at the edge. What comes here longer all the same was admitted under another
rule, and is not a reason to lose the task.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from actors.messages.tasks import DESCRIPTION_WORDS, Activity

MARKER: Final = "[…]"


def fitting(activity: Activity) -> Activity:
    """The activity, with its description cut where it has too many words."""
    cut = shorten(activity.description)
    return activity if cut == activity.description else replace(activity, description=cut)


def updated(before: Activity, said: Activity) -> Activity:
    """The activity with the fields that are said now, and what was said before in the others."""
    return Activity(
        said.repo_id or before.repo_id,
        said.worktree_id or before.worktree_id,
        said.branch or before.branch,
        said.description or before.description,
    )


def shorten(description: str) -> str:
    """The text, or where it has more than 200 words its first 199 and a marker, which counts as one."""
    if len(description) < 2 * DESCRIPTION_WORDS:
        return description  # as it nearly always is; more words than half its characters it cannot have
    words = description.split(maxsplit=DESCRIPTION_WORDS)
    if len(words) <= DESCRIPTION_WORDS:
        return description
    return " ".join([*words[: DESCRIPTION_WORDS - 1], MARKER])
