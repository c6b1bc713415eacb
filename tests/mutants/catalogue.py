"""The mutants: what each breaks, as an exact replacement of text in one file of the source."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class NotFound(Exception):
    """The source no longer has the text, or has it more than once."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """`name` says what is missing; `before` stands exactly once in `file`, and becomes `after`."""

    name: str
    file: str
    before: str
    after: str

    def apply(self, root: Path) -> None:
        """Change the tree under `root`. Raises NotFound."""
        path = root / self.file
        text = path.read_text()
        if text.count(self.before) != 1:
            raise NotFound(f"{self.name}: {self.file} has it {text.count(self.before)} times:\n{self.before}")
        path.write_text(text.replace(self.before, self.after))


MUTANTS = (
    Mutant(
        "a former owner may write: no epoch in the fence",
        "actors/stores/sqlite/commit.py",
        "WHERE id = new.column1 AND epoch = new.column2 AND seq",
        "WHERE id = new.column1 AND seq",
    ),
    Mutant(
        "a former owner may take messages in: no fence where nothing is remembered",
        "actors/turn.py",
        "            if shard.entries or self.transaction.inbox or self.outgoing:\n",
        "            if shard.entries:\n",
    ),
    Mutant(
        "acknowledged before the commit",
        "actors/runtime.py",
        '        if turn.changes_anything:\n            reach("commit.before")\n',
        "        for delivery in deliveries:\n            delivery.settle()\n"
        '        if turn.changes_anything:\n            reach("commit.before")\n',
    ),
    Mutant(
        "no inbox",
        "actors/intake.py",
        "        return [message_id for message_id in ids if message_id not in self._seen]\n",
        "        return []\n",
    ),
    Mutant(
        "effects before the journal",
        "actors/runtime.py",
        "            await self._commit(turn, deliveries)\n",
        "            for sent in turn.errands:\n"
        "                self._errands.begin(sent, shard_of(sent.sender, self._settings.shards))\n"
        "            await self._commit(turn, deliveries)\n",
    ),
    Mutant(
        "answered before the commit",
        "actors/runtime.py",
        "            await self._commit(turn, deliveries)\n",
        "            for reply in turn.replies:\n                self._answer(reply)\n"
        "            await self._commit(turn, deliveries)\n",
    ),
    Mutant(
        "a scope is not freed at the end",
        "actors/scheduler/evolution.py",
        "        if entry.spec.scope:\n            claims.release(state, entry)\n",
        "        if False:\n            claims.release(state, entry)\n",
    ),
    Mutant(
        "results of any attempt count",
        "actors/agent/attempts.py",
        "    if life is None or run > life.run:\n        return NOTHING\n"
        '    is_over = report.attempt > 0 and (run < life.run or life.phase == "suspended")\n',
        "    if life is None or run > life.run:\n        return NOTHING\n    is_over = False\n",
    ),
    Mutant(
        "marked as sent before the confirm",
        "actors/outbox.py",
        "            try:\n                await self._publish(",
        "            self._sent += [waiting.row_id for waiting in bundle if waiting.row_id]\n"
        "            try:\n                await self._publish(",
    ),
    Mutant(
        "an unconfirmed message is taken for sent",
        "actors/outbox.py",
        "                pause = min(pause * 2, LONGEST_PAUSE_S)\n                continue\n",
        "                pause = min(pause * 2, LONGEST_PAUSE_S)\n",
    ),
    Mutant(
        "the outbox is not sent again after a start",
        "actors/supervisor.py",
        "            for row in rows:\n                self._outbox.add(",
        "            for row in rows[:0]:\n                self._outbox.add(",
    ),
    Mutant(
        "what was under way is not taken up again after a start",
        "actors/supervisor.py",
        "        if messages:\n            self.runtime.arrivals.add_local(messages)\n",
        "        if not messages:\n            self.runtime.arrivals.add_local(messages)\n",
    ),
    Mutant(
        "an ended task's row may be overwritten",
        "actors/stores/sqlite/task_table.py",
        '    guard = "" if SETTLED_AT_THE_END.isdisjoint(columns) else f" AND {IS_LIVE}"\n',
        '    guard = ""\n',
    ),
    Mutant(
        "a commit in doubt counts as not made",
        "actors/runtime.py",
        "            if await self._mending.was_written(turn.transaction):\n",
        "            if False:\n",
    ),
    Mutant(
        "memory is kept after a commit that failed",
        "actors/runtime.py",
        "            await self._mending.rebuild(turn.touched)\n            if await self._mending",
        "            if await self._mending",
    ),
    Mutant(
        "what was lost meanwhile is kept when a lease is renewed",
        "actors/supervisor.py",
        "            await self._drop(lost)\n",
        "",
    ),
    Mutant(
        "a process decides on when its lease has run out",
        "actors/tenure.py",
        "        return self._clock() < self._until\n",
        "        return True\n",
    ),
    Mutant(
        "a shard is taken from whoever holds it",
        "actors/leases.py",
        "        granted = [shard for shard in shards if held.get(shard, owner) == owner]\n",
        "        granted = list(shards)\n",
    ),
    Mutant(
        "a push of unknown outcome goes elsewhere at once",
        "actors/dispatcher/pushing.py",
        "    if tries > policy.push_retries:\n        fall_silent(policy, state, answer.detail, now, draft)\n",
        "    if True:\n        draft.add(*fail_all(state, [(answer.task_id, flight)], answer.detail))\n",
    ),
    Mutant(
        "ids are given again after a start",
        "actors/shard.py",
        '        return f"{self.name}:{self.epoch}:{self._messages_sent}"\n',
        '        return f"{self.name}:{self._messages_sent}"\n',
    ),
    Mutant(
        "a snapshot without what has just been decided",
        "actors/shard.py",
        "        return Snapshot(self.seq, actors)\n",
        "        return Snapshot(self.seq + 1, actors)\n",
    ),
)
