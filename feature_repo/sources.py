"""Where the history of features lies: one Parquet file a contract, written by `lakehouse serve`."""

from feast import FileSource

from lakehouse.contracts import Contract
from lakehouse.places import feature_file
from lakehouse.settings import Settings
from lakehouse.storage.open import open_files


def source(contract: Contract, settings: Settings) -> FileSource:
    return FileSource(
        name=contract.table,
        path=open_files(settings).uri(feature_file(contract.table)),
        timestamp_field=contract.event_time,
        description=contract.description,
        owner=contract.owner,
    )
