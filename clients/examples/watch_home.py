"""Waits until a post is in a follower's home, and follows that home live.

python clients/examples/watch_home.py [HOST:PORT]
"""

from __future__ import annotations

import secrets
import sys
from itertools import islice

from murmuration_client import Client, NotVisible

target = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:7700"

with Client(target) as client:
    suffix = secrets.token_hex(3)
    author = client.create_user(f"author_{suffix}").user_id
    reader = client.create_user(f"reader_{suffix}").user_id
    as_author, as_reader = client.acting_as(author), client.acting_as(reader)
    as_reader.follow(author)

    first = as_author.create_tweet("First")
    try:
        item = as_reader.wait_visible(first, timeout=10)
    except NotVisible as error:
        sys.exit(f"{error.message} {error.advice}")
    print("visible:", item.tweet.text)

    watch = as_reader.watch_home(since_tweet_id=first.tweet_id)
    for text in ("Second", "Third", "Fourth"):
        as_author.create_tweet(text)
    for item in islice(watch, 2):
        print("new:", item.tweet.text)

    # Another process could go on here: last_id is all that it needs.
    resumed = as_reader.watch_home(since_tweet_id=watch.last_id)
    print("new, after a break:", next(resumed).tweet.text)
