"""`murmurd dlq`, on a system that runs: what was set aside is seen, sent again, given up."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from murmuration.events.v1 import events_pb2
from murmuration_server.eventlog.envelope import REBUILDS
from tests.process.running import Server, until

NO_PAYLOAD = events_pb2.Envelope(schema_version=1, event_id="nothing inside").SerializeToString()


@pytest.fixture
def started(start: Callable[..., Server]) -> Server:
    """With two events in an outbox that nobody can handle."""
    server = start()
    with closing(sqlite3.connect(server.data / "timeline_state.sqlite", timeout=10)) as connection, connection:
        bucket = connection.execute("SELECT CAST(strftime('%s') AS INTEGER) / 60").fetchone()[0]
        connection.executemany(
            "INSERT INTO outbox VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(bucket, number, number, REBUILDS, 1, 1, NO_PAYLOAD) for number in (1, 2)],
        )
    until("both to be set aside", lambda: len(listed(server)) == 2)
    return server


def dlq(server: Server, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "murmuration_server", "dlq", *words, "--target", server.target]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def listed(server: Server, *words: str) -> list[dict[str, Any]]:
    done = dlq(server, "list", "--json", *words)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["deadLetters"]
    return found


def test_letters_are_seen_sent_again_and_given_up(started: Server) -> None:
    one, other = listed(started)
    assert (one["group"], one["topic"], one["state"]) == ("rebuilder", REBUILDS, "STATE_OPEN")
    assert one["reason"] == "Poison('no payload that this program knows')"
    table = dlq(started, "list").stdout
    assert one["deadLetterId"] in table
    assert other["deadLetterId"] in table
    shown = json.loads(dlq(started, "show", one["deadLetterId"], "--json").stdout)
    assert shown["event"]["eventId"] == "nothing inside"

    sent = dlq(started, "retry", one["deadLetterId"])
    assert sent.returncode == 0, sent.stderr
    assert "retried" in sent.stdout
    # It is as bad as before, so it is set aside as a letter of its own.
    until("it to fail again", lambda: len(listed(started, "--all")) == 3)
    assert one["deadLetterId"] not in {letter["deadLetterId"] for letter in listed(started)}

    dropped = dlq(started, "drop", "--all", "--group", "rebuilder")
    assert dropped.returncode == 0, dropped.stderr
    assert listed(started) == []
    assert dlq(started, "list").stdout.strip() == "No dead letters."
    states = sorted(letter["state"] for letter in listed(started, "--all"))
    assert states == ["STATE_DROPPED", "STATE_DROPPED", "STATE_RETRIED"]


def test_what_is_asked_wrongly(server: Server) -> None:
    unknown = dlq(server, "show", "rebuilder/rebuilds/0/99")
    assert unknown.returncode != 0
    assert "There is no dead letter rebuilder/rebuilds/0/99" in unknown.stderr
    assert "Traceback" not in unknown.stderr
    for words in (["retry"], ["drop", "x", "--all"], ["retry", "x", "--group", "g"]):
        assert dlq(server, *words).returncode == 2
