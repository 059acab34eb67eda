"""What somebody asks for, and whether they may: the tenant filter of the live path. Pure but for the vault.

    view, keys, Caller ─▶ asked ─▶ Asked(contract, values of its partition, which rows are seen)
                             └──▶ DeniedError, BadInputError

A person-bound caller sees the views of one person, and of that person only; everybody else sees the views of tenants.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lakehouse.access.caller import Caller, Scope
from lakehouse.contracts.model import MAX_TEXT, Contract
from lakehouse.contracts.registry import Registry
from lakehouse.errors import BadInputError, DeniedError
from lakehouse.privacy.access import Level
from lakehouse.privacy.reading import kind_of
from lakehouse.privacy.roles import GRANTS, READS, Reader
from live.board import Row

PREFIX = "live."


@dataclass(frozen=True, slots=True)
class Asked:
    """Something that may be shown. `sees` says of each row whether this caller may have it."""

    contract: Contract
    values: tuple
    sees: Callable[[Row], bool] | None = None


def views(contracts: Registry, caller: Caller) -> list[Contract]:
    """Those that this caller can ask for at all."""
    return [c for c in contracts.layer("live") if is_of_a_person(c) == (caller.user_id is not None)]


def is_of_a_person(contract: Contract) -> bool:
    return contract.live.partition == (contract.subject,)


def asked(
    contracts: Registry,
    caller: Caller,
    view: str,
    keys: Mapping[str, Any],
    pid_of: Callable[[str], str | None],
    hidden: Callable[[], frozenset[str]] = frozenset,
) -> Asked:
    """`view` with or without `live.` before it. `pid_of`: account → pseudonym; None where the person is forgotten.
    `hidden`: the pseudonyms that nobody is shown now.

    Raises BadInputError, DeniedError.
    """
    caller.require(Scope.LIVE_READ)
    _require_role(caller)
    contract = contracts.find(view if view.startswith(PREFIX) else PREFIX + view)
    if contract is None or contract.layer != "live":
        known = ", ".join(c.table for c in contracts.layer("live"))
        raise BadInputError("there is no such view", hint=f"ask for one of {known}")
    if is_of_a_person(contract):
        return _of_the_person(caller, contract, keys, pid_of, hidden)
    if caller.user_id is not None:
        raise DeniedError("this token is for one person's own figures", hint="ask for a view of a person", is_known=True)
    values = tuple(_value(contracts, contract, name, keys) for name in contract.live.partition)
    unknown = sorted(set(keys) - set(contract.live.partition))
    if unknown:
        raise BadInputError("keys that this view does not have", hint=f"it has {', '.join(contract.live.partition)}")
    named = dict(zip(contract.live.partition, values))
    _require_tenant(caller, named["zone_id"], named["org_id"])
    if contract.subject is None:
        return Asked(contract, values)
    return Asked(contract, values, lambda row: row[contract.subject] not in hidden())


def _require_role(caller: Caller) -> None:
    """A key without a role is a service's, bound by its zones and tenants alone. Raises DeniedError."""
    if caller.role is None:
        return
    purposes = [p for p in GRANTS[caller.role].purposes if "live" in READS[p]]
    if not purposes:
        raise DeniedError(
            f"{caller.role} reads no live figures", hint="ask with a role that does: docs/how_to/give_access.md", is_known=True
        )
    # It must be bound as its role asks; whose rows these are is said below.
    Reader(caller.key_id, kind_of(caller), caller.role, purposes[0], Level.L2, caller.zones, caller.orgs, caller.user_id)


def _of_the_person(
    caller: Caller,
    contract: Contract,
    keys: Mapping[str, Any],
    pid_of: Callable[[str], str | None],
    hidden: Callable[[], frozenset[str]],
) -> Asked:
    if caller.user_id is None:
        raise DeniedError("this view shows a person to that person only", hint="use the person's own token", is_known=True)
    if keys:
        raise BadInputError("this view takes no keys", hint="leave them out: the token says who the person is")
    pid = pid_of(caller.user_id)
    if pid is None or pid in hidden():
        raise DeniedError("nothing is known of this person", hint="the person was erased", is_known=True)
    return Asked(contract, (pid,), lambda row: pid not in hidden() and _may_see(caller, row["zone_id"], row["org_id"]))


def _may_see(caller: Caller, zone_id: str, org_id: int | None) -> bool:
    try:
        _require_tenant(caller, zone_id, org_id)
    except DeniedError:
        return False
    return True


def _require_tenant(caller: Caller, zone_id: str, org_id: int | None) -> None:
    """Raises DeniedError. What belongs to no tenant is for those who may see all of them."""
    caller.require(Scope.LIVE_READ, zone_id, frozenset() if org_id is None else frozenset({org_id}))
    if org_id is None and caller.orgs is not None:
        raise DeniedError("the key is for tenants of its own", hint="name one of them as org_id", is_known=True)


def _value(contracts: Registry, contract: Contract, name: str, keys: Mapping[str, Any]) -> str | int | None:
    """Raises BadInputError naming the key, never its value."""
    field, value = contract.field(name), keys.get(name)
    if value is None:
        if field.required:
            raise BadInputError(f"the key {name} is lacking", hint=f"name {', '.join(contract.live.partition)}")
        return None
    if field.type == "integer":
        if type(value) is not int or not (field.minimum or 0) <= value <= (field.maximum or 2**63):
            raise BadInputError(f"the key {name} is no such number", hint="send it as a JSON number")
    elif type(value) is not str or not 0 < len(value) <= (field.max_length or MAX_TEXT):
        raise BadInputError(f"the key {name} is no such text", hint=f"at most {field.max_length or MAX_TEXT} characters")
    if name == "zone_id" and value not in {z.zone_id for z in contracts.zones}:
        raise BadInputError("there is no such zone", hint="see contracts/reference/zones.yaml")
    return value
