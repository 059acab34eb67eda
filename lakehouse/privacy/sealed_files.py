"""Where what was sent lies sealed: raw and dead letters of every contract that arrives, in Parquet files that name keys."""

from collections.abc import Iterator

from lakehouse.contracts.model import Contract
from lakehouse.places import dead_letter_dir, raw_dir
from lakehouse.storage.protocols import Files


def sealed_files(files: Files, contract: Contract) -> Iterator[tuple[str, list[str]]]:
    """Folder and the URIs of its files; none where nothing has come yet."""
    for folder in (raw_dir(contract.domain, contract.table), dead_letter_dir(contract.domain, contract.table)):
        yield folder, [files.uri(path) for path in files.list(folder + "/") if path.endswith(".parquet")]
