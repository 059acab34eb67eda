"""Where copies of features lie in other regions: ours there, and theirs here.

    LAKEHOUSE_REPLICAS  tokyo=<LAKEHOUSE_HOME there>,…  ─▶ ours(): settings of each copy, as of a home
    <home there>/replicas/<our region>/                  ◀─ and theirs(): of another region's copy here

A copy is a home with features, online and off, and nothing else: no bus, no raw, no vault, no warehouse. Whoever reads there knows
nobody by more than a pseudonym. Which regions have one is written down: an erasure must find every one of them, also when somebody
takes a region out of the settings.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from lakehouse.contracts import registry
from lakehouse.errors import BadInputError, SettingsError, UnavailableError
from lakehouse.places import Home, replica_told, replicated_to
from lakehouse.settings import Settings
from lakehouse.storage.open import open_files
from lakehouse.storage.protocols import Files


def ours(settings: Settings) -> dict[str, Settings]:
    """Region → our copy there, for every region that settings name. Raises SettingsError, ContractError (no such region)."""
    found: dict[str, Settings] = {}
    for pair in filter(None, (piece.strip() for piece in settings.replicas.split(","))):
        region_id, _, place = (part.strip() for part in pair.partition("="))
        registry().region(region_id)
        if not place or region_id == settings.region or region_id in found:
            raise SettingsError(f"LAKEHOUSE_REPLICAS: {pair!r}", hint="write other_region=its LAKEHOUSE_HOME, each region once")
        found[region_id] = _as_home(settings, Home(Path(place)).replica(settings.region))
    if found and settings.profile != "local":
        raise SettingsError(
            "features are copied between installations of the local profile so far", hint="leave LAKEHOUSE_REPLICAS empty on this profile"
        )
    return found


def theirs(settings: Settings, region_id: str) -> Settings:
    """That region's copy here. Raises BadInputError where there is none."""
    registry().region(region_id)
    home = Home(settings.home).replica(region_id)
    if not (Home(home).lake / replica_told()).exists():
        raise BadInputError(
            f"{settings.region} has no copy of {region_id}'s features", hint=f"run `lakehouse replicate --to {settings.region}` there"
        )
    return _as_home(settings, home)


def told(copy: Settings) -> dict:
    """`of`: the region, `replicated_at`: ISO 8601, `rows`: table → rows."""
    return json.loads(open_files(copy).get(replica_told()))


def existing(settings: Settings) -> dict[str, Settings]:
    """Every copy of ours there is. Raises SettingsError where settings do not say where one is, UnavailableError where it cannot be
    reached: who must take somebody out of all of them may not go on."""
    noted, named = _noted(open_files(settings)), ours(settings)
    if unnamed := sorted(noted - named.keys()):
        raise SettingsError(
            f"{', '.join(unnamed)} has a copy of the features here, and LAKEHOUSE_REPLICAS does not say where",
            hint="name it again; `lakehouse replicate --withdraw REGION` deletes a copy for good",
        )
    away = sorted(region_id for region_id in noted if not (Home(named[region_id].home).lake / replica_told()).exists())
    if away:
        raise UnavailableError(f"the copy of the features in {', '.join(away)} cannot be reached", hint="try again when it can")
    return {region_id: named[region_id] for region_id in sorted(noted)}


def note(settings: Settings, region_id: str) -> None:
    """Before the first byte goes there."""
    files = open_files(settings)
    _write(files, _noted(files) | {region_id})


def strike(settings: Settings, region_id: str) -> None:
    """After the last one is gone there."""
    files = open_files(settings)
    _write(files, _noted(files) - {region_id})


def _noted(files: Files) -> frozenset[str]:
    try:
        return frozenset(json.loads(files.get(replicated_to())))
    except FileNotFoundError:
        return frozenset()


def _write(files: Files, region_ids: Iterable[str]) -> None:
    files.put(replicated_to(), json.dumps(sorted(region_ids)).encode())


def _as_home(settings: Settings, home: Path) -> Settings:
    """Its online store is SQLite in it, whatever the region's own is: then one process can take somebody out of all of them."""
    return settings.model_copy(update={"home": home, "redis_url": None})
