"""The command line as a person uses it: real processes, real output, real exit codes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from swarmpilot.cli import run
from tests.scenarios.processes import ROOT, World, eventually


def swarmpilot(*arguments: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "cli.py", *arguments],
        cwd=ROOT,
        env={**os.environ, **env},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A scheduler with a simulated instance and one that calls a function."""
    with World(tmp_path_factory.mktemp("cli")) as world:
        world.start_scheduler()
        world.start_instance("sim", "--capacity", "4", "--speed", "10")
        world.start_instance("steps", "--preemptible")
        world.start_instance("words", "--call", "examples.custom_instance:count_words")
        yield world


def test_submit_and_wait_prints_the_result(world: World) -> None:
    done = swarmpilot(
        "submit", "words", '{"text": "one two two"}', "--wait", "--priority", "high", SWARMPILOT_URL=world.url
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["words"] == 3


def test_a_submitted_task_can_be_looked_at(world: World, tmp_path: Path) -> None:
    file = tmp_path / "task.json"
    file.write_text('{"service_ms": 100}')
    metadata = '{"user_id": "u"}'
    given = ("--task-id", "cli-1", "--metadata", metadata, "--priority", "-5", "--url", world.url)
    submitted = swarmpilot("submit", "sim", f"@{file}", *given)
    assert (submitted.returncode, submitted.stdout) == (0, "cli-1\n")
    assert swarmpilot("submit", "sim", "-", *given, stdin=file.read_text()).stdout == "cli-1\n"
    shown = swarmpilot("task", "cli-1", "--wait", "--json", "--url", world.url)
    record = json.loads(shown.stdout)
    assert (record["state"], record["priority"], record["attempt"]) == ("completed", -5, 1)
    assert "completed" in swarmpilot("task", "cli-1", "--url", world.url).stdout


def test_a_task_is_asked_to_give_way_and_is_resumed(world: World) -> None:
    long, url = '{"service_ms": 600000}', ("--url", world.url)
    first = swarmpilot("submit", "steps", long, "--task-id", "way-1", "--scope", "cli.way", *url)
    assert (first.returncode, first.stdout) == (0, "way-1\n")
    swarmpilot("submit", "steps", '{"service_ms": 1}', "--task-id", "way-2", "--scope", "cli", *url)
    assert re.search(r"reason +.*way-1", swarmpilot("task", "way-2", *url).stdout)
    eventually(lambda: world.query("way-1")["state"] == "running", what="way-1 runs")
    asked = swarmpilot("preempt", "way-1", "--reason", "the other is short", "--grace", "60", *url)
    assert asked.returncode == 0, asked.stderr
    assert re.fullmatch(r"task way-1 is to give way; it is \w+.*\n", asked.stdout)
    eventually(lambda: "RunSuspended" in world.story("way-1"), what="way-1 has given way")


def test_queues_shows_every_instance(world: World) -> None:
    shown = swarmpilot("queues", "--url", world.url).stdout
    assert re.search(r"sim +up +0/4", shown)
    assert re.search(r"words +up +0/1", shown)
    [queue] = json.loads(swarmpilot("queues", "--model", "words", "--json", "--url", world.url).stdout)
    assert (queue["model_name"], queue["condition"]) == ("words", "up")


def test_queues_are_watched_through_a_pipe_too(world: World) -> None:
    command = [sys.executable, "cli.py", "queues", "--watch", "--interval", "0.1", "--url", world.url]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        assert watching.stderr is not None
        looks = 0
        for line in watching.stdout:
            looks += line.strip().startswith("instance")
            if looks == 3:
                break
        watching.stdout.close()
        assert (watching.wait(30), watching.stderr.read()) == (0, "")


def test_what_an_output_cannot_hold_ends_no_command(world: World) -> None:
    url = ("--url", world.url)
    assert swarmpilot("submit", "sim", '{"service_ms": 1}', "--task-id", "tâche", "--wait", *url).returncode == 0
    for arguments in (["queues"], ["task", "tâche"], ["explain", "tâche"], ["task", "tâche", "--json"]):
        shown = swarmpilot(*arguments, *url, PYTHONIOENCODING="ascii")
        assert (shown.returncode, shown.stderr) == (0, "")
    assert json.loads(shown.stdout)["task_id"] == "tâche"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["submit", "nobody", "{}"], 1, "No TaskInstances configured for model nobody"),
        (["submit", "sim", "{"], 2, "INPUT must be JSON"),
        (["submit", "sim", "[]"], 2, "must be a JSON object"),
        (["submit", "sim", "@/no/such/file"], 2, "cannot read /no/such/file"),
        (["submit", "sim", "{}", "--priority", "99"], 1, "priority"),
        (["submit", "sim"], 2, "Missing argument 'INPUT'"),
        (["submit", "words", '{"text": 5}', "--wait"], 1, "task .* failed"),
        (["submit", "sim", '{"service_ms": 60000}', "--wait", "--timeout", "0.1"], 1, "is still"),
        (["task", "nothing"], 1, "Task nothing not found"),
        (["task", "x", "--url", "http://127.0.0.1:1"], 1, "no scheduler answers at http://127.0.0.1:1"),
        (["task", "x", "--url", "ftp://here"], 2, "expected an address like"),
        (["preempt", "nothing"], 1, "Task nothing not found"),
        (["preempt"], 2, "Missing argument 'TASK_ID'"),
        (["preempt", "x", "--grace", "soon"], 2, "Invalid value for '--grace': .* valid number.*; got 'soon'"),
        (["preempt", "x", "--grace", "-5"], 2, "'--grace': .* greater than or equal to 0; got .*-5"),
        (
            ["submit", "sim", "{}", "--wait", "--timeout", "-1"],
            2,
            "'--timeout': .* greater than or equal to 0; got .*-1",
        ),
        (["start", "--port", "http"], 2, "'--port' .* valid integer.*; got 'http'"),
        (["submit", "sim", "{}", "--scope", "a..b"], 1, "field `metadata.scope`: .* got 'a..b'"),
        (["instance", "--model", "m", "--preemptible", "--upstream", "http://x"], 2, "--preemptible needs tasks with"),
        (
            ["instance", "--model", "m", "--preemptible", "--call", "examples.custom_instance:count_words"],
            2,
            "count_words must take the context to be preemptible",
        ),
        (["no-such-command"], 2, "No such command"),
        (["start", "--port", "99999"], 2, "port"),
        (["start", "--set", "no_such=1"], 2, "no setting is named no_such"),
        (["start", "--config", "/no/such/file"], 2, "there is no file /no/such/file"),
        (["instance", "--model", "m", "--call", "json:nothing"], 2, "module json has no nothing"),
        (["instance", "--model", "m", "--call", "json:dumps", "--upstream", "http://x"], 2, "choose one of"),
        (["instance", "--model", "m", "--speed", "0"], 2, "speed must be above 0"),
        (["instance", "--model", ""], 2, "model must not be empty"),
        (["instance", "--model", "m", "--upstream", "localhost:11434"], 2, "the upstream server's address must be"),
        (["dead", "replay", "this", "that"], 1, "Dead letter this not found; Dead letter that not found"),
    ],
)
def test_an_error_is_one_clear_line(
    world: World,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    said: str,
) -> None:
    monkeypatch.setenv("SWARMPILOT_URL", world.url)
    assert run(arguments) == code
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1, error
    assert re.search(rf"^swarmpilot: .*{said}", error)


def test_a_taken_port_is_one_clear_line_and_changes_nothing(world: World, tmp_path: Path) -> None:
    store = tmp_path / "untouched.db"
    start = ["start", "--store", f"sqlite:///{store}", "--port"]
    rest, grpc = world.port, world.grpc_port
    for arguments, address in (
        ([*start, str(rest), "--grpc-port", "-1"], f"127.0.0.1:{rest}"),
        ([*start, "0", "--grpc-port", str(grpc)], f"127.0.0.1:{grpc} (gRPC)"),
        (["instance", "--model", "m", "--port", str(rest)], f"127.0.0.1:{rest}"),
    ):
        done = swarmpilot(*arguments)
        assert (done.returncode, done.stderr) == (
            1,
            f"swarmpilot: cannot listen on {address}: address already in use\n",
        )
    assert not store.exists()


CONFIGURED_WRONGLY = [
    (["--store", "mysql://x"], "store: 'mysql://x' names no store; accepted are"),
    (["--strategy", "Fastest"], "strategy: must be one of shortest_queue, .*; got 'Fastest'"),
    (["--amqp", "nonsense"], "amqp: must be amqp://user:password@host:port/vhost, .*; got 'nonsense'"),
    (["--amqp", "me:secret@host:5672/"], "amqp: must be .*; got 'host:5672/'"),
    (["--amqp", "http://me:sec@ret@host/v"], "amqp: must be .*; got 'http://host/v'"),
    (["--amqp", ""], "amqp: must be .*; got ''"),
    (["--set", "max_attempts=no"], "max_attempts: must be an integer; got 'no'"),
]


@pytest.mark.parametrize(("arguments", "said"), CONFIGURED_WRONGLY)
def test_what_is_configured_wrongly_ends_with_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert run(["start", "--port", "0", "--grpc-port", "0", *(arguments or ["--store", "sqlite://"])]) == 2
    assert re.fullmatch(rf"swarmpilot: {said}.*\n", capsys.readouterr().err)


SHARED = ["--amqp", "amqp://127.0.0.1:1/", "--store", "postgresql://127.0.0.1:1/none"]


@pytest.mark.parametrize("role", ["gateway", "scheduler", "agents", "dispatchers"])
def test_a_part_needs_what_it_shares_with_the_others(capsys: pytest.CaptureFixture[str], role: str) -> None:
    assert run([role, "--store", "postgresql://127.0.0.1:1/none"]) == 2
    assert f"amqp: {role} must reach the other processes over RabbitMQ" in capsys.readouterr().err
    assert run([role, "--amqp", "amqp://127.0.0.1:1/", "--store", "sqlite:///tasks.db"]) == 2
    assert f"store: {role} needs a store that processes can share" in capsys.readouterr().err
    assert run([role, *SHARED, "--set", "lease_ttl_s=0"]) == 2
    assert "lease_ttl_s: must be greater than or equal to 0.5" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("instances: [{host: a, port: 70000}]", "`instances.0.port`: must be less than or equal to 65535; got 70000"),
        ("instances: [{host: a}]", "`instances.0.port`: must be given; got nothing"),
        ("instances: 5", "`instances`: must be a list; got 5"),
        ("strategy: 5", "`strategy`: must be a string; got 5"),
        ("agents: {a: {slots: x}}", "`agents.a.slots`: must be an integer; got 'x'"),
        ("colour: red", "`colour`: must not be given: nothing is known by this name; got 'red'"),
        ("- a", "must be a mapping"),
        ("{", "is not YAML"),
        ("predictions: {m: {table: no.csv}}", r"`predictions.m.table`: .*no.csv: No such file or directory"),
        ("predictions: {m: {table: a.yaml}}", r"`predictions.m.table`: must name a .csv or .json file; got '.*a.yaml'"),
        (
            "predictions: {m: {table: instances.csv}}",
            r"instances.csv: line 3: `q95_ms` must be a number from 0 to .* 'x'",
        ),
        ("predictions: {m: {}}", "`predictions.m.table`: must be given; got nothing"),
        ("weights: {'a:1': 0}", "`weights.a:1`: must be greater than 0; got 0"),
        ("strategy: 'no_such_module:f'", "field `strategy`: cannot import no_such_module: ModuleNotFoundError"),
        ("strategies: {m: 'os:nothing'}", "field `strategies.m`: module os has no nothing"),
        ("strategies: {m: Fastest}", "strategy: must be one of .*; got 'Fastest'"),
        ("order: 5", "`order`: must be a string; got 5"),
        ("orders: {m: Lifo}", "order: must be one of priority, fair, .*; got 'Lifo'"),
        ("shares: {alice: 0}", "`shares.alice`: must be greater than 0; got 0"),
    ],
)
def test_a_wrong_configuration_file_is_told_in_the_words_of_rest(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str, said: str
) -> None:
    file = tmp_path / "instances.yaml"
    file.write_text(content)
    file.with_suffix(".csv").write_text("q50_ms,q95_ms\n1,2\n3,x\n")
    assert run(["start", "--port", "0", "--config", str(file)]) == 2
    [complaint] = capsys.readouterr().err.splitlines()
    assert re.match(r"swarmpilot: ", complaint)
    assert re.search(said, complaint)


def test_what_fails_at_run_time_ends_with_code_1(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    start = ["start", "--port", "0", "--grpc-port", "0"]
    assert run([*start, "--store", "sqlite:////no/such/folder/tasks.db"]) == 1
    assert capsys.readouterr().err == (
        "swarmpilot: cannot open the store /no/such/folder/tasks.db: there is no folder /no/such/folder; "
        "make it, or name another store\n"
    )
    assert run([*start, "--store", f"sqlite:///{world.folder / 'tasks.db'}"]) == 1
    assert "is in use by process" in capsys.readouterr().err
    assert run([*start, "--store", "sqlite://", "--amqp", "amqp://127.0.0.1:1/"]) == 1
    assert "connecting to 127.0.0.1:1" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["start"],
        ["instance"],
        ["submit"],
        ["task"],
        ["queues"],
        ["demo"],
        ["simulate"],
        ["gateway"],
        ["scheduler"],
        ["agents"],
        ["dispatchers"],
    ],
)
def test_help_teaches_by_example(capsys: pytest.CaptureFixture[str], command: list[str]) -> None:
    assert run([*command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert "swarmpilot " + " ".join(command) in shown
    assert re.search("Examples|First steps", shown)


def test_version_and_module_agree() -> None:
    versions = [swarmpilot("--version").stdout]
    command = [sys.executable, "-m", "swarmpilot", "--version"]
    versions.append(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60).stdout)
    assert versions[0] == versions[1]
    assert versions[0].startswith("swarmpilot 2.")


def test_an_instance_that_is_stopped_finishes_what_it_holds(world: World) -> None:
    instance = world.start_instance("leaving")
    task_id = world.submitted("leaving", {"service_ms": 1500})
    eventually(lambda: world.query(task_id)["state"] == "running", what="the task runs")
    assert instance.terminate() == 0
    assert world.query(task_id)["state"] == "completed"
    assert not [queue for queue in world.queues() if queue["model_name"] == "leaving" and queue["condition"] == "up"]


def test_a_second_signal_stops_an_instance_at_once(world: World) -> None:
    instance = world.start_instance("stuck", "--call", "examples.custom_instance:nap")
    task_id = world.submitted("stuck", {"seconds": 600})
    eventually(lambda: world.query(task_id)["state"] == "running", what="the task runs")
    instance.process.send_signal(signal.SIGINT)
    instance.wait_for("finishing 1 running")
    instance.process.send_signal(signal.SIGINT)
    assert instance.process.wait(10) == 1


def test_the_demo_completes_every_task_and_leaves_nothing_behind() -> None:
    done = swarmpilot("demo", "--seconds", "5", "--rate", "20")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\d+ submitted, \d+ completed, 0 failed, 0 refused, 0 lost", done.stdout)
    port = re.search(r"a scheduler at http://127.0.0.1:(\d+)", done.stdout)
    assert port
    assert swarmpilot("queues", "--url", f"http://127.0.0.1:{port[1]}").returncode == 1


def test_an_interrupted_demo_ends_its_children(tmp_path: Path) -> None:
    with (tmp_path / "demo.log").open("wb") as output:
        demo = subprocess.Popen([sys.executable, "cli.py", "demo"], cwd=ROOT, stdout=output, stderr=output)
    log = tmp_path / "demo.log"
    try:
        eventually(lambda: "completed" in log.read_text(), what="the demo streams")
        children = (Path("/proc") / str(demo.pid) / "task" / str(demo.pid) / "children").read_text().split()
        assert len(children) == 4
        demo.send_signal(signal.SIGINT)
        assert demo.wait(30) == 130
        assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]
    finally:
        demo.kill()
        demo.wait(10)


def test_the_record_of_a_running_service_is_verified(world: World, tmp_path: Path) -> None:
    submitted = swarmpilot("submit", "words", '{"text": "one"}', "--task-id", "kept", "--wait", "--url", world.url)
    assert submitted.returncode == 0
    store = ("--store", f"sqlite:///{world.folder}/tasks.db")
    done = swarmpilot("verify", *store, "--acknowledged", "-", stdin="kept\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert "ok      1 every acknowledged submit has a task" in done.stdout
    assert "BROKEN" not in done.stdout
    missing = tmp_path / "ids.txt"
    missing.write_text("kept\nghost\n")
    done = swarmpilot("verify", *store, "--acknowledged", str(missing), "--quiet")
    assert done.returncode == 1
    assert done.stdout == "rule 1: task ghost: was acknowledged and is not in the record\n"
    told = json.loads(swarmpilot("verify", *store, "--acknowledged", str(missing), "--json").stdout)
    assert (told["sound"], [violation["task_id"] for violation in told["violations"]]) == (False, ["ghost"])
    assert told["looked_at"]["tasks"] > 0


def test_what_cannot_be_verified_is_said_in_a_line(tmp_path: Path) -> None:
    nothing = swarmpilot("verify", "--store", f"sqlite:///{tmp_path}/nothing.db")
    assert (nothing.returncode, nothing.stderr) == (1, f"swarmpilot: there is no store {tmp_path}/nothing.db\n")
    usage = swarmpilot("verify", "--store", "mysql://h/x")
    assert usage.returncode == 2
    assert "store: 'mysql://h/x' names no store" in usage.stderr
    no_file = swarmpilot("verify", "--acknowledged", str(tmp_path / "nothing.txt"))
    assert (no_file.returncode, "--acknowledged: cannot read" in no_file.stderr) == (2, True)


def test_dead_letters_where_there_are_none(world: World) -> None:
    listed = swarmpilot("dead", "list", "--url", world.url)
    assert (listed.returncode, listed.stdout) == (0, "no dead letters\n")
    shown = swarmpilot("dead", "show", "nothing", "--url", world.url)
    assert (shown.returncode, shown.stderr) == (1, "swarmpilot: Dead letter nothing not found\n")
    assert swarmpilot("dead", "replay", "--all", "--url", world.url).returncode == 0
    assert swarmpilot("dead", "replay", "--url", world.url).returncode == 2
