"""Two hosts on one machine: network namespaces without a name, joined by nothing but a wire of ours.

Nothing has to be cleared up: the kernel drops a namespace with its last process, and a device with whoever opened it,
however they end. No interface, route or name of the machine itself is touched.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.storm.wire import Wire

T = TypeVar("T")

DEVICE = "wire"
_CLONE_NEWNET = 0x40000000
_TUNSETIFF, _TUN_WITHOUT_HEADER = 0x400454CA, 0x1001
_TUN = Path("/dev/net/tun")
_OURS = Path("/proc/thread-self/ns/net")
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Host:
    """Where processes run. `namespace`: descriptor of its network, None for the network of this machine."""

    address: str = "127.0.0.1"
    namespace: int | None = None

    def enter(self) -> None:
        """Move the calling thread, and what it starts from now on, into its network."""
        if self.namespace is not None and _libc.setns(self.namespace, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")

    def turn_link(self, state: str) -> None:
        """Turn its end of the wire `up` or `down`."""
        self.run("ip", "link", "set", DEVICE, state)

    def run(self, *command: str) -> None:
        """Run a command there."""
        subprocess.run(command, check=True, capture_output=True, preexec_fn=self.enter)


HERE = Host()


def why_not() -> str:
    """Why there cannot be two hosts on this machine; empty where there can be."""
    if shutil.which("ip") is None or not _TUN.exists():
        return f"two hosts need the program ip and {_TUN}"
    try:
        _elsewhere(lambda: None)
    except OSError as error:
        return f"two hosts need network namespaces, and there is none to be had: {error.strerror}"
    return ""


@contextmanager
def two_hosts() -> Iterator[tuple[Host, Host, Wire]]:
    """Meanwhile the calling thread, and all that it starts, is on the first of the two. Raises RuntimeError."""
    if reason := why_not():
        raise RuntimeError(reason)
    with ExitStack() as ending:
        home = os.open(_OURS, os.O_RDONLY)
        ending.callback(os.close, home)
        ends = [_elsewhere(lambda number=number: _new_host(f"10.203.0.{number}")) for number in (1, 2)]  # type: ignore[misc]
        for host, end in ends:
            assert host.namespace is not None
            ending.callback(os.close, host.namespace)
            ending.callback(os.close, end)
        (first, one_end), (second, other_end) = ends
        wire = Wire(one_end, other_end)
        ending.callback(wire.close)
        first.enter()
        ending.callback(Host(namespace=home).enter)
        wire.open()
        yield first, second, wire


def _new_host(address: str) -> tuple[Host, int]:
    """For a thread in a network of its own: the host, and the end of the wire that is its only device."""
    host = Host(address, os.open(_OURS, os.O_RDONLY))
    end = os.open(_TUN, os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(end, _TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), _TUN_WITHOUT_HEADER))
    host.run("ip", "link", "set", "lo", "up")
    host.run("ip", "address", "add", f"{address}/24", "dev", DEVICE)
    host.turn_link("up")
    return host, end


def _elsewhere(do: Callable[[], T]) -> T:
    """Do it in a thread that has a new network. Raises OSError where there is none to be had."""
    done: list[T] = []
    failed: list[BaseException] = []

    def work() -> None:
        try:
            if _libc.unshare(_CLONE_NEWNET):
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))
            done.append(do())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return done[0]
