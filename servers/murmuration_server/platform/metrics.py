"""The metric catalogue: every figure the system emits stands here, and nothing outside of it can be emitted."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    """One registry a process. Labels take values from small fixed sets only: methods, codes, lanes, topics, parts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.rpc_seconds = self._histogram("rpc_seconds", "Time to answer a call.", "method", "code")
        self.posts = self._counter("posts", "Posts, replies and reposts acked.", "mode")
        self.deliveries = self._counter("deliveries", "Rows written into homes.", "lane")
        self.skipped_inactive = self._counter("skipped_inactive", "Followers skipped, being long inactive.", "lane")
        self.post_to_stored_seconds = self._histogram(
            "post_to_stored_seconds", "From a post's ack until a job's last home row is stored.", "lane"
        )
        self.relayed = self._counter("relayed", "Events published from outboxes to the log.", "source")
        self.outbox_rows = self._gauge("outbox_rows", "Acked events not yet on the log.", "source")
        self.log_backlog = self._gauge("log_backlog", "Records a group has not committed.", "group", "topic")
        self.log_lag_seconds = self._gauge(
            "log_lag_seconds", "Age of the oldest record that a group has not committed.", "group", "topic"
        )
        self.delivery_lag_seconds = self._gauge("delivery_lag_seconds", "How far delivery is behind acks.")
        self.dead_letters = self._counter("dead_letters", "Records set aside as poison.", "group")
        self.home_reads = self._counter("home_reads", "Home pages served.", "state")
        self.home_scanned = self._histogram("home_scanned", "Candidates looked at for one page.")
        self.pull_view_age_seconds = self._gauge("pull_view_age_seconds", "Age of the view of PULL posts.")
        self.pull_view_posts = self._gauge("pull_view_posts", "Posts in the view of PULL posts.")
        self.rebuilds = self._counter("rebuilds", "Homes rebuilt.", "result")
        self.backfills = self._counter("backfills", "Follows whose posts were written into the follower's home.")
        self.mode_changes = self._counter("mode_changes", "Authors moved between PUSH and PULL.", "to")
        self.cache_requests = self._counter("cache_requests", "Cache look-ups.", "kind", "result")
        self.cache_node_failures = self._counter(
            "cache_node_failures", "Calls of cache nodes that failed.", "operation"
        )
        self.cache_node_changes = self._counter(
            "cache_node_changes", "Cache nodes that this process took out or let in again.", "to"
        )
        self.calls_given_up = self._counter(
            "calls_given_up", "Calls cancelled since their request did not come, or their answer was not taken.", "for"
        )
        self.worker_errors = self._counter("worker_errors", "Steps of workers that failed.", "worker")
        self.cql_seconds = self._histogram("cql_seconds", "Time for a request to the database.", "kind")
        self.cql_failures = self._counter("cql_failures", "Requests to the database that failed.", "kind")
        self.cql_fallbacks = self._counter("cql_fallbacks", "Reads answered by one replica for want of a quorum.")

    def render(self) -> bytes:
        """The Prometheus text format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, doc: str, *labels: str) -> Counter:
        return Counter(f"murmuration_{name}", doc, labels, registry=self.registry)

    def _gauge(self, name: str, doc: str, *labels: str) -> Gauge:
        return Gauge(f"murmuration_{name}", doc, labels, registry=self.registry)

    def _histogram(self, name: str, doc: str, *labels: str) -> Histogram:
        buckets = _SECONDS if name.endswith("seconds") else (10, 20, 50, 100, 200, 500, 1000, 5000)
        return Histogram(f"murmuration_{name}", doc, labels, registry=self.registry, buckets=buckets)
