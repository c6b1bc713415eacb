"""Snapshots cut into pieces of a megabyte, to be written one by one, and joined again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

PIECE_BYTES = 1 << 20

_Piece = list[tuple[str, bytes]]
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Piece)


def pieces(actors: Mapping[str, bytes]) -> Iterator[bytes]:
    """The actors' states, cut and packed into pieces of about PIECE_BYTES."""
    piece: _Piece = []
    size = 0
    for actor, body in actors.items():
        for start in range(0, max(len(body), 1), PIECE_BYTES):
            part = body[start : start + PIECE_BYTES]
            piece.append((actor, part))
            size += len(actor) + len(part)
            if size >= PIECE_BYTES:
                yield _encoder.encode(piece)
                piece, size = [], 0
    if piece:
        yield _encoder.encode(piece)


def joined(pieces: Iterable[bytes]) -> dict[str, bytes]:
    """The actors' states, from all pieces in order."""
    parts: dict[str, list[bytes]] = {}
    for piece in pieces:
        for actor, part in _decoder.decode(piece):
            parts.setdefault(actor, []).append(part)
    return {actor: b"".join(cut) for actor, cut in parts.items()}
