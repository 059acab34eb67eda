"""A lake in this process: publish, land, refine and look, as often as a test likes."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from beam_pipelines import pulling
from beam_pipelines.counts import Counts, add
from beam_pipelines.land import Land
from beam_pipelines.refine import Refine, waiting
from beam_pipelines.running import run
from beam_pipelines.stores import Stores, stores
from lakehouse import places
from lakehouse.contracts import registry
from lakehouse.settings import Settings, settings
from lakehouse.storage.open import open_bus


@dataclass
class Lake:
    settings: Settings

    @property
    def at(self) -> Stores:
        return stores(self.settings)

    def publish(self, contract_id: str, messages: Iterable[bytes]) -> None:
        bus = open_bus(self.settings)
        bus.publish(contract_id, list(messages))
        bus.close()

    def land(self) -> Counts:
        bus = open_bus(self.settings)
        puller = pulling.Puller(bus, self.at.files, registry().ingested)
        counts: Counts = {}
        while (batches := puller.take(10_000, 0)) is not None:
            add(counts, run(batches, Land(self.settings)))
            puller.done()
        bus.close()
        return counts

    def refine(self, most_rows: int = 1_000_000) -> Counts:
        chosen = self.settings.model_copy(update={"refine_batch_rows": most_rows})
        return run(waiting(chosen), Refine(self.settings))

    def clean(self, contract_id: str) -> list[dict]:
        c = registry().get(contract_id)
        return self._rows(self.at.tables.files(places.clean_table(c.domain, c.table)))

    def dead_letters(self, contract_id: str) -> list[dict]:
        c = registry().get(contract_id)
        return self._rows([self.at.files.uri(p) for p in self.at.files.list(places.dead_letter_dir(c.domain, c.table) + "/")])

    def markers(self, contract_id: str) -> list[dict]:
        c = registry().get(contract_id)
        return [json.loads(self.at.files.get(p)) for p in self.at.files.list(places.refined_dir(c.domain, c.table) + "/")]

    def _rows(self, files: list[str]) -> list[dict]:
        if not files:
            return []
        with duckdb.connect() as database:
            database.execute("SET TimeZone = 'UTC'")
            read = "SELECT * FROM read_parquet(?, union_by_name = true) ORDER BY ALL"
            return database.execute(read, [files]).to_arrow_table().to_pylist()


@pytest.fixture
def lake(home: Path) -> Lake:
    return Lake(settings())
