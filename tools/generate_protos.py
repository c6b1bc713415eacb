"""Generates the Python code of `protos/*.proto` beside them; with --check, says what is not up to date.

grpcio-tools is pinned to 1.62, whose code runs with every protobuf from 4.25 on. It has no wheels for
Python 3.13 and newer: there, the committed code is used as it is and the check says so.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
SUFFIXES = ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py")


def generate(target: Path) -> None:
    """Write the generated code of every .proto into `target`/protos. Raises SystemExit where protoc fails."""
    import grpc_tools
    from grpc_tools import protoc

    sources = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "protos").glob("*.proto"))
    well_known = Path(grpc_tools.__file__).parent / "_proto"
    outputs = [f"--{kind}_out={target}" for kind in ("python", "pyi", "grpc_python")]
    status = protoc.main(["protoc", f"--proto_path={ROOT}", f"--proto_path={well_known}", *outputs, *sources])
    if status != 0:
        raise SystemExit(f"protoc failed with status {status}")


def generated_in(root: Path) -> dict[str, bytes]:
    """The generated files under `root`/protos, by name."""
    return {path.name: path.read_bytes() for path in (root / "protos").iterdir() if path.name.endswith(SUFFIXES)}


def fresh_code() -> dict[str, bytes]:
    """What the .proto files generate now, by file name."""
    with TemporaryDirectory() as scratch:
        generate(Path(scratch))
        return generated_in(Path(scratch))


def differences(committed: dict[str, bytes], fresh: dict[str, bytes]) -> list[str]:
    """What would change, one line a file."""
    missing = [f"protos/{name} is missing" for name in sorted(fresh.keys() - committed.keys())]
    orphaned = [f"protos/{name} has no .proto" for name in sorted(committed.keys() - fresh.keys())]
    both = sorted(fresh.keys() & committed.keys())
    return missing + orphaned + [f"protos/{name} is out of date" for name in both if committed[name] != fresh[name]]


def check() -> int:
    """Say whether the committed code is what the .proto files generate; 1 where it is not."""
    if find_spec("grpc_tools") is None:
        sys.stdout.write("protobuf   not checked: grpcio-tools 1.62 needs Python 3.11 or 3.12\n")
        return 0
    found = differences(generated_in(ROOT), fresh_code())
    if found:
        sys.stdout.writelines(["protobuf   FAILED, run make proto:\n", *(f"  {line}\n" for line in found)])
        return 1
    sys.stdout.write("protobuf   ok\n")
    return 0


def main(arguments: list[str]) -> int:
    """The exit code: 0 where the code is up to date or was written."""
    if arguments == ["--check"]:
        return check()
    if find_spec("grpc_tools") is None:
        sys.stderr.write("grpcio-tools 1.62 is not installed: it needs Python 3.11 or 3.12\n")
        return 1
    for name, content in fresh_code().items():
        (ROOT / "protos" / name).write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
