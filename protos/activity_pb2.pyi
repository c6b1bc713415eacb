from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ActivityFilter(_message.Message):
    __slots__ = ("agent_id", "repo_id", "worktree_id", "task_id")
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    REPO_ID_FIELD_NUMBER: _ClassVar[int]
    WORKTREE_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    agent_id: str
    repo_id: str
    worktree_id: str
    task_id: str
    def __init__(self, agent_id: _Optional[str] = ..., repo_id: _Optional[str] = ..., worktree_id: _Optional[str] = ..., task_id: _Optional[str] = ...) -> None: ...

class ActivityRecord(_message.Message):
    __slots__ = ("task_id", "agent_id", "repo_id", "worktree_id", "branch", "description", "progress", "state", "timestamp", "change")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    REPO_ID_FIELD_NUMBER: _ClassVar[int]
    WORKTREE_ID_FIELD_NUMBER: _ClassVar[int]
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    agent_id: str
    repo_id: str
    worktree_id: str
    branch: str
    description: str
    progress: float
    state: str
    timestamp: str
    change: int
    def __init__(self, task_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., repo_id: _Optional[str] = ..., worktree_id: _Optional[str] = ..., branch: _Optional[str] = ..., description: _Optional[str] = ..., progress: _Optional[float] = ..., state: _Optional[str] = ..., timestamp: _Optional[str] = ..., change: _Optional[int] = ...) -> None: ...

class ListActivityRequest(_message.Message):
    __slots__ = ("filter", "limit", "after")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    filter: ActivityFilter
    limit: int
    after: int
    def __init__(self, filter: _Optional[_Union[ActivityFilter, _Mapping]] = ..., limit: _Optional[int] = ..., after: _Optional[int] = ...) -> None: ...

class ListActivityResponse(_message.Message):
    __slots__ = ("entries", "next")
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[ActivityRecord]
    next: int
    def __init__(self, entries: _Optional[_Iterable[_Union[ActivityRecord, _Mapping]]] = ..., next: _Optional[int] = ...) -> None: ...

class ListActivityHistoryRequest(_message.Message):
    __slots__ = ("filter", "limit", "before")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    filter: ActivityFilter
    limit: int
    before: int
    def __init__(self, filter: _Optional[_Union[ActivityFilter, _Mapping]] = ..., limit: _Optional[int] = ..., before: _Optional[int] = ...) -> None: ...

class ListActivityHistoryResponse(_message.Message):
    __slots__ = ("entries", "next")
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[ActivityRecord]
    next: int
    def __init__(self, entries: _Optional[_Iterable[_Union[ActivityRecord, _Mapping]]] = ..., next: _Optional[int] = ...) -> None: ...

class WatchActivityRequest(_message.Message):
    __slots__ = ("filter", "after")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    filter: ActivityFilter
    after: int
    def __init__(self, filter: _Optional[_Union[ActivityFilter, _Mapping]] = ..., after: _Optional[int] = ...) -> None: ...

class ActivityChange(_message.Message):
    __slots__ = ("kind", "entry", "change")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[ActivityChange.Kind]
        LIVE: _ClassVar[ActivityChange.Kind]
        ENDED: _ClassVar[ActivityChange.Kind]
        PURGED: _ClassVar[ActivityChange.Kind]
        RESET: _ClassVar[ActivityChange.Kind]
        POSITION: _ClassVar[ActivityChange.Kind]
    KIND_UNSPECIFIED: ActivityChange.Kind
    LIVE: ActivityChange.Kind
    ENDED: ActivityChange.Kind
    PURGED: ActivityChange.Kind
    RESET: ActivityChange.Kind
    POSITION: ActivityChange.Kind
    KIND_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    kind: ActivityChange.Kind
    entry: ActivityRecord
    change: int
    def __init__(self, kind: _Optional[_Union[ActivityChange.Kind, str]] = ..., entry: _Optional[_Union[ActivityRecord, _Mapping]] = ..., change: _Optional[int] = ...) -> None: ...
