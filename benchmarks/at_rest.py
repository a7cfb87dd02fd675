"""What a deployment takes while nobody calls: of the processors, and requests to the database.

    .venv/bin/python -m benchmarks.at_rest

One process of each role on a Cassandra node, a Kafka broker and three Memcached nodes, with no data but their tables.
Beside it the same servers before any role was there. Prints cores (1: all of one), and calls of a role's session with
the database a second, each of which is one request or several beside one another.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping

from benchmarks.bench import Bench
from benchmarks.deployed import Deployed
from benchmarks.machine import cpu_seconds
from benchmarks.rounds import LEAST
from loadtest.system import metric_sum

WARM_SECONDS, SECONDS = 25.0, 15.0
"""At first the servers compile what is used most."""
CQL_CALLS = "murmuration_cql_seconds_count"


def rates(counts: Callable[[], Mapping[str, float]], seconds: float) -> dict[str, float]:
    """How fast each of the counts grows, a second."""
    before, began = counts(), time.perf_counter()
    time.sleep(seconds)
    took = time.perf_counter() - began
    return {name: (count - before[name]) / took for name, count in counts().items()}


def measure(bench: Bench, warm: float, seconds: float) -> dict[str, dict[str, float]]:
    stack = bench.stack()
    servers = {"cassandra": stack.cassandra[0].process.pid, "kafka": stack.kafka.process.pid}

    def cores(pids: Mapping[str, int]) -> Callable[[], dict[str, float]]:
        return lambda: {name: cpu_seconds(pid) for name, pid in pids.items()}

    bench.say("servers without roles")
    time.sleep(warm)
    alone = rates(cores(servers), seconds)
    with bench.deployed() as system:
        bench.say("roles at rest")
        time.sleep(warm)
        taken = rates(lambda: {**cores({**servers, **system.pids()})(), **_cql_calls(system)}, seconds)
    return {
        "cores without roles": alone,
        "cores": {name: rate for name, rate in taken.items() if not name.startswith("cql ")},
        "cql calls": {name.removeprefix("cql "): rate for name, rate in taken.items() if name.startswith("cql ")},
    }


def _cql_calls(system: Deployed) -> dict[str, float]:
    return {f"cql {process.name}": metric_sum(process.metrics_port, CQL_CALLS) for process in system.roles}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few seconds, which show that it runs")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    shorter = 10 if options.quick else 1
    with Bench(LEAST, quick=options.quick) as bench:
        found = measure(bench, WARM_SECONDS / shorter, SECONDS / shorter)
    if options.json:
        print(json.dumps({what: {name: round(rate, 3) for name, rate in by.items()} for what, by in found.items()}))
        return
    for what, by in found.items():
        print(f"{what}: {sum(by.values()):.2f}")
        for name, rate in by.items():
            print(f"{rate:8.3f}  {name}")


if __name__ == "__main__":
    main()
