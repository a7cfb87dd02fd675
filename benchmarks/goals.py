"""What is to be reached: one goal for each figure, in the order in which they are shown. Names are unique over all
suites."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Goal:
    """`bound` must be reached; `aim` is what is hoped for beyond it. Both in `unit`."""

    name: str
    what: str
    unit: str
    bound: float
    aim: float
    more_is_better: bool = False

    def met_by(self, value: float) -> bool:
        return value >= self.bound if self.more_is_better else value <= self.bound

    @property
    def text(self) -> str:
        return f"{'>=' if self.more_is_better else '<='} {self.bound:g}"


RATIO, SECONDS = "ratio", "s"

GOALS = (
    Goal(
        "home-reads",
        "home reads/s, 20 items with users and counts, warm, beside a bare grpcio server with the same bytes",
        RATIO,
        0.75,
        0.9,
        more_is_better=True,
    ),
    Goal("home-reads-while-posting", "the same while 500 posts/s are fanned out", RATIO, 0.5, 0.7, more_is_better=True),
    Goal("fanout", "fan-out, log to stored rows, beside raw batched SQLite inserts", RATIO, 0.5, 0.8, True),
    Goal("ack-large-author", "CreateTweet p99, author of 28,459 followers beside one of 10", RATIO, 1.2, 1.0),
    Goal("visible-half-load", "post to visible, p99, at half load", SECONDS, 1.0, 0.2),
    Goal(
        "visible-beside-large", "post to visible, p99, a small author's while 28,459 are delivered", SECONDS, 1.0, 0.2
    ),
    Goal("wide-reader", "reader with 5,000 followees and 100,000 rows beside one with 50 and 200", RATIO, 1.2, 1.05),
    Goal("page-40", "page 40 of a home beside page 1", RATIO, 1.5, 1.1),
    Goal("reads-100k-users", "time of a read at 100,000 users beside 1,000", RATIO, 1.2, 1.0),
    Goal("posts-100k-users", "time of a post at 100,000 users beside 1,000", RATIO, 1.2, 1.0),
    Goal("import-graph", "ImportGraph beside raw inserts into the same tables", RATIO, 0.3, 0.6, True),
    Goal("memory", "memory of all processes after the demo", "MB", 400, 250),
    Goal("cached-entry", "bytes of a cached timeline entry", "bytes", 40, 33),
    Goal("start", "`murmurd up`, from start to ready", SECONDS, 1.5, 1.0),
    Goal("client-import", "import time of the client", SECONDS, 0.3, 0.2),
)

STACK_GOALS = (
    Goal(
        "stack-deliveries",
        "deliveries/s on CQL, log to rows and heads, beside the best raw loop on the same node",
        RATIO,
        0.7,
        0.9,
        more_is_better=True,
    ),
    Goal("stack-deliveries-one-by-one", "the same beside one row at a time", RATIO, 6, 10, more_is_better=True),
    Goal(
        "stack-home-reads",
        "home reads/s of one timeline process, with Memcached hits, beside a bare grpcio server with the same bytes",
        RATIO,
        0.6,
        0.75,
        more_is_better=True,
    ),
    Goal("stack-two-timelines", "two timeline processes beside two bare ones", RATIO, 0.75, 0.9, more_is_better=True),
    Goal("stack-rebuild-cached", "rebuild of a home with 1,000 followees, recent posts cached", SECONDS, 0.3, 0.15),
    Goal("stack-rebuild-cold", "the same, nothing cached", SECONDS, 1.5, 0.8),
    Goal("stack-visible-half-load", "post to visible through Kafka, p99, at half load", SECONDS, 2.0, 0.5),
    Goal("stack-posts-without-log", "posts/s acked while Kafka is down beside with it", RATIO, 0.9, 1.0, True),
    Goal("stack-recovery-role", "until all works after a kill, the slowest role", SECONDS, 10.0, 3.0),
    Goal("stack-recovery-cache", "the same, a cache node", SECONDS, 5.0, 1.0),
    Goal("stack-recovery-database", "the same, the database", SECONDS, 60.0, 30.0),
    Goal("stack-recovery-log", "the same, the log", SECONDS, 60.0, 30.0),
)
BY_NAME = {goal.name: goal for goal in (*GOALS, *STACK_GOALS)}
