"""How long after a kill everything works again.

System: one process of each role on a Cassandra node, a Kafka broker and three Memcached nodes, so nobody takes over for
whoever is killed. The victim is killed with SIGKILL and started again at once, as a supervisor does; the cache node is
not, since nothing has to wait for it. From the kill on a client asks again and again, each try with two seconds: a post
must be acked, then be in a follower's home, then a profile, follow counts and the backlog must be answered. The time is
that from the kill until all of it was, so it holds the start of the victim as well.

Role: in each round each of the eight roles is killed once; the figure of a round is that of the slowest. Cache: the
node that holds the entries of the follower whose home is read. Database: the only Cassandra node. Log: the only Kafka
broker. Each was killed as many times as there are rounds; between kills nothing waits to be delivered.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from benchmarks.bench import Bench
from benchmarks.deployed import Deployed
from benchmarks.failures import BenchFailed, TookTooLong
from benchmarks.intervals import median_of
from benchmarks.people import handles, import_users
from benchmarks.results import Row
from murmuration_client import Client, MurmurationError
from tools.stack.process import ServerProcess
from tools.stack.roles import ROLES

NAMES = ("stack-recovery-role", "stack-recovery-cache", "stack-recovery-database", "stack-recovery-log")
ROUNDS = 3
"""Of kills: each takes as long as it takes to come back."""
TRY_SECONDS, LOOK_SECONDS, GIVE_UP_SECONDS = 2.0, 0.05, 180.0
CACHE, DATABASE, LOG = "cache", "database", "log"


def measure(bench: Bench) -> list[Row]:
    with bench.deployed() as system, Client(system.target, timeout=TRY_SECONDS) as client:
        probe = _Probe(system, client)
        victims: dict[str, Callable[[], float]] = {
            **{role: _killed(system, probe, system.roles.process(role), again=True) for role in ROLES},
            CACHE: lambda: _killed(system, probe, _cache_node(system, probe), again=False)(),
            DATABASE: _killed(system, probe, system.stack.cassandra[0].process, again=True),
            LOG: _killed(system, probe, system.stack.kafka.process, again=True),
        }
        measured = bench.interleave(victims, min(bench.rounds, ROUNDS))
    slowest = [max(times) for times in zip(*(measured[role] for role in ROLES), strict=True)]
    roles = {f"{role}_s": statistics.median(measured[role]) for role in ROLES}
    series = {role: measured[role] for role in ROLES}
    return [
        Row(NAMES[0], median_of(slowest), len(slowest), roles, series),
        *(
            Row(name, median_of(measured[kind]), len(measured[kind]), {}, {kind: measured[kind]})
            for name, kind in zip(NAMES[1:], (CACHE, DATABASE, LOG), strict=True)
        ),
    ]


class _Probe:
    """A call of each kind, again and again."""

    def __init__(self, system: Deployed, client: Client) -> None:
        names = handles("probe", 2)
        import_users(system.client, names)
        self.author, self.follower = system.ids_of(names)
        system.client.acting_as(self.follower).follow(self.author)
        self._client = client
        self.run()

    def run(self) -> None:
        """Returns once all was answered. Raises TookTooLong."""
        deadline, posted = time.monotonic() + GIVE_UP_SECONDS, 0
        reader = self._client.acting_as(self.follower)

        def post() -> bool:
            nonlocal posted
            posted = self._client.acting_as(self.author).create_tweet("Does it answer?").tweet_id
            return True

        def shown() -> bool:
            return posted in [item.tweet.tweet_id for item in reader.home_page(5).items]

        def others() -> bool:
            self._client.get_user(self.author)
            self._client.follow_counts(self.author)
            self._client.admin.get_backlog()
            return True

        for what, ask in (("post is taken", post), ("post is in a home", shown), ("other call is answered", others)):
            _until(what, ask, deadline)


def _until(what: str, ask: Callable[[], bool], deadline: float) -> None:
    why = ""
    while True:
        try:
            if ask():
                return
        except MurmurationError as error:
            why = str(error)
        if time.monotonic() > deadline:
            raise TookTooLong(f"No {what} {GIVE_UP_SECONDS:g} s after a kill. {why}")
        time.sleep(LOOK_SECONDS)


def _killed(system: Deployed, probe: _Probe, victim: ServerProcess, *, again: bool) -> Callable[[], float]:
    """What kills it and answers the seconds until all works. `again`: it is started at once; else afterwards."""

    def kill() -> float:
        began = time.perf_counter()
        victim.kill()
        if again:
            victim.begin()
        probe.run()
        seconds = time.perf_counter() - began
        if not again:
            victim.begin()
        victim.await_ready()
        system.await_delivered()
        return seconds

    return kill


def _cache_node(system: Deployed, probe: _Probe) -> ServerProcess:
    """That of the follower."""
    node = system.client.admin.locate_user(probe.follower).cache_node.node
    for server in system.stack.memcached:
        if server.clients == node:
            return server.process
    raise BenchFailed(f"No cache node is at {node}.")
