"""A stage from end to end: open its tables, judge them all, keep what was found.

settings ─▶ datasets ─▶ Gate.judge ─▶ metrics file ─▶ monitoring.data_quality_checks ─▶ Verdict
"""

from contextlib import ExitStack, nullcontext
from dataclasses import dataclass

from rich.console import Console
from rich.progress import Progress

from lakehouse.contracts import registry
from lakehouse.errors import BadInputError, QualityGateError
from lakehouse.places import Home
from lakehouse.settings import Settings
from lakehouse.storage.open import open_files, open_tables
from lakehouse.storage.turns import beside
from lakehouse.storage.warehouse import patiently
from quality import datasets, measures, results
from quality.gate import Gate, Result
from quality.results import CHECKS, Run


@dataclass(frozen=True)
class Verdict:
    """All results of a run. `measures` is by dataset."""

    run: Run
    results: list[Result]
    measures: dict[str, measures.Measures]

    def of(self, dataset: str) -> list[Result]:
        return [r for r in self.results if r.checked_dataset == dataset]

    def with_status(self, status: str) -> list[Result]:
        return [r for r in self.results if r.check_status == status]

    def raise_if_closed(self) -> None:
        """Raises QualityGateError naming the failed checks and the next move."""
        failed = self.with_status("failed")
        if not failed:
            return
        named = ", ".join(
            f"{r.checked_dataset}: {r.check_name}" + (f" ({r.rows_failed:,} rows)" if r.rows_failed else "") for r in failed[:5]
        )
        more = f", and {len(failed) - 5} more" if len(failed) > 5 else ""
        raise QualityGateError(
            f"the {self.run.check_stage} gate is closed by {len(failed)} of {len(self.results)} checks: {named}{more}",
            hint=f"{failed[0].advice} All of them: select * from {CHECKS} where check_run_id = '{self.run.check_run_id}' and check_status = 'failed'",
        )


def run(run: Run, settings: Settings, only: list[str]) -> Verdict:
    """Judge a stage and keep the results. Raises BadInputError, BusyError."""
    contracts, home = registry(), Home(settings.home)
    members = datasets.contracts_of(run.check_stage, contracts, only)
    verdict = Verdict(run, [], {})
    progress = Progress(console=Console(stderr=True), transient=True)
    with progress, ExitStack() as held:
        task = progress.add_task(f"checking {run.check_stage}", total=len(members))
        gate = Gate()
        try:
            held.enter_context(beside(settings) if run.check_stage == "curated" else nullcontext())
            for dataset in _open(gate, run.check_stage, settings, members):
                counted = None
                if dataset.contract.is_ingested:
                    counted = measures.deliveries(open_files(settings), dataset.contract.domain, dataset.contract.table)
                found, measured = gate.judge(dataset, run.checked_on, run.checked_at, counted)
                verdict.results.extend(found)
                verdict.measures[dataset.contract.id] = measured
                progress.advance(task)
        finally:
            gate.close()
    results.write_metrics(home.logs, run, verdict.results, verdict.measures)
    results.store(settings, contracts.get(CHECKS), run, verdict.results, [c.id for c in members])
    return verdict


def _open(gate: Gate, stage: str, settings: Settings, members: list) -> list[datasets.Dataset]:
    if stage == "clean":
        return datasets.clean_datasets(gate.query, open_tables(settings), registry(), members)
    warehouse = Home(settings.home).warehouse
    if not warehouse.exists():
        raise BadInputError(f"there is no warehouse at {warehouse}", hint="run `lakehouse model` first")
    # Views in the warehouse name the catalog that they were made in, which is the file's name.
    attach = f"attach '{warehouse.absolute()}' as \"{warehouse.stem}\" (read_only)"
    patiently(lambda: gate.query(attach), warehouse)
    return datasets.curated_datasets(gate.query, warehouse.stem, members)
