"""A real graph, a celebrity, a reader, and some first posts."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from loadtest.demo.cast import CELEBRITY, NEWCOMER, READER, with_synthetic
from loadtest.demo.world import THREADS, World
from loadtest.outcome import Outcome
from loadtest.screen import Screen
from loadtest.workload import Zipf

TITLE = "Load a real social graph"
MEANING = (
    "Followers of 100 well-known accounts (SNAP ego-Twitter), one celebrity whom all of them follow, and one reader of "
    "all 100: everything below happens in it."
)
SAMPLED_HOMES = 1_000
POSTS = 80
PROGRESS_SECONDS = 0.1
REPLIES, REPOSTS = 0.15, 0.10


def run(world: World, screen: Screen) -> Outcome:
    outcome = Outcome()
    users, follows = with_synthetic(world.cast)
    began = time.monotonic()
    with screen.bar("accounts", None):
        created = world.client.admin.import_graph(users, []).users_created
    celebrity = world.client.get_user(CELEBRITY[0]).user_id
    created_follows = _load_follows(world, screen, celebrity, follows)
    seconds = time.monotonic() - began
    _learn(world, follows)
    posted = time.monotonic()
    _first_posts(world, screen)
    posted = time.monotonic() - posted
    with screen.bar("waiting until all is delivered", None):
        world.await_delivered()
    whole = time.monotonic() - began
    screen.table(
        ["", "count"],
        [
            ("accounts", f"{len(users):,}"),
            ("follows", f"{len(follows):,}"),
            ("followers of the celebrity", f"{world.celebrity_followers:,}"),
            ("import", f"{seconds:.1f} s"),
            (f"import, {POSTS} first posts, all delivered", f"{whole:.1f} s"),
        ],
    )
    whole_graph = (created, created_follows) == (len(users), len(follows))
    outcome.check("the whole graph is in", whole_graph, f"{created:,} users, {created_follows:,} follows")
    outcome.figures = {
        "users": created,
        "follows": created_follows,
        "import_seconds": round(seconds, 2),
        "first_posts_seconds": round(posted, 2),
        "delivered_seconds": round(whole, 2),
    }
    return outcome


def _load_follows(world: World, screen: Screen, celebrity: int, follows: list[tuple[str, str]]) -> int:
    """Answers how many were created."""
    pool = ThreadPoolExecutor(1)
    loading = pool.submit(world.client.admin.import_graph, [], follows)
    try:
        with screen.bar("follows", len(follows)) as advance:
            while not loading.done():
                # Her followers are spread evenly over the lines.
                loaded = world.client.follow_counts(celebrity).followers / (len(world.cast.followers) + 1)
                advance(int(loaded * len(follows)))
                time.sleep(PROGRESS_SECONDS)
        return loading.result().follows_created
    finally:
        pool.shutdown(wait=False)  # after Ctrl-C the call ends with the client's channel


def _learn(world: World, follows: list[tuple[str, str]]) -> None:
    """Ids of those who act or are sampled, and what the reference must know of the acked import."""
    cast, rng = world.cast, world.rng
    sampled = rng.sample(cast.followers, min(SAMPLED_HOMES, len(cast.followers)))
    handles = [CELEBRITY[0], READER[0], NEWCOMER[0], *cast.authors, *sampled]
    with ThreadPoolExecutor(THREADS) as pool:
        found = pool.map(lambda handle: world.client.get_user(handle).user_id, handles)
        world.ids = dict(zip(handles, found, strict=True))
    counts = dict.fromkeys(cast.authors, 0)
    for follower, followee in follows:
        if followee in counts:
            counts[followee] += 1
        if follower in world.ids:
            world.reference.followed(world.ids[follower], world.ids[followee])
    world.celebrity, world.reader, world.newcomer = (world.ids[name[0]] for name in (CELEBRITY, READER, NEWCOMER))
    world.celebrity_followers = sum(followee == CELEBRITY[0] for _, followee in follows)
    authors = [world.ids[author] for author in cast.authors]
    world.authors = Zipf(rng.sample(authors, len(authors)))
    world.small_author = world.ids[min(counts, key=lambda author: (counts[author] < 2, counts[author]))]
    world.sample = [world.ids[follower] for follower in sampled]


def _first_posts(world: World, screen: Screen) -> None:
    rng = world.rng
    posts: list[tuple[int, int]] = []
    with screen.bar("first posts, replies and reposts", POSTS) as advance:
        for number in range(POSTS):
            author, kind = world.author(), rng.random()
            about, _ = rng.choice(posts) if posts else (0, 0)
            if about and kind < REPLIES:
                sent = world.post(author, reply_to=about)
            elif about and kind < REPLIES + REPOSTS:
                originals = [post for post, by in posts if by != author]
                if not originals:
                    continue
                world.post(author, repost_of=rng.choice(originals))
                continue
            else:
                sent = world.post(author)
            posts.append((sent.post_id, author))
            advance(number + 1)
