"""Who is pushed and who is pulled: decided from follower counts with hysteresis, or pinned by an operator.

Only new posts are stamped with the new mode; nothing else depends on it, so it may be read late.
"""

from __future__ import annotations

from murmuration_server.graph.store import AuthorMode, GraphStore
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import GraphSettings
from murmuration_server.platform.metrics import Metrics

PUSH, PULL = 1, 2
REVIEWED_A_STEP = 200


def decide(followers: int, mode: int, settings: GraphSettings) -> int:
    """The mode of an author's next posts."""
    if settings.mode_policy == "push-only":
        return PUSH
    if settings.mode_policy == "pull-only":
        return PULL
    if followers > settings.pull_above_followers:
        return PULL
    if followers < settings.push_below_followers:
        return PUSH
    return mode


def in_force(author: AuthorMode, settings: GraphSettings) -> int:
    """The mode that writers stamp: what is stored, unless the policy overrides it and nobody pinned it."""
    if author.pinned or settings.mode_policy == "hybrid":
        return author.mode
    return decide(author.followers, author.mode, settings)


class ModeKeeper:
    """Moves authors whose follower count has crossed a line."""

    def __init__(self, store: GraphStore, settings: GraphSettings, metrics: Metrics) -> None:
        self._store, self._settings, self._metrics = store, settings, metrics

    def run_once(self, call: Call) -> bool:
        above, below = self._settings.pull_above_followers, self._settings.push_below_followers
        if self._settings.mode_policy != "hybrid":
            return False
        found = self._store.modes_to_review(call, above, below, REVIEWED_A_STEP)
        for author in found:
            self._move(call, author, decide(author.followers, author.mode, self._settings), pinned=False)
        return len(found) == REVIEWED_A_STEP

    def pin(self, call: Call, author_id: int, mode: int) -> int:
        """`mode` 0: the follower count decides again. Answers the mode from now on."""
        author = self._store.author_modes(call, [author_id])[0]
        chosen = mode or decide(author.followers, PUSH, self._settings)
        self._move(call, author, chosen, pinned=mode != 0)
        return chosen

    def _move(self, call: Call, author: AuthorMode, mode: int, *, pinned: bool) -> None:
        self._store.set_mode(call, author.author_id, mode, pinned)
        self._metrics.mode_changes.labels("pull" if mode == PULL else "push").inc()
