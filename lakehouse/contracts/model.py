"""The nouns: a field, a contract, a zone, a region. Frozen, and without opinions; what an engine calls them is in project.py."""

from dataclasses import dataclass, replace

KEPT_BY_DEFAULT = frozenset({"public", "internal"})
CLASSIFICATIONS = ("public", "internal", "identifier", "personal", "sensitive")
TREATMENTS = ("keep", "drop", "pseudonymise", "truncate_ip", "year_only", "redact")
MAX_TEXT = 256
RAW_RETENTION_DAYS = 30
"""How long raw is kept where a contract does not say less (rawRetentionDays): face, voice and motion are gone after 7 days."""

WRITE_SCOPE = "events:write"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the vocabulary as one contract uses it. `type` is a logical type of types.py."""

    name: str
    type: str
    classification: str
    description: str
    treatment: str = "keep"
    becomes: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    max_length: int | None = None
    pattern: str | None = None
    values: tuple[str, ...] = ()
    required: bool = False
    unique: bool = False
    is_compared: bool = False  # of a restricted column: equal values stay equal when they are encrypted
    references: str | None = None  # "table.column" that every value must be found in

    def also(self, **changes: object) -> "Field":
        return replace(self, **changes)


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of a live contract.

    kind  count (of all, or of those that have `of`), sum, mean, last (by event time; the `keep` newest, newest first)
    when  (field, value) pairs that all must hold; None means that the field is absent
    """

    name: str
    kind: str
    of: str | None
    when: tuple[tuple[str, object], ...] = ()
    keep: int = 1


@dataclass(frozen=True, slots=True)
class Live:
    """How a live contract comes about: measures over the records of `source`, a stream or another live contract."""

    source: str
    partition: tuple[str, ...]
    measures: tuple[Measure, ...]


@dataclass(frozen=True, slots=True)
class MediaKind:
    """A kind of media object that events of a stream may refer to by media_id. `name` is unique among all contracts."""

    name: str
    content_types: tuple[str, ...]
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Contract:
    """One dataset. `layer`: stream, table, derived, envelope, dead_letter, curated, features, monitoring or live.

    subject      the field that says whom a record is about; None where it is about nobody
    event_time   the field whose business day is the partition
    event_types  event type → the fields it requires; empty for anything but a stream
    row_key      table: the field that identifies a row of the source
    primary_key  derived, curated, features and live: the grain
    live         live: what is counted
    media_kinds  stream: what may be uploaded for its events to refer to
    write_scope  stream: what a caller must be allowed to send its events
    is_replicated  features: other regions have a copy
    retention_days  days after which rows are deleted, where it is not what privacy/retention/rules.py derives
    raw_retention_days  days after which raw (sealed records, dead letters, media objects) is deleted
    """

    id: str
    version: str
    layer: str
    domain: str
    table: str
    title: str
    description: str
    purpose: str
    owner: str
    fields: tuple[Field, ...]
    subject: str | None = None
    event_time: str | None = None
    event_types: tuple[tuple[str, tuple[str, ...]], ...] = ()
    row_key: str | None = None
    primary_key: tuple[str, ...] = ()
    refuses_unknown_fields: bool = False
    freshness_minutes: int | None = None
    live: Live | None = None
    media_kinds: tuple[MediaKind, ...] = ()
    raw_retention_days: int = RAW_RETENTION_DAYS
    retention_days: int | None = None
    write_scope: str = WRITE_SCOPE
    is_replicated: bool = False
    path: str = ""

    def field(self, name: str) -> Field:
        """Raises KeyError."""
        return next(f for f in self.fields if f.name == name) if name in self.names else _missing(self.id, name)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f.name for f in self.fields)

    @property
    def keys(self) -> tuple[str, ...]:
        """The grain less its time: whom or what a row of features is about."""
        return tuple(name for name in self.primary_key if name != self.event_time)

    @property
    def topic(self) -> str:
        """The bus topic that carries it."""
        return self.id

    @property
    def is_ingested(self) -> bool:
        """Whether records of it arrive on the bus and are refined into a clean table."""
        return self.layer in ("stream", "table")

    @property
    def is_clean(self) -> bool:
        """Whether it has a clean table, that dbt reads: ingested, or derived by one of our own commands from other tables."""
        return self.is_ingested or self.layer == "derived"


def _missing(contract: str, name: str) -> Field:
    raise KeyError(f"{contract} has no field {name}")


@dataclass(frozen=True, slots=True)
class Region:
    """Where people's data lives. `first_org_id` to `last_org_id`, both included, are its tenants. `cloud_region`: Google Cloud's name
    for it. `is_primary`: home to whoever belongs to no tenant, too."""

    region_id: str
    region_name: str
    cloud_region: str
    first_org_id: int
    last_org_id: int
    is_primary: bool = False

    def is_home_of(self, org_id: int | None, contract: Contract) -> bool:
        """Of a record of this tenant. What is about nobody and of no tenant is at home everywhere."""
        if org_id is None:
            return self.is_primary or contract.subject is None
        return self.first_org_id <= org_id <= self.last_org_id


@dataclass(frozen=True, slots=True)
class Zone:
    """One of the nine sites."""

    zone_id: str
    zone_name: str
    site_host: str
    zone_code: int | None = None
