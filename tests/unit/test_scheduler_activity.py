"""Room in the activity buffers by example: who is refused, who comes next, and when somebody is warned."""

from __future__ import annotations

from actors.addresses import agent
from actors.behaviour import Warn
from actors.messages.agent import ExpectTask, RegisterActivity, RunTask
from actors.messages.answers import ActivityRoomDescribed, TaskAccepted
from actors.messages.runtime import Resumed
from actors.messages.scheduler import DescribeActivityRoom
from actors.scheduler import SchedulerPolicy
from actors.scheduler.activity_room import ActivityRoom
from actors.scheduler.events import ActivityRoomEased, ActivityRoomLow, EntryGranted, EntryRefused
from tests.unit.scheduling import Scheduling, Told, submit


def with_room(per_agent: int, total: int) -> Scheduling:
    return Scheduling(SchedulerPolicy(activity_per_agent=per_agent, activity_total=total))


def admit(one: Scheduling, task_id: str, of: str = "a") -> Told:
    told = one.tell(submit(task_id, agent=of, origin="grpc"))
    assert isinstance(told.answer, TaskAccepted), "a full buffer never keeps a task out"
    return told


def granted(told: Told) -> list[str]:
    return [message.spec.task_id for _, message in told.sent if isinstance(message, RegisterActivity)]


def described(one: Scheduling) -> ActivityRoomDescribed:
    answer = one.tell(DescribeActivityRoom()).answer
    assert isinstance(answer, ActivityRoomDescribed)
    return answer


def test_an_agent_at_its_limit_is_refused_and_others_are_not() -> None:
    one = with_room(per_agent=1, total=10)
    [(_, first)] = admit(one, "t1").sent
    assert isinstance(first, ExpectTask)
    assert first.has_room
    told = admit(one, "t2")
    assert told.of(EntryRefused) == [EntryRefused("t2", "a", "a", "activity_buffer_full")]
    [(_, second)] = told.sent
    assert isinstance(second, ExpectTask)
    assert not second.has_room
    assert not admit(one, "t3", of="b").of(EntryRefused)
    assert described(one) == ActivityRoomDescribed(2, 1, 10, 1, 1, 2, False)


def test_the_total_refuses_what_the_agents_own_limit_would_take() -> None:
    one = with_room(per_agent=5, total=2)
    for task_id, of in (("t1", "a"), ("t2", "b")):
        assert not admit(one, task_id, of).of(EntryRefused)
    assert admit(one, "t3", of="c").of(EntryRefused) == [EntryRefused("t3", "c", "")]


def test_a_task_that_was_refused_runs_and_says_so() -> None:
    one = with_room(per_agent=1, total=10)
    one.register("i1", capacity=2)
    one.tell(submit("t0", agent="a"))
    one.tell(submit("t1", agent="a"))
    [run] = [message for _, message in one.settle("t0").sent if isinstance(message, RunTask)]
    assert (run.spec.task_id, run.has_room) == ("t1", True)
    other = with_room(per_agent=1, total=1)
    other.register("i1", capacity=2)
    other.tell(submit("t0", agent="a"))
    [run] = [message for _, message in other.tell(submit("t1", agent="b")).sent if isinstance(message, RunTask)]
    assert (run.spec.task_id, run.has_room) == ("t1", False)


def test_room_that_comes_free_goes_to_the_oldest_that_may_have_it() -> None:
    one = with_room(per_agent=2, total=3)
    for number, of in enumerate("aabacb", start=1):
        admit(one, f"t{number}", of)
    assert described(one).without_entry == 3  # t4 of a, t5 of c, t6 of b
    assert granted(one.settle("t3")) == ["t5"], "a is at its own limit, c is older than b"
    told = one.settle("t1")
    assert told.of(EntryGranted) == [EntryGranted("t4", "a")]
    assert told.sent == [(agent("a"), RegisterActivity(one.state.tasks["t4"].spec, waits=True))]
    assert granted(one.settle("t2")) == ["t6"]
    assert described(one).refused == 3


def test_a_task_that_ends_without_an_entry_frees_nothing() -> None:
    one = with_room(per_agent=1, total=1)
    for number in (1, 2, 3):
        admit(one, f"t{number}")
    assert granted(one.settle("t2")) == []
    assert granted(one.settle("t1")) == ["t3"]


def test_more_room_after_a_restart_is_given_out() -> None:
    one = with_room(per_agent=1, total=1)
    for number in (1, 2, 3, 4):
        admit(one, f"t{number}")
    roomy = with_room(per_agent=3, total=3)
    roomy.state = roomy.behaviour.load("one", one.behaviour.dump(one.state))
    assert granted(roomy.tell(Resumed())) == ["t2", "t3"]


def test_less_room_after_a_restart_takes_nothing_away() -> None:
    one = with_room(per_agent=3, total=3)
    for number in (1, 2, 3):
        admit(one, f"t{number}")
    tight = with_room(per_agent=1, total=1)
    tight.state = tight.behaviour.load("one", one.behaviour.dump(one.state))
    assert admit(tight, "t4").of(EntryRefused)
    assert granted(tight.settle("t1")) == granted(tight.settle("t2")) == []
    assert granted(tight.settle("t3")) == ["t4"]


def test_one_warning_above_80_percent_until_it_has_eased() -> None:
    one = with_room(per_agent=10, total=100)

    def warnings(told: Told) -> list[Warn]:
        return [effect for effect in told.effects if isinstance(effect, Warn)]

    assert not [w for number in range(8) for w in warnings(admit(one, f"t{number}"))]
    told = admit(one, "t8")
    [warning] = warnings(told)
    assert warning.details == (("agent", "a"), ("entries", 9), ("limit", 10))
    assert told.of(ActivityRoomLow) == [ActivityRoomLow("a", 9, 10)]
    one.settle("t8")
    assert not warnings(admit(one, "t9")), "it hovers there"
    assert described(one).nearly_full == 1
    eased = [told for number in range(4) if (told := one.settle(f"t{number}")).of(ActivityRoomEased)]
    assert [told.of(ActivityRoomEased) for told in eased] == [[ActivityRoomEased("a")]]
    assert described(one).nearly_full == 0


def test_the_total_warns_by_itself() -> None:
    one = with_room(per_agent=10, total=10)
    told = [admit(one, f"t{number}", of=f"agent-{number}") for number in range(9)]
    assert told[-1].of(ActivityRoomLow) == [ActivityRoomLow("", 9, 10)]
    assert described(one).total_nearly_full


def test_many_agents_that_come_and_go_leave_nothing_behind() -> None:
    room = ActivityRoom(per_agent=1, total=1)
    room.take("first")
    for number in range(5000):
        room.wait(f"agent-{number}", f"t{number}", number)
        room.leave(f"agent-{number}", f"t{number}")
    assert len(room._oldest) < 200
    room.wait("last", "t", 9000)
    room.free("first")
    assert room.next_without() == "t"
