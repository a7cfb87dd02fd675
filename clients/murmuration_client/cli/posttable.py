"""Posts as a table: one line each, narrow enough for a terminal of 80 characters."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from murmuration.v1 import tweet_pb2
from murmuration_client.cli.output import table
from murmuration_client.cli.text import local_time

COLUMNS = ("id", "when", "who", "post")


def post_table(rows: Sequence[tuple[str, ...]]) -> Table:
    """A table of what `post_row` makes."""
    return table(COLUMNS, rows, folded={"who", "post"})


def post_row(
    listed: tweet_pb2.Tweet, who: str, shown: tweet_pb2.Tweet, counts: tweet_pb2.TweetCounts
) -> tuple[str, ...]:
    """id and time of the post that is listed; the text of the one that is shown (for a repost: the original)."""
    return str(listed.tweet_id), local_time(listed.create_time_ms), who, _text(shown) + _counted(counts)


def _text(tweet: tweet_pb2.Tweet) -> str:
    """ "(to 12) text [https://…]"; for a repost without its original, what it repeats."""
    if tweet.kind == tweet_pb2.TWEET_KIND_REPOST:
        return f"(repost of {tweet.reposted_tweet_id})"
    before = f"(to {tweet.in_reply_to_tweet_id}) " if tweet.in_reply_to_tweet_id else ""
    return before + tweet.text + "".join(f" [{media.url}]" for media in tweet.media)


def _counted(counts: tweet_pb2.TweetCounts) -> str:
    """What is there to count: " (3 replies, 1 repost)"."""
    parts = [
        f"{count} {one if count == 1 else many}"
        for count, one, many in ((counts.replies, "reply", "replies"), (counts.reposts, "repost", "reposts"))
        if count
    ]
    return f" ({', '.join(parts)})" if parts else ""
