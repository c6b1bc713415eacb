"""Journal entries of one shard packed into one value, and the hashes by which a task's entries are found."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from zlib import crc32

import msgspec

from actors.store import JournalEntry

Packed = tuple[str, float, str, str, str, bytes]

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Packed])


def pack(entries: Sequence[JournalEntry]) -> bytes:
    """Entries with consecutive seq; the first one's seq is kept elsewhere."""
    return _encoder.encode([(e.key, e.at, e.cause, e.task_id, e.kind, e.body) for e in entries])


def unpack(shard: str, first: int, packed: bytes) -> list[JournalEntry]:
    """What was packed, counted from seq `first`."""
    return [JournalEntry(seq, *fields, shard) for seq, fields in enumerate(_decoder.decode(packed), start=first)]


def hashes(task_ids: Iterable[str]) -> bytes:
    """4 bytes for each task; two tasks may share them, so whoever finds one looks at the entries."""
    return array("I", [task_hash(task_id) for task_id in task_ids]).tobytes()


def task_hash(task_id: str) -> int:
    """The same of one task, from 0 to 2**32 - 1."""
    return crc32(task_id.encode())
