"""What a look-up of 20 entries costs: on one Memcached node and over three, beside plain pymemcache.

    .venv/bin/python -m benchmarks.cache_nodes

Starts its own nodes (Debian: memcached). Prints microseconds a call, the median of several rounds in one run.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pymemcache.client.base import Client

from murmuration_server.cache.node_stores.sqlite import SqliteNodeStateStore
from murmuration_server.cache.open_cluster import open_memcached
from murmuration_server.cache.port import CacheKey
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import MemcachedSettings
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.runtime import ThreadRuntime
from tools.stack.memcached import start_memcached

ENTRIES, VALUE_BYTES, NODES = 20, 300, 3
ROUNDS = 7


def microseconds(work: Callable[[], object], calls: int) -> float:
    rounds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(calls):
            work()
        rounds.append((time.perf_counter() - began) / calls * 1e6)
    return statistics.median(rounds)


def measure(folder: Path, calls: int) -> dict[str, float]:
    nodes = start_memcached(NODES, folder / "memcached")
    runtime = ThreadRuntime()
    settings = MemcachedSettings(nodes=tuple(node.address for node in nodes), timeout_ms=2000)
    states = SqliteNodeStateStore(folder / "nodes.db", runtime)
    opened = open_memcached(lambda: settings, states, runtime, Metrics())
    call = Call.background(runtime, 600)
    opened.keeper.run_once(call)
    cache, value = opened.cache, b"x" * VALUE_BYTES
    one = [CacheKey(1, f"tweet.1:{n}") for n in range(ENTRIES)]
    spread = [CacheKey(n, f"tweet.1:{n}") for n in range(ENTRIES)]
    for key in [*one, *spread]:
        cache.set(call, key, value, 600)
    plain = [Client((node.host, node.port), no_delay=True, default_noreply=False) for node in nodes]
    names = [f"plain:{n}".encode() for n in range(ENTRIES)]
    owners = {node.address: client for node, client in zip(nodes, plain, strict=True)}
    parts: dict[str, list[bytes]] = {}
    for n, name in enumerate(names):
        plain[0].set(name, value, 600)
        located = cache.locate(call, n)
        assert located is not None
        node = located.node
        owners[node].set(name, value, 600)
        parts.setdefault(node, []).append(name)
    pool = ThreadPoolExecutor(NODES)

    def over_three() -> int:
        return sum(len(owners[node].gets_many(part)) for node, part in parts.items())

    def at_once() -> int:
        works = [pool.submit(owners[node].gets_many, part) for node, part in parts.items()]
        return sum(len(work.result()) for work in works)

    def state_asked_and_held() -> int:
        return len(cache.get_many(call, spread))

    assert len(plain[0].gets_many(names)) == over_three() == at_once() == state_asked_and_held() == ENTRIES
    result = {
        "one node: pymemcache": microseconds(lambda: plain[0].gets_many(names), calls),
        "one node: cache": microseconds(lambda: cache.get_many(call, one), calls),
        "three nodes: pymemcache, one after another": microseconds(over_three, calls),
        "three nodes: pymemcache, a thread each": microseconds(at_once, calls),
        "three nodes: cache": microseconds(state_asked_and_held, calls),
    }
    pool.shutdown()
    for client in plain:
        client.close()
    cache.close()
    states.close()
    for started in nodes:
        started.kill()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1000, help="in each of the rounds (default 1000)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="murmuration-bench-") as folder:
        result = measure(Path(folder), options.calls)
    if options.json:
        print(json.dumps({name: round(figure, 1) for name, figure in result.items()}))
        return
    print(f"{ENTRIES} entries of {VALUE_BYTES} bytes; microseconds a call, median of {ROUNDS} rounds")
    for name, figure in result.items():
        print(f"{figure:8.0f}  {name}")


if __name__ == "__main__":
    main()
