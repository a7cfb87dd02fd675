"""Many calls at once with asyncio, and a home that is followed while others post.

python clients/examples/many_at_once.py [HOST:PORT]
"""

from __future__ import annotations

import asyncio
import secrets
import sys

from murmuration_client.aio import AsyncClient

AUTHORS = 10


async def main(target: str) -> None:
    suffix = secrets.token_hex(3)
    async with AsyncClient(target) as client:
        reader = client.acting_as((await client.create_user(f"reader_{suffix}")).user_id)
        users = await asyncio.gather(*(client.create_user(f"a{number}_{suffix}") for number in range(AUTHORS)))
        await asyncio.gather(*(reader.follow(user.user_id) for user in users))

        watch = reader.watch_home(since_tweet_id=0)
        async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
            for user in users:
                tasks.create_task(client.acting_as(user.user_id).create_tweet("Hello"))
            seen = {(await anext(watch)).tweet.author_id for _ in users}
        print(f"{len(seen)} authors' posts seen")

        followees = [user_id async for user_id in client.iter_following(reader.actor_id or 0)]
        print(f"{len(followees)} followed")


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:7700"))
