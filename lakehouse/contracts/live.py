"""What a live contract counts: measures over the events of a stream, or over the rows of another live contract.

    live: {source: exam.events, partition: [zone_id, org_id], measures: {response_count: {count: true, when: …}}}
      ─▶ Live(source, partition, (Measure, …))

The grain is the contract's primary key; `minute_at` in it makes a row a minute, otherwise a row spans the live window.
The partition, a part of the grain, is what a subscriber names; whoever may see a partition may see all of its rows.
"""

from typing import TYPE_CHECKING, Any

from lakehouse.contracts.model import Contract, Field, Live, Measure
from lakehouse.contracts.project import clean_fields
from lakehouse.errors import ContractError

if TYPE_CHECKING:
    from lakehouse.contracts.registry import Registry

MINUTE = "minute_at"
KINDS = ("count", "sum", "mean", "last")
_NUMBERS = ("integer", "float", "boolean")


def parsed(spec: dict[str, Any] | None) -> Live | None:
    """The value of the custom property `live`. Raises ContractError, KeyError."""
    if spec is None:
        return None
    measures = tuple(_measure(name, dict(said)) for name, said in spec["measures"].items())
    return Live(source=spec["source"], partition=tuple(spec["partition"]), measures=measures)


def _measure(name: str, said: dict[str, Any]) -> Measure:
    when, keep = tuple((said.pop("when", None) or {}).items()), said.pop("keep", 1)
    if len(said) != 1 or (kind := next(iter(said))) not in KINDS:
        raise ContractError(f"{name}: a measure is one of {', '.join(KINDS)}", hint="such as {count: true, when: {event_type: …}}")
    of = said[kind]
    return Measure(name, kind, None if of is True else of, when, keep)


def check_all(contracts: "Registry") -> None:
    """Every live contract, against its source. It is asked for where they are used or released, and not while contracts are
    read: whoever breaks a stream is to hear first what that breaks. Raises ContractError."""
    for contract in contracts:
        check(contract, contracts)


def check(contract: Contract, contracts: "Registry") -> None:
    """Raises ContractError where a live contract speaks of what is not there, or leaves a field without a measure."""
    live = contract.live
    if (contract.layer == "live") != (live is not None):
        raise ContractError(f"{contract.path}: physicalType live and the custom property live go together")
    if live is None:
        return
    source = contracts.get(live.source)
    if source.layer not in ("stream", "live"):
        raise ContractError(f"{contract.path}: {source.id} is neither a stream nor live")
    fields = clean_fields(source, contracts.vocabulary) if source.layer == "stream" else source.fields
    known = {f.name: f for f in fields} | {MINUTE: contracts.word(MINUTE)}
    measured = [m.name for m in live.measures]
    if not contract.primary_key or not set(live.partition) <= set(contract.primary_key) or MINUTE in live.partition:
        raise ContractError(f"{contract.path}: the partition is a part of the primary key, and not its minute")
    if not {"zone_id", "org_id"} <= set(live.partition) and live.partition != (contract.subject,):
        raise ContractError(
            f"{contract.path}: a partition belongs to one tenant, or to one person",
            hint="put zone_id and org_id, or the subject alone, into it",
        )
    if sorted([*contract.primary_key, *measured]) != sorted(contract.names):
        raise ContractError(f"{contract.path}: every field is either of the primary key or measured, once")
    for name in [*contract.primary_key, *(m.of for m in live.measures if m.of), *(n for m in live.measures for n, _ in m.when)]:
        if name not in known:
            raise ContractError(f"{contract.path}: {source.id} has no field {name!r}", hint=f"it has {', '.join(sorted(known))}")
    if source.layer == "live" and any(m.kind == "last" for m in live.measures):
        raise ContractError(f"{contract.path}: rows of {source.id} have no order, so none of them is the last")
    for measure in live.measures:
        _check_measure(measure, contract.field(measure.name), known.get(measure.of or ""), contract.path)


def _check_measure(measure: Measure, field: Field, of: Field | None, path: str) -> None:
    wants = {
        "count": ("integer",),
        "mean": ("float",),
        "sum": ("integer",) if of and of.type in ("integer", "boolean") else ("float",),
        "last": ("text_list",) if measure.keep > 1 else (of.type,) if of else (),
    }[measure.kind]
    if field.type not in wants or (measure.kind in ("sum", "mean") and (of is None or of.type not in _NUMBERS)):
        raise ContractError(f"{path}: {field.name} is {field.type}, and cannot hold {measure.kind} of {measure.of}")
