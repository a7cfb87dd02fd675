"""Posting, replying, reposting, deleting, and `murmur tweet show`."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.console import RenderableType

from murmuration.v1 import tweet_pb2
from murmuration_client.cli.output import sentence
from murmuration_client.cli.posttable import post_row, post_table
from murmuration_client.cli.session import session_of
from murmuration_client.terms import MAX_ID
from murmuration_client.visibility import DEFAULT_WAIT_SECONDS

app = typer.Typer(help="Show posts.", no_args_is_help=True)

MEDIA_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".mp4": "video/mp4",
}

TweetId = Annotated[
    int, typer.Argument(min=1, max=MAX_ID, metavar="TWEET_ID", help="The post's id.", show_default=False)
]
PostText = Annotated[str, typer.Argument(metavar="TEXT", help="At most 280 weighted characters.", show_default=False)]
MediaUrls = Annotated[
    list[str] | None,
    typer.Option(
        "--media-url", metavar="URL", help="https, ending in .jpg, .png, .gif, .webp or .mp4; up to four times."
    ),
]


def post(context: typer.Context, text: PostText, media_url: MediaUrls = None) -> None:
    """Post.

    Examples:
      murmur --as alice post "Hello, @bob"
      murmur --as alice post "Look" --media-url https://example.org/cat.png
    """
    session = session_of(context)
    media = [_media(url) for url in media_url or ()]
    tweet = session.actor().create_tweet(text, media=media)
    session.output.show(tweet, lambda: sentence(f"Posted {tweet.tweet_id}."))


def reply(context: typer.Context, tweet_id: TweetId, text: PostText, media_url: MediaUrls = None) -> None:
    """Answer a post.

    Example:
      murmur --as bob reply 7315209861632001 "Hello yourself"
    """
    session = session_of(context)
    media = [_media(url) for url in media_url or ()]
    tweet = session.actor().create_tweet(text, in_reply_to=tweet_id, media=media)
    session.output.show(tweet, lambda: sentence(f"Posted {tweet.tweet_id}, an answer to {tweet.in_reply_to_tweet_id}."))


def delete(context: typer.Context, tweet_id: TweetId) -> None:
    """Delete a post or a repost of yours."""
    session = session_of(context)
    session.actor().delete_tweet(tweet_id)
    session.output.show(tweet_pb2.DeleteTweetResponse(), lambda: sentence(f"Deleted {tweet_id}."))


def repost(context: typer.Context, tweet_id: TweetId) -> None:
    """Show a post to your followers."""
    session = session_of(context)
    made = session.actor().create_repost(tweet_id)
    session.output.show(made, lambda: sentence(f"Reposted {made.reposted_tweet_id} as {made.tweet_id}."))


def unrepost(context: typer.Context, tweet_id: TweetId) -> None:
    """Take your repost of a post back; TWEET_ID is the original's."""
    session = session_of(context)
    session.actor().delete_repost(tweet_id)
    session.output.show(tweet_pb2.DeleteRepostResponse(), lambda: sentence(f"No repost of {tweet_id} stands."))


def wait(context: typer.Context, tweet_id: TweetId) -> None:
    """Wait until a post is visible in your home, for --timeout seconds at most (30).

    Says what stands in the way if it does not appear.

    Example:
      murmur --as bob wait 7315209861632001 --timeout 5
    """
    session = session_of(context)
    item = session.actor().wait_visible(tweet_id, timeout=session.timeout or DEFAULT_WAIT_SECONDS)
    session.output.show(item, lambda: sentence(f"{tweet_id} is visible."))


@app.command()
def show(context: typer.Context, tweet_id: TweetId) -> None:
    """Show a post and its counts."""
    session = session_of(context)
    client = session.actor() if session.name else session.client()
    found = client.get_tweet(tweet_id)

    def for_people() -> RenderableType:
        author = client.batch_get_users([found.tweet.author_id]).get(found.tweet.author_id)
        who = f"@{author.handle}" if author else f"id:{found.tweet.author_id}"
        return post_table([post_row(found.tweet, who, found.tweet, found.counts)])

    session.output.show(found, for_people)


def _media(url: str) -> tweet_pb2.Media:
    suffix = PurePosixPath(urlsplit(url).path).suffix.lower()
    if suffix not in MEDIA_TYPES:
        raise typer.BadParameter(f"--media-url must end in one of {', '.join(MEDIA_TYPES)}")
    return tweet_pb2.Media(url=url, content_type=MEDIA_TYPES[suffix])
