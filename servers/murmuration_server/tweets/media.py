"""What media references a post may carry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

MAX_MEDIA = 4
MAX_URL_LENGTH = 2000
MAX_ALT_LENGTH = 1000
MAX_MEDIA_BYTES = 512 << 20
CONTENT_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp", "video/mp4"})


class MediaRejected(ValueError):
    """`field` names the part of the reference, as a path inside the request."""

    def __init__(self, field: str, description: str) -> None:
        super().__init__(description)
        self.field = field


@dataclass(frozen=True, slots=True)
class MediaReference:
    url: str
    content_type: str
    size_bytes: int
    alt_text: str


def check_media(media: Sequence[MediaReference]) -> None:
    """Raises `MediaRejected`."""
    if len(media) > MAX_MEDIA:
        raise MediaRejected("media", f"at most {MAX_MEDIA} media")
    for number, reference in enumerate(media):
        place = f"media[{number}]"
        if not _usable(reference.url):
            raise MediaRejected(f"{place}.url", f"must be an https URL of at most {MAX_URL_LENGTH} characters")
        if reference.content_type not in CONTENT_TYPES:
            raise MediaRejected(f"{place}.content_type", f"must be one of {', '.join(sorted(CONTENT_TYPES))}")
        if not 0 <= reference.size_bytes <= MAX_MEDIA_BYTES:
            raise MediaRejected(f"{place}.size_bytes", f"must be from 0 (unknown) to {MAX_MEDIA_BYTES}")
        if len(reference.alt_text) > MAX_ALT_LENGTH:
            raise MediaRejected(f"{place}.alt_text", f"at most {MAX_ALT_LENGTH} characters")


def _usable(url: str) -> bool:
    if not 0 < len(url) <= MAX_URL_LENGTH or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and bool(parts.hostname) and parts.username is None
    except ValueError:
        return False
