"""The ways between shards of one process: clear once the newest message on them has come."""

from __future__ import annotations

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from actors.ways import ANYBODY, Ways

SENDERS, RECEIVERS = "st", "tu"
step = st.tuples(st.sampled_from([ANYBODY, *SENDERS]), st.sampled_from(RECEIVERS)) | st.sampled_from([*RECEIVERS, None])


@given(st.lists(step, max_size=40))
def test_a_way_is_clear_unless_something_is_on_it(history: list[tuple[str, str] | str | None]) -> None:
    """A pair is a message that went over the broker, None the arrival of the oldest, a receiver one that moves away."""
    ways, queues = Ways(), {receiver: deque[tuple[str, str]]() for receiver in RECEIVERS}
    for number, event in enumerate(history):
        match event:
            case (sender, receiver):
                ways.went(sender, receiver, str(number))
                queues[receiver].append((sender, str(number)))
            case None:
                if waiting := [queue for queue in queues.values() if queue]:
                    ways.came([waiting[0].popleft()[1]])
            case receiver:
                ways.forget([receiver])
                queues[receiver].clear()
        for sender in SENDERS:
            for receiver, queue in queues.items():
                on_the_way = any(of in (sender, ANYBODY) for of, _ in queue)
                assert ways.is_clear(sender, receiver) is not on_the_way
    for queue in queues.values():
        for _, message_id in queue:
            ways.came([message_id])
    assert not ways._newest, "nothing is remembered of what has come"
    assert not ways._way_of
