"""One setting chooses the storage, and says what it needs when that is missing."""

import pytest

from lakehouse import errors
from lakehouse.settings import Settings
from lakehouse.storage import open as storage
from lakehouse.storage.delta import DeltaTables
from lakehouse.storage.local import LocalBus, LocalFiles


def test_the_local_profile_keeps_everything_under_home(tmp_path):
    settings = Settings(home=tmp_path)
    bus, spool, files, tables = (
        storage.open_bus(settings),
        storage.open_spool(settings),
        storage.open_files(settings),
        storage.open_tables(settings),
    )
    assert (type(bus), type(spool), type(files), type(tables)) == (LocalBus, LocalBus, LocalFiles, DeltaTables)
    bus.publish("exam.events", [b"x"])
    spool.publish("exam.events", [b"y"])
    files.put("a", b"z")
    storage.open_vault(settings).subjects(["kim"])
    assert storage.open_audit(settings).verify().count == 0
    bus.close()
    spool.close()
    assert {p.name for p in tmp_path.iterdir()} == {"bus", "spool", "lake", "vault", "audit"}


@pytest.mark.parametrize(
    ("opening", "variable"),
    [
        (storage.open_bus, "LAKEHOUSE_GCP_PROJECT"),
        (storage.open_files, "LAKEHOUSE_GCP_PROJECT"),
        (storage.open_tables, "LAKEHOUSE_GCP_BUCKET"),
        (storage.open_vault, "LAKEHOUSE_VAULT_URL"),
        (storage.open_audit, "LAKEHOUSE_AUDIT_URL"),
    ],
)
def test_the_gcp_profile_names_the_setting_that_is_missing(tmp_path, opening, variable):
    with pytest.raises(errors.SettingsError, match=variable):
        opening(Settings(profile="gcp", home=tmp_path))


def test_an_absent_package_is_answered_with_the_cure():
    with pytest.raises(errors.NotInstalledError) as error:
        errors.require("google.cloud.no_such_client", "gcp")
    assert "megacity-lakehouse[gcp]" in error.value.hint
