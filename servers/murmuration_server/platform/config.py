"""The one configuration: a TOML file, then variables `MURMURATION_SECTION__KEY`. Unknown keys are refused."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from murmuration_server.platform.environment import OrderedEnvironment
from murmuration_server.platform.unusable import CannotStart

DAY_MS = 86_400_000
PREFIX = "MURMURATION_"


class ConfigError(CannotStart):
    """The configuration cannot be used; the message names each fault. `faults`: (key or variable, what is wrong); none
    where the file itself cannot be read."""

    def __init__(self, message: str, faults: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.faults = list(faults)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerSettings(_Section):
    host: str = Field(default="127.0.0.1", description="for calls, for metrics and for health")
    port: int = Field(default=7700, ge=0, le=65535)
    auth: Literal["loopback", "trusted-metadata"] = Field(
        default="loopback",
        description="callers name themselves and are believed: `loopback`: so only this machine's addresses are "
        "served; `trusted-metadata`: whoever reaches the port was authenticated before",
    )
    metrics_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="the next process has the next; 0: any; absent: murmurd up chooses 7701",
    )
    health_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="of a role: grpc.health.v1 for `startup`, `live` and `ready`; the next process has the next",
    )
    threads: int = Field(default=16, ge=1, le=256, description="calls that work at a time")
    max_concurrent_calls: int = Field(default=512, ge=1)
    max_waiting_calls: int = Field(
        default=128, ge=1, le=1024, description="wait for their request at a time; each has a thread"
    )
    max_connections: int = Field(default=1000, ge=1, description="to a port; more are closed at once")
    max_streams_per_connection: int = Field(default=100, ge=1, description="calls at a time on one connection")
    max_idle_seconds: float = Field(
        default=900.0, gt=0, le=DAY_MS / 1000, description="a connection without calls is closed after this"
    )
    peer_wait_ms: int = Field(
        default=5000,
        ge=1,
        le=DAY_MS,
        description="for HTTP/2 to begin, for a call's request, for its answer to be taken",
    )
    max_message_bytes: int = Field(default=4 << 20, ge=1024)
    max_metadata_bytes: int = Field(default=16 << 10, ge=1024, description="of a call, as gRPC counts")
    default_deadline_seconds: float = Field(default=10.0, gt=0)
    max_deadline_seconds: float = Field(default=60.0, gt=0)
    max_stream_seconds: float = Field(default=3600.0, gt=0, description="of calls that stream requests, as imports")
    cache_bytes: int = Field(default=64 << 20, ge=1 << 16, description="of the cache within the serving process")
    drain_seconds: float = Field(default=10.0, ge=0, description="calls under way may take so long at the end")
    max_connection_age_seconds: float = Field(
        default=3600.0,
        gt=0,
        le=DAY_MS / 1000,
        description="then a connection is ended in peace, and its caller looks anew where the servers are",
    )


class PeerSettings(_Section):
    """Where the roles are, as gRPC names targets: `dns:///name:port` finds every address that the name has."""

    users: str = Field(default="dns:///users:7700", min_length=1, description="where that role serves")
    graph: str = Field(default="dns:///graph:7700", min_length=1, description="where that role serves")
    tweets: str = Field(default="dns:///tweets:7700", min_length=1, description="where that role serves")
    timeline: str = Field(
        default="dns:///timeline:7700", min_length=1, description="where processes of this role serve"
    )
    admin: str = Field(default="dns:///admin:7700", min_length=1, description="where that role serves")


class KeySettings(_Section):
    """Secrets that all processes share. `murmurd up` makes its own."""

    cursor: tuple[SecretStr, ...] = Field(
        default=(),
        max_length=16,
        description="`id:64 hex digits` each, id from 0 to 255; the first signs page tokens, all are accepted",
    )

    @field_validator("cursor")
    @classmethod
    def _keys(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        ids = [key_id for key_id, _ in map(_cursor_key, keys)]
        if len(set(ids)) != len(ids):
            raise ValueError("two keys have the same id")
        return keys

    def cursor_keys(self) -> tuple[tuple[int, bytes], ...]:
        """(id, 32 bytes) each."""
        return tuple(map(_cursor_key, self.cursor))


def _cursor_key(text: SecretStr) -> tuple[int, bytes]:
    # Says nothing of what it was given: messages are logged.
    match = re.fullmatch(r"(\d{1,3}):([0-9a-fA-F]{64})", text.get_secret_value())
    if match is None or int(match[1]) > 255:
        raise ValueError("a key is `id:64 hex digits`, id from 0 to 255")
    return int(match[1]), bytes.fromhex(match[2])


class TimelineSettings(_Section):
    home_size: int = Field(default=800, ge=1, description="posts a home shows at most")
    horizon_ms: int = Field(default=30 * DAY_MS, ge=1, description="how far back a home reaches")
    repost_window: int = Field(default=40, ge=0, description="entries in which a post is not shown twice")
    max_page_size: int = Field(default=100, ge=1)
    fetch: int = Field(default=100, ge=1, description="candidates read from a source at a time")
    scan_per_page: int = Field(default=4000, ge=1, description="candidates looked at for one page at most")
    read_budget_ms: int = Field(default=1000, ge=1, description="time for one page; past it a short page is served")
    activity_horizon_ms: int = Field(default=30 * DAY_MS, ge=1, description="fan-out skips who is inactive longer")
    activity_margin_ms: int = Field(default=DAY_MS, ge=0, description="by how much a reader's horizon is shorter")
    activity_touch_ms: int = Field(default=3_600_000, ge=0, description="how old active_at may grow while reading")
    rebuild_retry_ms: int = Field(default=30_000, ge=0, description="a rebuild is asked for again after this")
    view_refresh_ms: int = Field(default=100, ge=1, description="pause between refreshes of the pull view")
    view_max_age_ms: int = Field(default=5000, ge=1, description="older, and replies are DEGRADED")
    view_reread_ms: int = Field(default=120_000, ge=0, description="range of ids that each refresh reads again")
    view_full_refresh_ms: int = Field(default=600_000, ge=1, description="the whole horizon is read again after this")
    view_merge_authors: int = Field(default=64, ge=1, description="more followed pull authors are found by scanning")
    cursor_age_ms: int = Field(default=DAY_MS, ge=1)
    kept_pages: int = Field(
        default=1000, ge=0, description="first pages that each process keeps, some 16 KiB each; 0: none"
    )
    kept_pages_late_ms: int = Field(
        default=2000,
        ge=0,
        le=4000,
        description="beside other processes, how late a kept page may be with what others deleted, and with counts",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.activity_margin_ms >= self.activity_horizon_ms:
            raise ValueError("activity_margin_ms must be less than activity_horizon_ms")
        return self


class TweetSettings(_Section):
    recent_size: int = Field(default=800, ge=1, description="recent candidates kept of an author in the cache")
    request_id_ms: int = Field(default=DAY_MS, ge=1, description="how long a request_id is remembered")
    late_retry_ms: int = Field(default=60_000, ge=0, description="a retry later than this finishes its post as PUSH")


class GraphSettings(_Section):
    max_following: int = Field(default=5000, ge=1)
    followers_per_shard: int = Field(default=10_000, ge=1)
    mode_policy: Literal["hybrid", "push-only", "pull-only"] = "hybrid"
    pull_above_followers: int = Field(default=100_000, ge=1)
    push_below_followers: int = Field(default=80_000, ge=0)
    mode_refresh_ms: int = Field(default=1000, ge=1, description="how late a writer may read an author's mode")
    max_blocks_cached: int = Field(default=4096, ge=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.push_below_followers > self.pull_above_followers:
            raise ValueError("push_below_followers must not be greater than pull_above_followers")
        return self


class FanoutSettings(_Section):
    page_size: int = Field(default=1000, ge=1, description="followers written at a time")
    large_followers: int = Field(default=2000, ge=1, description="authors with more go through the large lane")
    batch: int = Field(default=256, ge=1, description="records taken from the log at a time")
    partitions: int = Field(default=4, ge=1, description="of a new log; a log keeps its number")
    consumer_wait_ms: int = Field(default=100, ge=0, description="how long a consumer waits for records at a time")
    backfill_size: int = Field(default=100, ge=1, description="a new followee's posts written into the home")
    rebuild_size: int = Field(default=1200, ge=1, description="posts written into a rebuilt home")


class OutboxSettings(_Section):
    quota_rows: int = Field(default=1_000_000, ge=1, description="acked events that may wait for the log")
    bucket_ms: int = Field(default=60_000, ge=1)
    resweep_ms: int = Field(default=60_000, ge=0, description="how long after its end a bucket is swept last")
    margin_ms: int = Field(default=10_000, ge=0, description="clock skew allowed between writers and the relay")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.margin_ms > self.resweep_ms:
            raise ValueError("margin_ms must not be greater than resweep_ms, or writes at a bucket's end never settle")
        return self


def is_address(text: str) -> bool:
    """Whether it is host:port, as nodes are named."""
    host, colon, port = text.rpartition(":")
    return bool(host and colon and port.isascii() and port.isdigit() and 0 < int(port) <= 65535)


class MemcachedSettings(_Section):
    nodes: tuple[str, ...] = Field(
        default=(), max_length=64, description="`host:port` each; `dns:host:port`: every address that the name has"
    )
    revision: int = Field(
        default=0, ge=0, description="raise it with each change of nodes: processes follow the highest that any has"
    )
    connect_timeout_ms: int = Field(default=200, ge=1, description="for a connection, within what the call has left")
    timeout_ms: int = Field(default=250, ge=1, description="for each wait for a node, within what the call has left")
    connections_per_node: int = Field(default=32, ge=1, description="more at once are refused; server.threads at least")
    breaker_failures: int = Field(default=3, ge=1, description="failures in a row, and reads leave the node alone")
    breaker_pause_ms: int = Field(default=1000, ge=1, description="for how long at first; jittered, doubled up to 30 s")
    refresh_ms: int = Field(default=500, ge=1, description="pause between looks at the states and names of nodes")
    head_entries: int = Field(default=200, ge=0, description="newest entries of a home kept in the cache; 0: none")

    @field_validator("nodes")
    @classmethod
    def _addresses(cls, nodes: tuple[str, ...]) -> tuple[str, ...]:
        for node in nodes:
            if not is_address(node.removeprefix("dns:")):
                raise ValueError(f"{node} is not host:port")
        if len(set(nodes)) != len(nodes):
            raise ValueError("a node is named twice")
        return nodes


class KafkaSettings(_Section):
    """Where the log lies if it lies on Kafka. `properties` are librdkafka's own, for security and tuning."""

    bootstrap_servers: str = Field(default="127.0.0.1:9092", min_length=1, description="host:port, comma-separated")
    prefix: str = Field(
        default="murmuration.",
        pattern=r"^[A-Za-z0-9._-]{0,100}$",
        description="before the names of topics and groups: several systems may share a cluster",
    )
    partitions: int = Field(default=12, ge=1, le=1000, description="of a new topic; a topic keeps its number")
    replication_factor: int = Field(default=3, ge=1, description="copies of a new topic; 1 for a single broker")
    min_insync_replicas: int = Field(default=2, ge=1, description="copies that must have a record before it is acked")
    retention_hours: int = Field(
        default=168, ge=1, description="how long records are kept; a group that is away longer loses some"
    )
    dead_letter_hours: int = Field(default=720, ge=1, description="how long dead letters are kept")
    request_timeout_ms: int = Field(default=5000, ge=100, description="of one request, where the call has longer")
    delivery_timeout_ms: int = Field(default=10_000, ge=100, description="how long records are tried to be appended")
    session_timeout_ms: int = Field(
        default=6000, ge=1000, description="a consumer that is silent for longer loses its partitions"
    )
    max_poll_interval_ms: int = Field(default=300_000, ge=1000, description="a batch that takes longer does the same")
    queue_records: int = Field(default=100_000, ge=1, description="records of this process on their way to the log")
    queue_bytes: int = Field(default=64 << 20, ge=1 << 20, description="the same in bytes")
    fetch_bytes: int = Field(default=8 << 20, ge=1 << 20, description="fetched ahead by each consumer")
    properties: dict[str, str] = Field(
        default={}, description="further properties of librdkafka, as security.protocol and sasl.mechanism"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.min_insync_replicas > self.replication_factor:
            raise ValueError("min_insync_replicas must not be greater than replication_factor, or nothing is acked")
        guarded = sorted(set(self.properties) & _GUARDED)
        if guarded:
            raise ValueError(f"properties must not set {', '.join(guarded)}: what is promised rests on them")
        return self


_GUARDED = frozenset(
    {
        "acks",
        "auto.offset.reset",
        "bootstrap.servers",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "enable.idempotence",
        "group.id",
        "partition.assignment.strategy",
        "request.required.acks",
    }
)
"""Properties of librdkafka that are ours to set."""


class CqlSettings(_Section):
    contact_points: tuple[str, ...] = Field(
        default=("127.0.0.1",), min_length=1, max_length=64, description="nodes to ask for the others"
    )
    port: int = Field(default=9042, ge=1, le=65535, description="of every node")
    keyspace: str = Field(default="murmuration", pattern=r"^[a-z][a-z0-9_]{0,47}$", description="where the tables are")
    datacenter: str = Field(default="datacenter1", min_length=1, description="whose nodes are asked; no other is")
    replication: int = Field(default=3, ge=1, le=9, description="copies in the datacenter, when the keyspace is made")
    consistency: Literal["LOCAL_ONE", "LOCAL_QUORUM", "QUORUM"] = Field(
        default="LOCAL_QUORUM", description="with less than a quorum, what was acked may be lost or not yet be seen"
    )
    username: str = Field(default="", max_length=200, description="empty: the nodes ask for none")
    password: SecretStr = Field(default=SecretStr(""), description="of that user; better in the environment")
    connect_timeout_ms: int = Field(default=5000, ge=1, description="for one node")
    request_timeout_ms: int = Field(default=10_000, ge=1, description="for one request, within what the call has left")
    second_request_ms: int = Field(
        default=500,
        ge=0,
        description="a node that is silent for so long is not waited for alone: a caller's request goes to another one "
        "too; 0: never",
    )
    max_in_flight: int = Field(default=1024, ge=1, description="requests of a process; more wait, then are refused")
    batch_bytes: int = Field(
        default=16_384,
        ge=512,
        description="of rows in one unlogged batch; a stock Cassandra warns above 5 KiB and refuses 50 KiB",
    )
    batches_in_flight: int = Field(default=16, ge=1, description="of one write of home rows")


class Settings(BaseSettings):
    """All settings, with their defaults."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True)
    data: Path = Path("murmuration-data")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    server: ServerSettings = ServerSettings()
    peers: PeerSettings = PeerSettings()
    keys: KeySettings = KeySettings()
    timeline: TimelineSettings = TimelineSettings()
    tweets: TweetSettings = TweetSettings()
    graph: GraphSettings = GraphSettings()
    fanout: FanoutSettings = FanoutSettings()
    outbox: OutboxSettings = OutboxSettings()
    memcached: MemcachedSettings = MemcachedSettings()
    kafka: KafkaSettings = KafkaSettings()
    cql: CqlSettings = CqlSettings()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.tweets.late_retry_ms > self.timeline.view_reread_ms:
            raise ValueError("tweets.late_retry_ms must not be greater than timeline.view_reread_ms")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - in its place is one that keeps an order
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What the environment says goes before what the file says (which comes as init arguments)."""
        return OrderedEnvironment(settings_cls), init_settings


def load(path: Path | None = None) -> Settings:
    """Reads the file, if one is named, and the environment. Raises `ConfigError` with every fault in it."""
    values = read_file(path)
    faults = [(key, "unknown") for key in values if key not in Settings.model_fields]
    faults += [(name, "unknown") for name in _unknown_variables()]
    sections = [key for key, field in Settings.model_fields.items() if isinstance(field.default, _Section)]
    faults += [(key, "must be a table") for key in sections if not isinstance(values.get(key, {}), dict)]
    known = {key: value for key, value in values.items() if key in Settings.model_fields}
    settings = None
    try:
        settings = Settings(**known)  # type: ignore[arg-type]
    except SettingsError as error:
        faults.append(("", str(error)))
    except ValidationError as error:
        faults += [(".".join(str(part) for part in e["loc"]), e["msg"]) for e in error.errors()]
    if settings is None or faults:
        told = "; ".join(f"{key}: {what}" if key else what for key, what in faults)
        raise ConfigError(f"The configuration is not usable: {told}.", faults)
    return settings


def read_file(path: Path | None) -> dict[str, object]:
    """What the file says; nothing where none is named. Raises `ConfigError` for one that is no TOML file."""
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"Cannot read the configuration {path}: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}.") from error


def _unknown_variables() -> list[str]:
    """Variables with our prefix that name no section; within a section the model itself refuses unknown keys."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    return [name for name in os.environ if name.upper().startswith(PREFIX) and name.upper().split("__")[0] not in known]
