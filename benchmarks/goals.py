"""What is to be reached: one goal for each figure, in the order in which they are shown."""

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
BY_NAME = {goal.name: goal for goal in GOALS}
