"""What a receipt owns up to: with the terms that terraform sets, and nothing that is not there."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from lakehouse.privacy.erasure.remains import lapses
from lakehouse.privacy.rotation import EVERY
from lakehouse.settings import Settings

PURGED, PROVED = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)
MARTS = SecretStr("postgresql://somebody@nowhere/marts")


def told(settings: Settings) -> dict[str, str | None]:
    return {one["what"].split(":")[0]: one["until"] for one in lapses(settings, PURGED, PROVED)}


def test_what_the_vaults_database_keeps_ends_with_its_master_key(root: Path, home: Path) -> None:
    (kept_s,) = re.findall(r'destroy_scheduled_duration = "(\d+)s"', (root / "terraform" / "keys.tf").read_text())
    ends = PROVED + EVERY + timedelta(days=1) + timedelta(seconds=int(kept_s))
    on_gcp = told(Settings(home=home, profile="gcp"))
    assert on_gcp["the vault's database"] == ends.isoformat() and None not in on_gcp.values()


def test_each_installation_owns_up_to_what_it_has(home: Path) -> None:
    disk, marts = "blocks of the disk on which removed files lay", "the published marts' database"
    assert told(Settings(home=home)) == {disk: None} and told(Settings(home=home, bi_url=MARTS)) == {disk: None, marts: None}
    assert told(Settings(home=home, profile="gcp", bi_url=MARTS)).keys() - told(Settings(home=home, profile="gcp")).keys() == {marts}
