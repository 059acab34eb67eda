"""Which zone a command is asked for: one that contracts know, or none for all of them."""

from lakehouse.contracts.registry import Registry
from lakehouse.errors import BadInputError


def known_zone(zone: str | None, contracts: Registry) -> str | None:
    """Raises BadInputError that lists the zones."""
    known = [each.zone_id for each in contracts.zones]
    if zone is not None and zone not in known:
        raise BadInputError(f"there is no zone {zone!r}", hint=f"known: {', '.join(known)}")
    return zone
