"""A load from beginning to end: the system up and filled, the load, the generator's ceiling, the table."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from loadtest.filling import TooSlow, await_delivered, first_posts, import_graph, usual_page
from loadtest.graphs import GraphUnusable
from loadtest.programs import CHECKOUT, ProgramFailed, bare_server, locust
from loadtest.report import Report
from loadtest.screen import Screen
from loadtest.settings import DEFAULT_POSTS, LoadSettings
from loadtest.system import System, SystemFailed
from loadtest.workload import Workload
from murmuration_client import Client, MurmurationError

RESULTS = CHECKOUT / "loadtest" / "results" / "latest"
WEB_HOST, WEB_PORT = "127.0.0.1", "8089"
CALL_SECONDS = 20.0
LEAST_CEILING_SECONDS, MOST_CEILING_SECONDS, CEILING_SHARE = 3, 8, 0.1
"""The ceiling is measured for this share of the load's time, within these bounds."""
CEILING_USERS = 16
SPARE_SECONDS = 60.0
"""For Locust to start, to make the graph, and to end."""
POLL_SECONDS = 0.2
TELL_SECONDS = 10.0
INTERRUPTED = 130
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Options:
    """posts: made before the load. target: a system that runs already, or empty to start one. web: Locust's page
    instead of a load at once."""

    load: LoadSettings
    posts: int = DEFAULT_POSTS
    processes: int = 1
    target: str = ""
    out: Path = RESULTS
    as_json: bool = False
    web: bool = False


def run_load(options: Options) -> int:
    """Answers the exit status: 0 if nothing was wrong."""
    for number in ENDING:
        signal.signal(number, _interrupt)
    screen = Screen(quiet=options.as_json)
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        return _run(options, screen)
    except KeyboardInterrupt:
        print("load: interrupted; all that was started is stopped.", file=sys.stderr)
        return INTERRUPTED
    except (GraphUnusable, SystemFailed, TooSlow, ProgramFailed, MurmurationError, OSError) as error:
        print(f"load: {error}", file=sys.stderr)
        return 1


def _run(options: Options, screen: Screen) -> int:
    screen.heading("Load", f"{options.load.mix.name}: {options.load.mix.meaning}.")
    with screen.bar("making the graph", None):
        workload = Workload(options.load.make_graph(), options.load.mix, options.load.seed)
    with _system(options, screen) as target, Client(target, timeout=CALL_SECONDS) as client:
        _fill(client, workload, options.posts, screen)
        if options.web:
            return _serve_web(target, options, screen)
        found = _play(target, options, screen)
        page = usual_page(client, workload)
    # Alone: the system under load has stopped.
    with screen.bar("the generator's ceiling, against a bare server", None):
        ceiling = _ceiling(page, options)
    report = Report(options.load, options.processes, workload.graph, found, ceiling, len(page))
    (options.out / "load.json").write_text(report.as_json())
    report.show(screen, options.out)
    if options.as_json:
        print(report.as_json())
    return 0 if report.passed else 1


@contextmanager
def _system(options: Options, screen: Screen) -> Iterator[str]:
    """The target: one that runs, or one of its own on free ports with its data in a folder that is thrown away."""
    if options.target:
        yield options.target
        return
    system = System({}, "load")
    try:
        with screen.bar("starting the system", None):
            system.await_ready()
        yield system.target
    finally:
        system.stop()


def _fill(client: Client, workload: Workload, posts: int, screen: Screen) -> None:
    graph = workload.graph
    with screen.bar("accounts and follows", len(graph.users) + graph.follow_count) as advance:
        import_graph(client, graph, advance)
    with screen.bar("first posts", posts) as advance:
        first_posts(client, workload, posts, advance)
    with screen.bar("waiting until all is delivered", None):
        await_delivered(client)
    screen.say(f"{len(graph.users):,} accounts, {graph.follow_count:,} follows and {posts:,} first posts are in.")


def _play(target: str, options: Options, screen: Screen) -> dict[str, Any]:
    """Runs the load; answers the summary of loadtest/locustfile.py. Raises ProgramFailed."""
    out, seconds = options.out, options.load.seconds
    for name in ("progress.jsonl", "summary.json"):
        (out / name).unlink(missing_ok=True)
    words = ["--headless", "--csv", str(out / "load"), "--html", str(out / "load.html"), *_words(options)]
    began = time.monotonic()
    with locust("locustfile.py", target, words, out) as process, screen.bar("load", round(seconds)) as advance:
        told = began
        while process.poll() is None:
            elapsed = time.monotonic() - began
            if elapsed > seconds + SPARE_SECONDS:
                raise ProgramFailed(f"Locust goes on {SPARE_SECONDS:g} s after its time; see {out}/locustfile.log.")
            advance(round(min(elapsed, seconds)))
            if time.monotonic() - told >= TELL_SECONDS:
                told = time.monotonic()
                screen.say(_progress(out / "progress.jsonl", elapsed))
            time.sleep(POLL_SECONDS)
    return _read(out / "summary.json", out / "locustfile.log")


def _ceiling(page: bytes, options: Options) -> dict[str, Any]:
    (options.out / "ceiling.json").unlink(missing_ok=True)
    seconds = round(min(max(options.load.seconds * CEILING_SHARE, LEAST_CEILING_SECONDS), MOST_CEILING_SECONDS))
    words = ["--headless", "--users", str(CEILING_USERS), "--spawn-rate", "100", "--run-time", f"{seconds}s"]
    if options.processes > 1:
        words += ["--processes", str(options.processes)]
    with bare_server(page, options.out) as target, locust("ceiling.py", target, words, options.out) as process:
        process.wait(seconds + SPARE_SECONDS)
    return _read(options.out / "ceiling.json", options.out / "ceiling.log")


def _serve_web(target: str, options: Options, screen: Screen) -> int:
    words = ["--web-host", WEB_HOST, "--web-port", WEB_PORT, *_words(options)]
    screen.say(f"Locust's page: http://{WEB_HOST}:{WEB_PORT}. Start the load there; Ctrl-C ends it all.")
    screen.say(f"The same without this program: locust -f loadtest/locustfile.py --host {target} {' '.join(words[4:])}")
    with locust("locustfile.py", target, words, options.out) as process:
        return process.wait()


def _words(options: Options) -> list[str]:
    words = options.load.locust_options()
    return [*words, "--processes", str(options.processes)] if options.processes > 1 else words


def _progress(path: Path, elapsed: float) -> str:
    try:
        last = json.loads(path.read_text().splitlines()[-1])
    except (OSError, IndexError, ValueError):
        return f"{elapsed:4.0f} s  Locust prepares itself."
    return (
        f"{elapsed:4.0f} s  {last['people']:,} people, {last['calls']:,} calls, {last['wrong']} wrong, "
        f"{last['failed']} failed"
    )


def _read(path: Path, log: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except OSError:
        raise ProgramFailed(f"Locust has ended without a result; see {log}.") from None
    return found


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    raise KeyboardInterrupt
