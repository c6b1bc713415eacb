"""Servers that the tests need, installed from Debian where that is ours to do; none of them is started by it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

POLICY = Path("/usr/sbin/policy-rc.d")


class InstallationNeeded(RuntimeError):
    """A server can not be had here; the text says what to install."""


def install_if_absent(package: str, is_there: Callable[[], bool], how_to_install: str) -> None:
    """Make sure that the server is on this machine. Raises InstallationNeeded where that is not ours to do."""
    with one_at_a_time():
        _install_if_absent(package, is_there, how_to_install)


def _install_if_absent(package: str, is_there: Callable[[], bool], how_to_install: str) -> None:
    if is_there():
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise InstallationNeeded(how_to_install)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
    install = [*apt, "install", "-y", "--no-install-recommends", package]
    with services_kept_from_starting():
        done = subprocess.run([*apt, "update"], env=environment, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            done = subprocess.run(install, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not is_there():
        raise InstallationNeeded(f"{how_to_install} ({' '.join(done.args)} failed: {done.stderr.strip()[-500:]})")


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Several processes run tests, and each may miss the same server; apt serves one."""
    with (Path(tempfile.gettempdir()) / "swarmpilot-tests-apt.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def services_kept_from_starting() -> Iterator[None]:
    """Let packages be installed without starting their system services, as Debian's policy layer allows."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)
