"""The only reader of contracts/: YAML in, frozen nouns out, or an error that names the file and the cure.

    vocabulary.yaml ┐
    *.odcs.yaml     ├─▶ Registry
    reference/*.yaml┘

A property of a contract is a name of the vocabulary. A field that only one dataset has may instead be described where
it stands (logicalType, classification, description); the day a second dataset wants it, it moves to the vocabulary.
"""

from collections import Counter
from functools import lru_cache
from pathlib import Path

import yaml

from lakehouse.contracts import live, residency
from lakehouse.contracts.model import (
    CLASSIFICATIONS,
    KEPT_BY_DEFAULT,
    RAW_RETENTION_DAYS,
    TREATMENTS,
    WRITE_SCOPE,
    Contract,
    Field,
    MediaKind,
    Region,
    Zone,
)
from lakehouse.contracts.types import FROM_ODCS, TYPES
from lakehouse.errors import ContractError
from lakehouse.settings import settings

_MINUTES = {"m": 1, "min": 1, "h": 60, "d": 1440}
_LAYERS = ("stream", "table", "derived", "envelope", "dead_letter", "curated", "features", "monitoring", "live")


class Registry:
    """All contracts of one folder, as one region's installation reads them. `region_id`: which one; the primary where None."""

    def __init__(self, folder: Path, region_id: str | None = None) -> None:
        self.folder = folder
        self.vocabulary = _vocabulary(folder / "vocabulary.yaml")
        paths = sorted(folder.rglob("*.odcs.yaml"))
        if not paths:
            raise ContractError(f"no contract in {folder}", hint="set LAKEHOUSE_CONTRACTS to the folder that holds vocabulary.yaml")
        self._by_id = {c.id: c for c in (self._contract(p) for p in paths)}
        self._refuse_fields_described_twice()
        self._by_media_kind = self._media_kinds()
        self.zones = tuple(Zone(**z) for z in _yaml(folder / "reference" / "zones.yaml")["zones"])
        self._zone_of_host = {z.site_host: z.zone_id for z in self.zones}
        self.regions = residency.regions(_yaml(folder / "reference" / "regions.yaml")["regions"], self.word("org_id"))
        self.here = self.region(region_id) if region_id else next(r for r in self.regions if r.is_primary)

    def __iter__(self):
        return iter(self._by_id.values())

    def get(self, contract_id: str) -> Contract:
        """Raises ContractError that lists what there is."""
        try:
            return self._by_id[contract_id]
        except KeyError:
            known = ", ".join(sorted(self._by_id))
            raise ContractError(f"unknown contract {contract_id!r}", hint=f"known: {known}") from None

    def find(self, contract_id: str) -> Contract | None:
        return self._by_id.get(contract_id)

    def layer(self, *layers: str) -> list[Contract]:
        return [c for c in self if c.layer in layers]

    @property
    def ingested(self) -> list[Contract]:
        """Those that arrive on the bus, streams before tables."""
        return self.layer("stream") + self.layer("table")

    @property
    def clean(self) -> list[Contract]:
        """Those that have a clean table: what arrives, and what our own commands derive."""
        return self.ingested + self.layer("derived")

    @property
    def media_domains(self) -> list[str]:
        """Those with streams that media objects belong to."""
        return sorted({c.domain for c in self if c.media_kinds})

    def media_kind(self, name: str) -> tuple[Contract, MediaKind] | None:
        """A kind of media object, and the stream whose events refer to it."""
        return self._by_media_kind.get(name)

    def region(self, region_id: str) -> Region:
        """Raises ContractError that lists what there is."""
        found = next((r for r in self.regions if r.region_id == region_id), None)
        if found is None:
            known = ", ".join(r.region_id for r in self.regions)
            raise ContractError(f"unknown region {region_id!r}", hint=f"known: {known}; contracts/reference/regions.yaml has them")
        return found

    def zone_of_host(self, host: str) -> str | None:
        """Zone of a Host header; port and a leading www. do not matter."""
        name = host.rsplit(":", 1)[0] if host.count(":") == 1 else host
        return self._zone_of_host.get(name.lower().removeprefix("www."))

    def word(self, name: str) -> Field:
        """A field of the vocabulary. Raises ContractError."""
        try:
            return self.vocabulary[name]
        except KeyError:
            raise ContractError(f"{name!r} is not in the vocabulary", hint="describe it once in contracts/vocabulary.yaml") from None

    def _contract(self, path: Path) -> Contract:
        where = str(path.relative_to(self.folder))
        doc = _yaml(path)
        try:
            contract = self._build(doc, where)
            residency.check(contract)
            return contract
        except ContractError as error:
            raise ContractError(f"{where}: {error}", hint=error.hint) from error
        except (KeyError, TypeError, ValueError) as error:
            raise ContractError(
                f"{where}: {type(error).__name__}: {error}", hint="compare with contracts/exams/events.odcs.yaml"
            ) from error

    def _build(self, doc: dict, where: str) -> Contract:
        schema = doc["schema"][0]
        custom = {c["property"]: c["value"] for c in schema.get("customProperties", ())}
        layer = schema["physicalType"]
        if layer not in _LAYERS:
            raise ContractError(f"physicalType {layer!r} is no layer", hint=f"use one of {', '.join(_LAYERS)}")
        fields = tuple(self._field(p) for p in schema["properties"])
        event_types = tuple((k, tuple(v)) for k, v in custom.get("eventTypes", {}).items())
        if event_types:
            fields = tuple(f.also(values=tuple(k for k, _ in event_types)) if f.name == "event_type" else f for f in fields)
        freshness = next((s for s in doc.get("slaProperties", ()) if s["property"] == "freshness"), None)
        keys = [(p.get("primaryKeyPosition", 1), p["name"]) for p in schema["properties"] if p.get("primaryKey")]
        return Contract(
            id=doc["id"],
            version=doc["version"],
            layer=layer,
            domain=doc["domain"],
            table=schema["name"],
            title=doc["name"],
            description=" ".join(schema["description"].split()),
            purpose=" ".join(doc["description"]["purpose"].split()),
            owner=doc["team"]["name"],
            fields=fields,
            subject=custom.get("subject"),
            event_time=custom.get("eventTime"),
            event_types=event_types,
            row_key=custom.get("rowKey"),
            primary_key=tuple(name for _, name in sorted(keys)),
            refuses_unknown_fields=custom.get("unknownFields", "keep") == "refuse",
            freshness_minutes=freshness["value"] * _MINUTES[freshness["unit"]] if freshness else None,
            live=live.parsed(custom.get("live")),
            media_kinds=_media_kinds(custom, fields),
            raw_retention_days=_raw_retention_days(custom),
            retention_days=_retention_days(custom),
            write_scope=custom.get("writeScope", WRITE_SCOPE),
            is_replicated=_is_replicated(custom),
            path=where,
        )

    def _media_kinds(self) -> dict[str, tuple[Contract, MediaKind]]:
        found: dict[str, tuple[Contract, MediaKind]] = {}
        for contract in self:
            for kind in contract.media_kinds:
                if kind.name in found:
                    raise ContractError(
                        f"{contract.path}: media kind {kind.name!r} is {found[kind.name][0].id}'s already",
                        hint="an upload names its kind alone: choose another name",
                    )
                found[kind.name] = contract, kind
        return found

    def _field(self, prop: dict) -> Field:
        name = prop["name"]
        if "logicalType" in prop:
            options = prop.get("logicalTypeOptions", {})
            field = _checked(
                Field(
                    name=name,
                    type=FROM_ODCS[prop["logicalType"]],
                    classification=prop["classification"],
                    description=prop["description"],
                    treatment="keep" if prop["classification"] in KEPT_BY_DEFAULT else "drop",
                    minimum=options.get("minimum"),
                    maximum=options.get("maximum"),
                    max_length=options.get("maxLength"),
                    pattern=options.get("pattern"),
                )
            )
            if name in self.vocabulary:
                raise ContractError(
                    f"{name!r} is described here and in the vocabulary", hint="keep the vocabulary's, and list the name only"
                )
        else:
            field = self.word(name)
            if prop.get("description"):
                # What a shared field means in this one dataset may be said more closely; its type and class may not change.
                field = field.also(description=prop["description"])
            # So may its least value: a mart has one for 'none of them', which no event may send.
            custom = {c["property"]: c["value"] for c in prop.get("customProperties", ())}
            field = field.also(minimum=custom.get("minimum", field.minimum))
        references = [r["to"] for r in prop.get("relationships", ())]
        return field.also(
            required=bool(prop.get("required")), unique=bool(prop.get("unique")), references=references[0] if references else None
        )

    def _refuse_fields_described_twice(self) -> None:
        inline = Counter(f.name for c in self for f in c.fields if f.name not in self.vocabulary)
        twice = sorted(name for name, count in inline.items() if count > 1)
        if twice:
            raise ContractError(
                f"{', '.join(twice)}: described in more than one contract", hint="move the description to contracts/vocabulary.yaml"
            )


def _media_kinds(custom: dict, fields: tuple[Field, ...]) -> tuple[MediaKind, ...]:
    kinds = tuple(MediaKind(name, tuple(k["contentTypes"]), int(k["maxBytes"])) for name, k in custom.get("mediaKinds", {}).items())
    if kinds and not ({"media_id", custom.get("subject")} <= {f.name for f in fields}):
        raise ContractError("media kinds without media_id and a subject", hint="list media_id, and say whom a record is about")
    return kinds


def _raw_retention_days(custom: dict) -> int:
    days = custom.get("rawRetentionDays", RAW_RETENTION_DAYS)
    if not isinstance(days, int) or not 1 <= days <= RAW_RETENTION_DAYS:
        raise ContractError(f"rawRetentionDays is {days!r}", hint=f"raw is kept 1 to {RAW_RETENTION_DAYS} days")
    return days


def _retention_days(custom: dict) -> int | None:
    days = custom.get("retentionDays")
    if days is not None and (not isinstance(days, int) or days <= RAW_RETENTION_DAYS):
        raise ContractError(f"retentionDays is {days!r}", hint=f"rows are kept for longer than raw, {RAW_RETENTION_DAYS} days")
    return days


def _is_replicated(custom: dict) -> bool:
    said = custom.get("replicated", False)
    if not isinstance(said, bool):
        raise ContractError(f"replicated is {said!r}", hint="true, or left out: then the dataset stays in its region")
    return said


def _vocabulary(path: Path) -> dict[str, Field]:
    words: dict[str, Field] = {}
    for section in _yaml(path).values():
        for name, spec in section.items():
            if name in words:
                raise ContractError(f"vocabulary.yaml: {name!r} is there twice", hint="one name, one meaning: rename one of them")
            default = "keep" if spec["classification"] in KEPT_BY_DEFAULT else "drop"
            words[name] = _checked(
                Field(
                    name=name,
                    type=spec["type"],
                    classification=spec["classification"],
                    description=spec["description"],
                    treatment=spec.get("treatment", default),
                    becomes=spec.get("becomes"),
                    minimum=spec.get("min"),
                    maximum=spec.get("max"),
                    max_length=spec.get("max_length"),
                    pattern=spec.get("pattern"),
                    values=tuple(spec.get("values", ())),
                    is_compared=spec.get("compared", False),
                )
            )
    for word in words.values():
        if word.becomes and word.becomes not in words:
            raise ContractError(f"vocabulary.yaml: {word.name} becomes {word.becomes!r}, which is not described")
        if word.becomes:
            _refuse_looser(word, words[word.becomes])
            _refuse_unencryptable(words[word.becomes])
    return words


def _checked(field: Field) -> Field:
    if field.type not in TYPES:
        raise ContractError(f"{field.name}: unknown type {field.type!r}", hint=f"use one of {', '.join(TYPES)}")
    if field.classification not in CLASSIFICATIONS:
        raise ContractError(
            f"{field.name}: unknown classification {field.classification!r}", hint=f"use one of {', '.join(CLASSIFICATIONS)}"
        )
    if field.treatment not in TREATMENTS:
        raise ContractError(f"{field.name}: unknown treatment {field.treatment!r}", hint=f"use one of {', '.join(TREATMENTS)}")
    if field.treatment == "keep" and field.classification not in KEPT_BY_DEFAULT:
        raise ContractError(f"{field.name}: {field.classification} data may not be kept as it is", hint="give it a treatment")
    if (field.treatment not in ("keep", "drop")) != (field.becomes is not None):
        raise ContractError(f"{field.name}: `becomes` goes with every treatment but keep and drop, and only with them")
    if field.treatment == "redact" and field.type != "text":
        raise ContractError(f"{field.name}: only text can be redacted", hint="drop it")
    if field.classification == "sensitive" and field.treatment not in ("drop", "redact"):
        raise ContractError(f"{field.name}: free text goes on redacted or not at all", hint="treatment: redact, and `becomes`")
    return field


def _refuse_looser(word: Field, becomes: Field) -> None:
    """What is redacted stays sensitive: rules find much of what is personal in a text, and not all of it."""
    if word.treatment == "redact" and (becomes.type, becomes.classification, becomes.treatment) != ("text", "sensitive", "drop"):
        raise ContractError(
            f"vocabulary.yaml: {becomes.name}: a redacted text is a text, sensitive, and nothing else may be made of it",
            hint="classification: sensitive, and no treatment of its own",
        )


def _refuse_unencryptable(becomes: Field) -> None:
    """What is stored and restricted is encrypted (privacy/columns.py), and only texts are."""
    if becomes.classification not in KEPT_BY_DEFAULT and becomes.type != "text":
        raise ContractError(f"vocabulary.yaml: {becomes.name}: a restricted column is a text", hint="type: text, or treat it further")
    if becomes.is_compared and becomes.classification in KEPT_BY_DEFAULT:
        raise ContractError(f"vocabulary.yaml: {becomes.name}: `compared` goes with what is encrypted", hint="leave it out")


def _yaml(path: Path) -> dict:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)  # by libyaml: a second sooner for every process
    except FileNotFoundError:
        raise ContractError(f"{path} is missing", hint="set LAKEHOUSE_CONTRACTS to the folder that holds vocabulary.yaml") from None
    except yaml.YAMLError as error:
        raise ContractError(f"{path.name} is not YAML: {error}") from error


@lru_cache(maxsize=8)
def _read(folder: Path, region_id: str) -> Registry:
    return Registry(folder, region_id)


def registry() -> Registry:
    """The contracts of the settings' folder, in the settings' region, read once a process."""
    return _read(settings().contracts, settings().region)
