"""Servers that the tests need, installed from Debian where that is ours to do; none of them is started by it.

They come from the Debian of this machine. `SERVERS_DEBIAN=trixie` takes them from that release instead, newer or older,
which is put into a folder of its own, once: so the versions that the documents name can be tried without a container.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

RELEASE = "SERVERS_DEBIAN"
MIRROR = "http://deb.debian.org/debian"
SCRIPTS = Path("/usr/share/debootstrap/scripts")
_ENTER = """
mkdir -p "$0$1" && mount --rbind "$1" "$0$1" && mount --rbind /proc "$0/proc" && mount --rbind /dev "$0/dev" &&
shift && exec chroot "$@"
"""
"""Shell, in a mount namespace of its own: temporary files, /proc and /dev are there under the same names."""


class InstallationNeeded(RuntimeError):
    """A server can not be had here; the text says what to install."""


@dataclass(frozen=True, slots=True)
class Debian:
    """A root folder with a Debian in it; `/` is this machine's."""

    root: Path = Path("/")

    @property
    def is_this_machine(self) -> bool:
        """Whether it is what we run on ourselves."""
        return self.root == Path("/")

    def path(self, absolute: str) -> Path:
        """Where that file of it is for us."""
        return self.root / absolute.lstrip("/")

    def give(self, folder: Path, user: str) -> None:
        """Make the folder belong to one of its users."""
        entry = next(line for line in self.path("/etc/passwd").read_text().splitlines() if line.startswith(f"{user}:"))
        uid, gid = entry.split(":")[2:4]
        os.chown(folder, int(uid), int(gid))

    def command(self, command: Sequence[str], user: str | None = None) -> list[str]:
        """What runs the command in it, as that user of it, under the process id of whoever is started."""
        if self.is_this_machine and user is None:
            return list(command)
        identity = [f"--userspec={user}:{user}", "--groups="] if user is not None else []
        change = [*identity, str(self.root), *command]
        if self.is_this_machine:
            return ["chroot", *change]
        return ["unshare", "--mount", "sh", "-c", _ENTER, str(self.root), tempfile.gettempdir(), *change]

    def install_if_absent(self, package: str, is_there: Callable[[], bool], how_to_install: str) -> None:
        """Make sure that the server is in it. Raises InstallationNeeded where that is not ours to do."""
        with one_at_a_time():
            if is_there():
                return
            if os.geteuid() != 0 or shutil.which("apt-get") is None:
                raise InstallationNeeded(how_to_install)
            if not self.is_this_machine:
                _unfold(self.root, how_to_install)
            apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
            if not self.is_this_machine:
                apt += ["-o", "Acquire::Check-Valid-Until=false"]  # a mirror may have stood still
            with services_kept_from_starting(self.path("/usr/sbin/policy-rc.d")):
                for step in (["update"], ["install", "-y", "--no-install-recommends", package]):
                    _run([*apt, *step], how_to_install, self)
            if not is_there():
                raise InstallationNeeded(f"{how_to_install} (the package {package} brought no such server)")


def debian_of_servers() -> Debian:
    """The Debian that servers of the tests come from: what `SERVERS_DEBIAN` names, else this machine's."""
    release = os.environ.get(RELEASE)
    if not release:
        return Debian()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Debian(cache / "swarmpilot" / "debian" / release)


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Several processes run tests, and each may miss the same server; apt serves one."""
    with (Path(tempfile.gettempdir()) / "swarmpilot-tests-apt.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def services_kept_from_starting(policy: Path) -> Iterator[None]:
    """Let packages be installed without starting their system services, as Debian's policy layer allows."""
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink(missing_ok=True)


def _unfold(root: Path, how_to_install: str) -> None:
    """Put the smallest Debian of the release that it is named after there, or nothing where that is cut short."""
    if root.exists():
        return
    if shutil.which("debootstrap") is None:
        _run(["apt-get", "-qq", "install", "-y", "--no-install-recommends", "debootstrap"], how_to_install)
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root.parent, ignore_cleanup_errors=True) as unfinished:
        newer_than_debootstrap = [] if (SCRIPTS / root.name).exists() else [str(SCRIPTS / "sid")]
        command = ["debootstrap", "--variant=minbase", root.name, unfinished, MIRROR, *newer_than_debootstrap]
        _run(command, how_to_install)
        shutil.copy("/etc/hosts", Path(unfinished, "etc", "hosts"))
        Path(unfinished).rename(root)
        root.chmod(0o755)


def _run(command: Sequence[str], how_to_install: str, debian: Debian = Debian()) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1", "LC_ALL": "C"}
    done = subprocess.run(debian.command(command), env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-500:]
        raise InstallationNeeded(f"{how_to_install} ({' '.join(command)} failed: {said})")
