"""`murmurd up` as a user starts it: real processes, real ports, a folder of its own; and calls without retries."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import grpc
from prometheus_client.parser import text_string_to_metric_families

from murmuration_client import Client
from murmuration_client.operation import Stubs
from murmuration_client.status import from_rpc
from murmuration_client.terms import ACTOR_METADATA

T = TypeVar("T")

WAIT_SECONDS = 45.0
"""For what takes a moment on an idle machine. Never slept through: conditions are looked at again and again."""
PAUSE_SECONDS = 0.02
ONE_ATTEMPT = (("grpc.enable_retries", 0),)


def until(what: str, condition: Callable[[], T | None], seconds: float = WAIT_SECONDS) -> T:
    """The first answer of `condition` that is true. Fails, saying what was waited for, after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        if answer := condition():
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds:g} s still waiting: {what}")
        time.sleep(PAUSE_SECONDS)


def environment(settings: Mapping[str, object]) -> dict[str, str]:
    """This process's variables without what they say to Murmuration, and with `settings`: section.key to value."""
    bare = {key: value for key, value in os.environ.items() if not key.upper().startswith("MURMURATION_")}
    return bare | {f"MURMURATION_{key.replace('.', '__').upper()}": str(value) for key, value in settings.items()}


def command(data: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "murmuration_server", "up", "--data", str(data), *options]


def processes_of(data: Path) -> list[int]:
    """Every living process that was started for this data folder."""
    wanted = f"MURMURATION_DATA={data}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            pass  # It ended while we looked.
    return found


class Server:
    """One `murmurd up --json` with any free ports. Use as a context manager: leaving it stops everything."""

    def __init__(self, data: Path, settings: Mapping[str, object] | None = None, *options: str) -> None:
        self.data = data
        self.events: list[dict[str, Any]] = []
        self._errors = data.with_name(f"{data.name}.stderr")
        with self._errors.open("ab") as stderr:
            self.process = subprocess.Popen(
                command(data, "--json", "--port", "0", "--metrics-port", "0", *options),
                env=environment(settings or {}),
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd=data.parent,
            )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        begun = time.monotonic()
        try:
            self.ready = self.event("ready")
        except BaseException:
            self.stop(signal.SIGKILL)
            raise
        self.seconds_to_ready = time.monotonic() - begun
        self.pids: dict[str, int] = dict(self.ready["pids"])
        self.target = f"127.0.0.1:{self.ready['port']}"

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def event(self, name: str, **facts: object) -> dict[str, Any]:
        """The first event of that name and those facts, once it has come."""
        wanted = {"event": name, **facts}.items()

        def come() -> dict[str, Any] | None:
            ended = self.process.poll() is not None and not self._listener.is_alive()
            found = next((event for event in self.events if all(pair in event.items() for pair in wanted)), None)
            if ended and found is None:
                raise AssertionError(f"murmurd ended ({self.process.returncode}) without {name}:\n{self.stderr()}")
            return found

        return until(f"the event {name} {facts}", come)

    def restarted(self, role: str) -> int:
        """The new process of a role whose process was killed, once it is ready."""
        event = self.event("restarted", role=role)
        self.events.remove(event)
        self.pids[role] = event["pid"]
        return self.pids[role]

    def kill(self, role: str) -> None:
        os.kill(self.pids[role], signal.SIGKILL)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Stops it if it still runs. Answers the exit status; fails where a process remains."""
        for pid in processes_of(self.data):
            os.kill(pid, signal.SIGCONT)  # A test may have left one stopped.
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            status = self.process.wait(WAIT_SECONDS)
        finally:
            self.process.kill()
            self.process.wait()
            self._listener.join()
            left = processes_of(self.data)
            if number == signal.SIGKILL:
                until("the children to notice that their parent is dead", lambda: not processes_of(self.data))
            for pid in processes_of(self.data):
                os.kill(pid, signal.SIGKILL)
        assert number == signal.SIGKILL or not left, f"processes remain: {left}"
        return status

    def reap(self) -> None:
        """After its process was killed from outside and another `murmurd up` took over the folder."""
        self.process.wait(WAIT_SECONDS)
        self._listener.join()

    def client(self, **options: Any) -> Client:
        return Client(self.target, timeout=20.0, **options)

    def stderr(self) -> str:
        return self._errors.read_text(errors="replace")

    def metrics(self, role: str) -> dict[str, list[tuple[dict[str, str], float]]]:
        """Sample name to (labels, value) pairs, as a process serves them now."""
        return samples(scrape(self.metrics_port(role)))

    def metrics_port(self, role: str) -> int:
        """Of the process that holds the role now: found in /proc, since one that was restarted has another."""
        wanted = {self.ready["port"]} if role == "serving" else set()
        ports = [port for port in listening_ports(self.pids[role]) if port not in wanted]
        assert len(ports) == 1, ports
        return ports[0]

    def count(self, file: str, query: str, *values: object) -> int:
        """A number that SQL finds in one of the stores' files."""
        return int(self.column(file, query, *values)[0])

    def column(self, file: str, query: str, *values: object) -> list[Any]:
        with closing(sqlite3.connect(f"file:{self.data / file}.sqlite?mode=ro", uri=True, timeout=10)) as connection:
            return [row[0] for row in connection.execute(query, values)]

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.events.append(json.loads(line))


def scrape(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        text: str = answer.read().decode()
        return text


def samples(text: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((dict(sample.labels), sample.value))
    return found


def value(found: Mapping[str, list[tuple[dict[str, str], float]]], name: str, **labels: str) -> float:
    """The sum of the samples of that name that carry those labels; 0 where there are none."""
    return sum(number for carried, number in found.get(name, []) if labels.items() <= carried.items())


def listening_ports(pid: int) -> list[int]:
    """TCP ports on which a process listens."""
    return sorted({_port(here) for here, _, state in _connections(pid) if state == "0A"})


def connected_ports(pid: int) -> set[int]:
    """TCP ports to which a process is connected."""
    return {_port(there) for _, there, state in _connections(pid) if state == "01"}


def _port(address: str) -> int:
    """Of an address as proc(5) has it."""
    return int(address.rpartition(":")[2], 16)


def _connections(pid: int) -> Iterator[tuple[str, str, str]]:
    """Its own address, the other's and the state (proc(5): /proc/net/tcp, joined by the sockets' inodes)."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            name = str(link.readlink())
        except OSError:
            continue
        if name.startswith("socket:["):
            inodes.add(name[8:-1])
    for table in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
        except FileNotFoundError:
            continue  # No IPv6 here.
        for fields in map(str.split, lines):
            if fields[9] in inodes:
                yield fields[1], fields[2], fields[3]


class Api:
    """Calls by stub, each made once: what the server answers is what the test sees. Close it."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.channel = grpc.insecure_channel(target, options=[*ONE_ATTEMPT, ("grpc.enable_http_proxy", 0)])
        self.stubs = Stubs(self.channel)

    def __enter__(self) -> Api:
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()

    def call(
        self,
        method: str,
        request: Any,
        actor: int | None = None,
        *,
        metadata: Sequence[tuple[str, str | bytes]] = (),
        timeout: float = 20.0,
    ) -> Any:
        """`method`: "tweets.CreateTweet". Raises the client library's MurmurationError."""
        part, _, name = method.partition(".")
        pairs = [*metadata, *([(ACTOR_METADATA, str(actor))] if actor is not None else [])]
        try:
            return getattr(getattr(self.stubs, part), name)(request, timeout=timeout, metadata=pairs)
        except grpc.RpcError as error:
            raise from_rpc(error, self.target, timeout) from error


def texts_at_home(client: Client) -> list[str]:
    return [item.tweet.text for item in client.home()]


def settled(server: Server, client: Client) -> bool:
    """Whether nothing waits to be published or delivered, in any group."""
    backlog = client.admin.get_backlog()
    waiting = sum(lane.records for lane in backlog.lanes) + backlog.outbox_rows
    return not waiting and not value(server.metrics("serving"), "murmuration_outbox_rows")


def handles(prefix: str, count: int) -> Iterator[str]:
    return (f"{prefix}{number}" for number in range(count))
