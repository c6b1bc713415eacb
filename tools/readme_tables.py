"""Writes what the documents take from the code: the settings, the states of a task, the stages of giving way.

python tools/readme_tables.py            rewrite the README
python tools/readme_tables.py --check    exit 1 where it is out of date
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from pydantic import AliasChoices  # noqa: E402
from pydantic.fields import FieldInfo  # noqa: E402

from actors.agent.preemption_stages import STAGES  # noqa: E402
from actors.agent_lifecycle import MOVES as AGENT_MOVES  # noqa: E402
from actors.agent_lifecycle import TIMEOUT_CODE, LifecycleState  # noqa: E402
from actors.settings import Settings  # noqa: E402
from actors.task_lifecycle import MOVES, TASK_STATUS, TERMINAL  # noqa: E402
from actors.verification import MEANING  # noqa: E402


def settings_table() -> str:
    """One row a setting: its variables, its default, what it is."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        variables = ", ".join(f"`{variable}`" for variable in variables_of(name, field))
        default = "none" if field.default is None else f"`{field.default}`"
        rows.append(f"| {variables} | {default} | {field.description} |")
    return "\n".join(rows)


def variables_of(name: str, field: FieldInfo) -> list[str]:
    """The environment variables that set it."""
    if isinstance(field.validation_alias, AliasChoices):
        return [choice for choice in field.validation_alias.choices if isinstance(choice, str) and choice.isupper()]
    return [f"SWARMPILOT_{name.upper()}"]


def states_table() -> str:
    """One row a state: what a client of the guide sees, and what may come next."""
    rows = ["| state | `task_status` | may become |", "|---|---|---|"]
    for state, moves in MOVES.items():
        following = ", ".join(f"`{move}`" for move in MOVES if move in moves) or "(the end)"
        rows.append(f"| `{state}` | `{TASK_STATUS[state]}` | {following} |")
    return "\n".join(rows)


def states_diagram() -> str:
    """The same as a picture, for viewers that draw Mermaid."""
    moves = [f"    {state} --> {move}" for state, following in MOVES.items() for move in MOVES if move in following]
    ends = [f"    {state} --> [*]" for state in MOVES if state in TERMINAL]
    return "\n".join(["```mermaid", "stateDiagram-v2", "    [*] --> queued", *moves, *ends, "```"])


def preemption_diagram() -> str:
    """The stages of a run that has to give way, each move with the event of the journal that makes it."""
    moves = [
        f"    {stage} --> {after}: {event.__name__}"
        for stage, following in STAGES.items()
        for event, after in following.items()
    ]
    return "\n".join(["```mermaid", "stateDiagram-v2", "    [*] --> running", *moves, "    ended --> [*]", "```"])


def agent_states_table() -> str:
    """One row a state of an agent: what may come next, and when it has lasted too long."""
    rows = ["| state | may become | fails after | as |", "|---|---|---|---|"]
    for state, moves in AGENT_MOVES.items():
        following = ", ".join(f"`{move}`" for move in AGENT_MOVES if move in moves)
        setting = AGENT_TIMEOUTS.get(state, "")
        lasts = f"{Settings.model_fields[setting].default:g} s (`{setting}`)" if setting else ""
        code = f"`{TIMEOUT_CODE[state]}`" if state in TIMEOUT_CODE else ""
        rows.append(f"| `{state}` | {following} | {lasts} | {code} |")
    return "\n".join(rows)


def agent_states_diagram() -> str:
    """The moves without those that every state has: to be shut down, and to be started again after a failure."""
    usual = [
        (state, move)
        for state, following in AGENT_MOVES.items()
        for move in AGENT_MOVES
        if move in following and move is not LifecycleState.SHUTTING_DOWN and state not in LEFT_ANYWHERE
    ]
    moves = [f"    {state} --> {move}" for state, move in usual]
    return "\n".join(["```mermaid", "stateDiagram-v2", "    [*] --> initializing", *moves, "```"])


def rules_table() -> str:
    """One row a rule that a record is held to."""
    return "\n".join(
        ["| rule | what must hold |", "|---|---|", *(f"| {r:d} | {text} |" for r, text in MEANING.items())]
    )


AGENT_TIMEOUTS = {
    LifecycleState.INITIALIZING: "agent_initializing_timeout_s",
    LifecycleState.WAITING_RESOURCES: "agent_waiting_resources_timeout_s",
    LifecycleState.SUSPENDED: "agent_suspended_timeout_s",
    LifecycleState.RECOVERING: "agent_recovering_timeout_s",
    LifecycleState.SHUTTING_DOWN: "agent_shutdown_grace_s",
}
LEFT_ANYWHERE = (LifecycleState.SHUTTING_DOWN, LifecycleState.FAILED)


PARTS = {
    "settings": settings_table,
    "states": states_table,
    "states-diagram": states_diagram,
    "preemption-diagram": preemption_diagram,
    "agent-states": agent_states_table,
    "agent-states-diagram": agent_states_diagram,
    "rules": rules_table,
}


def filled(text: str) -> str:
    """The text with every generated part made anew."""
    for name, make in PARTS.items():
        before, _, rest = text.partition(f"<!-- {name} -->\n")
        _, mark, after = rest.partition(f"<!-- /{name} -->")
        if mark:
            text = f"{before}<!-- {name} -->\n{make()}\n{mark}{after}"
    return text


def main() -> int:
    """Rewrite or check the documents."""
    stale = []
    for document in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        before = document.read_text(encoding="utf-8")
        after = filled(before)
        if before != after:
            stale.append(document.relative_to(ROOT))
            if "--check" not in sys.argv:
                document.write_text(after, encoding="utf-8")
    if stale and "--check" in sys.argv:
        sys.stderr.write(f"out of date: {', '.join(map(str, stale))}; run `make docs`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
