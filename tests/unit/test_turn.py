"""A turn decides all that has arrived, down to the last local message, and says what to store before what to send."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from msgspec.structs import replace

from actors.addresses import SCHEDULER, Address, ReturnAddress, agent, dispatcher, shard_of, worker
from actors.agent.events import PreemptionBegan
from actors.behaviour import Behaviour, Decision, Effect, Keep, Recalled, Received, Reply, Send
from actors.envelope import Announcement, Envelope
from actors.envelope_json import decode_parcels
from actors.errands import Endpoint, ProbeInstance
from actors.messages.answers import PreemptionAnswered
from actors.messages.runtime import Resumed
from actors.messages.scheduler import PlaceTasks
from actors.shard import Shard
from actors.store import Lease
from actors.turn import MIN_PAUSE_S, TICK_S, Poisoned, Turn

NOW = 1000.0
GATEWAY = Address("gateway", "here")


@dataclass(frozen=True, slots=True)
class Heard:
    """The event of the actors here: a word reached them."""

    task_id: str


@dataclass(slots=True)
class Hearer:
    """What such an actor knows: the words, and when it wants to be woken."""

    words: list[str]
    due: float | None = None


Script = Callable[[str, Received[Any]], Decision[Any]]


def remember(word: str, *effects: Effect) -> Decision[Any]:
    return Decision([Heard(word)], effects)


def hosted(script: Script, *, recall: bool = False) -> dict[str, Shard]:
    """Shards of every kind whose actors decide by this script: (the word that they hear, the message)."""

    def decide(state: Hearer, received: Received[Any], now: float) -> Decision[Any]:
        message = received.message
        return script(message.pool if isinstance(message, PlaceTasks) else "woken", received)

    def evolve(state: Hearer, event: Any) -> None:
        state.words.append(event.task_id)

    behaviour: Behaviour[Hearer, Any, Any] = Behaviour(
        initial=lambda _: Hearer([]),
        decide=decide,
        evolve=evolve,
        next_due=lambda state: state.due,
        dump=lambda state: state.words,
        load=lambda _, words: Hearer(words),
        snapshot_type=list,
        event_types=(Heard, PreemptionBegan),
        recall=lambda message: message.pool if recall else None,
    )
    names = ("scheduler", "agent-0", "dispatcher-0")
    return {name: Shard(Lease(name, 3, 0, "store"), behaviour) for name in names}


def turn_of(shards: dict[str, Shard], *, hand_over: bool = True, limit: int = 100, announces: bool = False) -> Turn:
    def find(address: Address) -> Shard | None:
        return shards.get(shard_of(address, 1))

    return Turn(find, NOW, hand_over=hand_over, message_limit=limit, asked_here=(GATEWAY,), announces=announces)


def word(text: str, to: Address = SCHEDULER, reply_to: ReturnAddress | None = None, id_: str = "root") -> Envelope:
    return Envelope(id_, to, PlaceTasks(text), reply_to)


def chain(text: str, _: Received[Any]) -> Decision[Any]:
    """Scheduler to agent to dispatcher."""
    onward: dict[str, tuple[Address, str]] = {"one": (agent("a"), "two"), "two": (dispatcher("d"), "three")}
    sends = [Send(to, PlaceTasks(following)) for to, following in [onward[text]]] if text in onward else []
    return remember(text, *sends)


def test_messages_between_actors_here_are_decided_in_the_same_turn_and_stored_together() -> None:
    shards = hosted(chain)
    turn = turn_of(shards)
    turn.handle(word("one"), {})
    transaction = turn.close()
    assert {append.shard: [entry.task_id for entry in append.entries] for append in transaction.appends} == {
        "scheduler": ["one"],
        "agent-0": ["two"],
        "dispatcher-0": ["three"],
    }
    assert not transaction.outbox
    assert not turn.outgoing


def test_an_actor_that_has_nothing_to_remember_costs_no_memory() -> None:
    shards = hosted(lambda *_: Decision())
    turn = turn_of(shards)
    for n in range(3):
        turn.handle(word("anybody there?", agent(f"a{n}")), {})
    turn.wake(shards["agent-0"], "a0")
    turn.close()
    assert shards["agent-0"].keys == []


def test_each_entry_names_its_cause_its_time_and_its_place() -> None:
    shards = hosted(chain)
    turn = turn_of(shards)
    turn.handle(word("one", id_="first"), {})
    turn.handle(word("last", id_="second"), {})
    [scheduler] = [append for append in turn.close().appends if append.shard == "scheduler"]
    assert scheduler.epoch == 3
    seen = [(entry.seq, entry.key, entry.cause, entry.at, entry.kind) for entry in scheduler.entries]
    # Agent and dispatcher have each decided once between the two.
    assert seen == [(1, "one", "first", NOW, "Heard"), (2, "one", "second", NOW + 3 * TICK_S, "Heard")]


def test_without_handing_over_a_message_to_another_actor_goes_by_the_outbox() -> None:
    shards = hosted(chain)
    turn = turn_of(shards, hand_over=False)
    turn.handle(word("one"), {})
    transaction = turn.close()
    assert [append.shard for append in transaction.appends] == ["scheduler"]
    [row] = transaction.outbox
    outgoing = turn.outgoing["scheduler"]
    [sent] = outgoing.parcels
    assert decode_parcels(row.body) == [sent]
    assert (row.id, row.shard) == (outgoing.row_id, "scheduler")
    assert isinstance(sent, Envelope)
    assert (sent.to, sent.message) == (agent("a"), PlaceTasks("two"))
    assert sent.store_id == "store"


def test_all_that_a_shard_sends_in_a_turn_is_in_one_row_in_order() -> None:
    def both(state: str, received: Received[Any]) -> Decision[Any]:
        begun = PreemptionBegan("t1", 1, 0, "i1", NOW, "", 1.0, NOW)
        return Decision([begun], [Send(agent("a"), PlaceTasks("x")), Send(agent("b"), PlaceTasks("y"))])

    turn = turn_of(hosted(both), hand_over=False, announces=True)
    turn.handle(word("one"), {})
    turn.handle(Envelope("m", agent("c"), PlaceTasks("z")), {})
    rows = {row.shard: decode_parcels(row.body) for row in turn.close().outbox}
    assert rows.keys() == {"scheduler", "agent-0"}
    for shard, parcels in rows.items():
        first, second, announcement = parcels
        assert isinstance(first, Envelope)
        assert isinstance(second, Envelope)
        assert isinstance(announcement, Announcement)
        assert (first.to, second.to) == (agent("a"), agent("b"))
        assert announcement.topic.startswith("task.preempting.")
        assert parcels == turn.outgoing[shard].parcels


def test_a_message_to_an_actor_elsewhere_goes_by_the_outbox() -> None:
    shards = hosted(chain)
    del shards["agent-0"]
    turn = turn_of(shards)
    turn.handle(word("one"), {})
    assert len(turn.close().outbox) == 1


def count_down(text: str, _: Received[Any]) -> Decision[Any]:
    left = int(text)
    return remember(text, *([Send(SCHEDULER, PlaceTasks(str(left - 1)))] if left else []))


@pytest.mark.parametrize("hand_over", [True, False])
def test_a_note_to_oneself_never_leaves_the_process(hand_over: bool) -> None:
    shards = hosted(count_down)
    turn = turn_of(shards, hand_over=hand_over)
    turn.handle(word("3"), {})
    assert shards["scheduler"].state("one").words == ["3", "2", "1", "0"]
    assert not turn.close().outbox


def test_notes_to_oneself_beyond_the_limit_wait_for_another_turn() -> None:
    shards = hosted(count_down)
    turn = turn_of(shards, limit=2)
    turn.handle(word("5"), {})
    assert shards["scheduler"].state("one").words == ["5", "4"]
    assert [envelope.message for envelope in turn.put_off] == [PlaceTasks("3")]


def test_an_answer_goes_straight_to_an_asker_here_and_by_the_outbox_to_any_other() -> None:
    def answer(text: str, _: Received[Any]) -> Decision[Any]:
        return Decision(effects=[Reply(PreemptionAnswered(True))])

    turn = turn_of(hosted(answer))
    elsewhere = Address("gateway", "elsewhere")
    turn.handle(word("a", reply_to=ReturnAddress(GATEWAY, "c1")), {})
    turn.handle(word("b", reply_to=ReturnAddress(elsewhere, "c2")), {})
    turn.handle(word("nobody asked"), {})
    assert turn.replies == [Envelope("c1", GATEWAY, PreemptionAnswered(True))]
    assert turn.outgoing["scheduler"].parcels == [Envelope("c2", elsewhere, PreemptionAnswered(True))]


def test_without_handing_over_every_answer_goes_by_the_outbox() -> None:
    turn = turn_of(hosted(lambda *_: Decision(effects=[Reply(PreemptionAnswered(True))])), hand_over=False)
    turn.handle(word("a", reply_to=ReturnAddress(GATEWAY, "c1")), {})
    assert not turn.replies
    assert len(turn.close().outbox) == 1


def test_payloads_and_errands_are_collected_with_whom_they_are_for() -> None:
    keep, errand = Keep("t1", "input", b"{}"), ProbeInstance(Endpoint("host", 1))
    turn = turn_of(hosted(lambda *_: remember("x", keep, errand)))
    turn.handle(word("a", to=dispatcher("d")), {})
    assert turn.close().payloads == [keep]
    [sent] = turn.errands
    assert (sent.sender, sent.errand) == (dispatcher("d"), errand)


def test_no_two_messages_of_a_shard_have_one_id() -> None:
    shards = hosted(chain)
    ids = [shards["scheduler"].next_message_id() for _ in range(3)]
    ids.append(shards["scheduler"].reborn().next_message_id())
    assert len(set(ids)) == 4


def test_a_failing_actor_is_named_with_what_began_it() -> None:
    def fail_at_three(text: str, received: Received[Any]) -> Decision[Any]:
        if text == "three":
            raise ZeroDivisionError
        return chain(text, received)

    turn = turn_of(hosted(fail_at_three))
    root = word("one")
    with pytest.raises(Poisoned) as poisoned:
        turn.handle(root, {})
    assert poisoned.value.root is root
    assert poisoned.value.failed.to == dispatcher("d")
    assert isinstance(poisoned.value.__cause__, ZeroDivisionError)


def test_a_message_for_an_actor_that_lives_elsewhere_is_poison() -> None:
    shards = hosted(chain)
    del shards["agent-0"]
    with pytest.raises(Poisoned):
        turn_of(shards).handle(word("one", to=agent("a")), {})


def test_an_actor_is_woken_with_the_time_and_not_at_once_again() -> None:
    shards = hosted(lambda text, _: remember(text))
    shard = shards["agent-0"]
    shard.apply("a", [Heard("before")], "cause", NOW)
    shard.state("a").due = NOW - 5.0
    turn = turn_of(shards)
    turn.wake(shard, "a")
    assert shard.state("a").words == ["before", "woken"]
    assert shard.wakeups.earliest() == NOW + MIN_PAUSE_S
    shard.state("a").due = None
    turn.wake(shard, "a")
    assert shard.wakeups.earliest() is None


def test_the_answer_to_a_worker_is_sent_and_not_stored() -> None:
    turn = turn_of(hosted(lambda text, _: remember(text, Reply(PreemptionAnswered(True)))))
    back = ReturnAddress(worker("w"), "c-1")
    turn.handle(replace(word("x"), reply_to=back), {})
    assert not turn.close().outbox, "a worker asks again until it is answered"
    assert turn.unstored == [Envelope("c-1", worker("w"), PreemptionAnswered(True))]


def test_a_deadline_is_planned_by_the_end_of_the_turn_that_decides_it() -> None:
    shards = hosted(lambda text, _: remember(text))
    shards["agent-0"].apply("a", [Heard("before")], "cause", NOW)
    shards["agent-0"].state("a").due = NOW + 7.0
    turn = turn_of(shards)
    turn.handle(word("x", to=agent("a")), {})
    turn.close()
    assert shards["agent-0"].wakeups.earliest() == NOW + 7.0


def test_only_the_message_that_arrived_is_decided_with_what_the_store_recalls() -> None:
    seen: dict[str, Recalled | None] = {}

    def note(text: str, received: Received[Any]) -> Decision[Any]:
        seen[text] = received.recalled
        return chain(text, received)

    turn = turn_of(hosted(note, recall=True))
    known = Recalled("content", "i1")
    turn.handle(word("one"), {"one": known, "two": known})
    turn.handle(word("four"), {"one": known})
    assert seen == {"one": known, "two": None, "three": None, "four": None}


def test_a_turn_in_which_nothing_is_remembered_or_sent_stores_nothing() -> None:
    turn = turn_of(hosted(lambda *_: Decision()))
    turn.handle(word("a"), {})
    turn.close()
    assert not turn.changes_anything


def test_what_is_taken_in_to_no_effect_is_fenced_all_the_same() -> None:
    turn = turn_of(hosted(lambda *_: Decision()))
    turn.handle(word("a"), {})
    turn.transaction.inbox.append("root")
    [append] = turn.close().appends
    assert (append.shard, append.epoch, list(append.entries)) == ("scheduler", 3, [])


def test_what_is_sent_without_being_remembered_is_fenced_all_the_same() -> None:
    turn = turn_of(hosted(lambda *_: Decision(effects=[Send(agent("a"), PlaceTasks("x"))])), hand_over=False)
    turn.handle(word("a"), {})
    assert [append.shard for append in turn.close().appends] == ["scheduler"]


@pytest.mark.parametrize("announces", [True, False])
def test_changes_of_state_are_announced_where_somebody_may_listen(announces: bool) -> None:
    begun = PreemptionBegan("t1", 1, 0, "i1", NOW, "", 1.0, NOW)
    turn = turn_of(hosted(lambda *_: Decision([begun])), announces=announces)
    turn.handle(word("a", agent("model:m")), {})
    transaction = turn.close()
    assert transaction.changed_rows["t1"]["state"] == "preempting"
    sent = [parcel for outgoing in turn.outgoing.values() for parcel in outgoing.parcels]
    announced = [parcel for parcel in sent if isinstance(parcel, Announcement)]
    assert [each.topic for each in announced] == ["task.preempting.model:m"] * announces
    assert len(transaction.outbox) == len(announced)


def test_an_actor_that_goes_on_is_woken_from_then_on_though_it_decides_nothing() -> None:
    shards = hosted(lambda word, _: Decision() if word == "woken" else remember(word))
    turn_of(shards).handle(Envelope("m1", SCHEDULER, PlaceTasks("a word")), {})
    shards["scheduler"].state(SCHEDULER.key).due = NOW + 5
    turn = turn_of(shards)
    turn.handle(Envelope("m2", SCHEDULER, Resumed()), {})
    turn.plan_wakeups()
    assert shards["scheduler"].wakeups.due_of(SCHEDULER.key) == NOW + 5
