"""People on the distributed engine, each role in processes of its own, and the model that hears what was answered."""

from __future__ import annotations

import time
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random

from murmuration_client import Client, MurmurationError
from tests.faults import checks
from tests.faults.load import PATIENCE_SECONDS, Load
from tests.process.running import until
from tests.support.model import Model
from tools.stack.roles import RoleProcess, Roles
from tools.stack.stack import Stack

THREADS, PLAYERS = 3, 4
FIRST_FOLLOWS = 40
PROBES = 100
"""At most so many posts are made to see whether one is taken and delivered."""
CALL_SECONDS = 10.0
RECOVERY_SECONDS = 120.0
"""When a recovery counts as failed. How long one takes is measured, and not asserted."""
SETTINGS = {
    "OUTBOX__BUCKET_MS": "2000",
    "OUTBOX__RESWEEP_MS": "2000",
    "OUTBOX__MARGIN_MS": "500",
    "TIMELINE__READ_BUDGET_MS": "20000",
    "TIMELINE__VIEW_MAX_AGE_MS": "20000",
}
"""Buckets are swept for the last time every few seconds: faults meet that too. A slow machine makes no page short."""


SELDOM_CALLED = ("relay", "fanout", "admin")
"""Roles whose processes nobody may call for a while."""


def answered(process: RoleProcess) -> bool:
    """Whether it has answered a call since it was begun."""
    with urllib.request.urlopen(process.metrics_url, timeout=10) as answer:
        text = answer.read().decode()
    return "murmuration_rpc_seconds_count{" in text


class Town:
    """Use as a context manager. `counts`: processes of a role, if not one. `patience`: of people, for one call with all
    its repetitions, in seconds. `tree`: the checkout of another version, which all of them run at first."""

    def __init__(
        self,
        stack: Stack,
        folder: Path,
        counts: Mapping[str, int],
        seed: int,
        patience: float = PATIENCE_SECONDS,
        tree: Path | None = None,
    ) -> None:
        self.roles = Roles(stack.config, folder, counts, SETTINGS)
        for process in self.roles:
            process.take(tree)
        self.stack, self.random, self.model = stack, Random(seed), Model()
        self._patience = patience
        self._seed, self.waiting = seed, ""

    def __enter__(self) -> Town:
        self.roles.start()
        try:
            self._settle_in()
        except BaseException:
            self.roles.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.roles.stop()

    def _settle_in(self) -> None:
        self.client = Client(self.roles.target, timeout=CALL_SECONDS)
        # Processes that have just begun prepare their statements.
        with Client(self.roles.target, timeout=RECOVERY_SECONDS) as patient:
            self._fill(patient)
        self.probe()

    def _fill(self, patient: Client) -> None:
        name = f"t{self.random.getrandbits(32):x}"
        self.users = [patient.create_user(f"{name}_{number}").user_id for number in range(THREADS * PLAYERS)]
        people = [self.users[start::THREADS] for start in range(THREADS)]
        self.load = Load(self.client, self.model, people, self._seed, self._patience)
        for _ in range(FIRST_FOLLOWS):
            user, other = self.random.sample(self.users, 2)
            patient.acting_as(user).follow(other)
            self.model.follow(user, other)
        self.author, self.reader = (patient.create_user(f"{name}_{who}").user_id for who in ("a", "r"))
        patient.acting_as(self.reader).follow(self.author)

    @contextmanager
    def without_failures(self, but: str = "") -> Iterator[None]:
        """In use, and no call fails although the client tries again. `but`: what some may be told all the same, and is
        printed then."""
        begun = len(self.load.tally.refusals)
        with self.in_use():
            yield
        failed = self.load.tally.refusals[begun:]
        known = [refusal for refusal in failed if but and but in refusal]
        if known:
            print(f"{len(known)} calls were refused for a known reason: {known}")
        assert failed == known, failed

    @contextmanager
    def in_use(self) -> Iterator[None]:
        self.load.start()
        try:
            yield
        finally:
            self.load.stop()

    def await_acked(self, calls: int) -> None:
        """Returns when so many more calls were answered: the load is under way."""
        wanted = self.load.tally.acked + calls
        until(f"{calls} more calls to be answered", lambda: self.load.tally.acked >= wanted, RECOVERY_SECONDS)

    def await_found(self, process: RoleProcess) -> None:
        """Returns when a process that was begun is found and called. A rollout leaves callers that time: an old pod
        goes on for half a minute, and a client looks again after two seconds at most."""
        if process.role not in SELDOM_CALLED:
            until(f"calls to {process.name}", lambda: self._called(process), RECOVERY_SECONDS)

    def probe(self) -> float:
        """Seconds until a new post was acked and is in a follower's home."""
        begun = time.monotonic()
        until("a post to be taken", self._posted, RECOVERY_SECONDS)
        until("the post in a follower's home", self._shown, RECOVERY_SECONDS)
        return time.monotonic() - begun

    def read_all(self) -> None:
        """Everybody reads his home: on every process, more or less."""
        for user in self.users:
            self.load.certain(lambda user=user: self.client.acting_as(user).home_page(20))  # type: ignore[misc]

    def join(self) -> None:
        """Somebody new follows everybody."""
        newcomer = self._newcomer()
        for user in self.users:
            self.load.certain(lambda user=user: self.client.acting_as(newcomer).follow(user))  # type: ignore[misc]
            self.load.told(lambda model, user=user: model.follow(newcomer, user))  # type: ignore[misc]
        self.users.append(newcomer)

    @property
    def probed(self) -> int:
        """The last new post of `probe`."""
        return self._probe

    def come_right(self) -> checks.Findings:
        """Everything beside the model, once nothing waits."""
        try:
            return checks.at_rest(self.settled, self.client, self.model, self.users, self.random)
        except AssertionError as error:
            error.add_note(f"waiting: {self.waiting}")
            raise

    def settled(self) -> bool:
        """Whether nothing waits to be published or delivered, in any group."""
        try:
            backlog = self.client.admin.get_backlog()
        except MurmurationError as error:
            self.waiting = str(error)
            return False
        lanes = {f"{lane.group} of {lane.topic}": lane.records for lane in backlog.lanes if lane.records}
        self.waiting = f"{backlog.outbox_rows} events for the log, {lanes}"
        return not backlog.outbox_rows and not lanes

    def processes(self) -> list[RoleProcess]:
        return list(self.roles)

    def _called(self, process: RoleProcess) -> bool:
        if process.role == "users":
            # The others remember every account that they have met.
            self._newcomer()
        return answered(process)

    def _newcomer(self) -> int:
        handle, request_id = f"n{self.random.getrandbits(40):x}", str(uuid.uuid4())
        return self.load.certain(lambda: self.client.create_user(handle, request_id=request_id)).user_id

    def _posted(self) -> bool:
        try:
            self._probe = self.client.acting_as(self.author).create_tweet("does it answer?").tweet_id
        except MurmurationError:
            return False
        return True

    def _shown(self) -> bool:
        try:
            # Not the newest alone: by a clock that is behind, a new post stands among older ones.
            page = self.client.acting_as(self.reader).home_page(PROBES)
        except MurmurationError:
            return False
        return self._probe in [item.tweet.tweet_id for item in page.items]
