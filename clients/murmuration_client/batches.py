"""Any number of ids goes out in calls of bounded size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

MAX_BATCH = 200  # ids in one BatchGet call

_Item = TypeVar("_Item")


def in_batches(items: Iterable[_Item], size: int = MAX_BATCH) -> Iterator[list[_Item]]:
    """Lists of `size` items, the last one shorter; itertools.batched for Python 3.11."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
