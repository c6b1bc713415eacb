"""Where an instance says that it is reached."""

from __future__ import annotations

import pytest

from swarmpilot.instance.membership import advertised


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("gpu-1", ("gpu-1", 0)),
        ("10.0.0.7:9000", ("10.0.0.7", 9000)),
        ("::1", ("::1", 0)),
        ("[::1]:9000", ("::1", 9000)),
    ],
)
def test_a_host_and_perhaps_a_port(address: str, expected: tuple[str, int]) -> None:
    assert advertised(address) == expected


@pytest.mark.parametrize("address", ["", ":80", "gpu-1:0", "gpu-1:x", "gpu-1:70000", "gpu-1/path", "a@b"])
def test_anything_else_is_refused_by_name(address: str) -> None:
    with pytest.raises(ValueError, match=r"advertise: must be HOST or HOST:PORT"):
        advertised(address)
