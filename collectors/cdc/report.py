"""What `lakehouse cdc status` and `check` tell: the ledger and the source side by side.

ledger ─┐
source ─┼─▶ facts ─▶ status: a table, or JSON
offsets ┘      └───▶ gaps ─▶ check: exit 0, or 22
"""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from collectors.cdc import integrity
from collectors.cdc.ledger import Ledger
from collectors.cdc.offsets import Offsets
from collectors.cdc.source import Source, source_of
from lakehouse.contracts import registry
from lakehouse.places import Home
from lakehouse.settings import Settings

_OPS = ("r", "c", "u", "d")


def facts(settings: Settings) -> dict[str, Any]:
    """Raises BadInputError, CommandFailedError where the source does not answer."""
    home, source = Home(settings.home), source_of(settings)
    ledger = Ledger(home.cdc)
    try:
        return _facts(ledger, Offsets(home.cdc), source)
    finally:
        ledger.close()


def _facts(ledger: Ledger, offsets: Offsets, source: Source) -> dict[str, Any]:
    sighting, (tables, uncontracted) = source.sighting(), source.tables(registry())
    standing, slot = ledger.standing(), sighting.slot
    running = standing is not None and slot is not None and slot.is_active
    verdict = (
        integrity.running(standing, sighting)
        if running
        else integrity.judge(standing, sighting, offsets.lsn(), [t.contract.table for t in tables])
    )
    epochs, generations = ledger.rows("epoch", 1), ledger.rows("generation", 1)
    counts: Counter = Counter()
    for count in ledger.rows("row_count", 1_000_000):
        counts[count["table"], count["op"]] += count["rows"]
    states = {s["table"]: s for s in ledger.rows("table_state")}
    return {
        "is_running": running,
        "epoch": epochs[0] if epochs else None,
        "snapshot": generations[0] if generations else None,
        "slot": None
        if slot is None
        else {
            "name": source.slot,
            "is_active": slot.is_active,
            "lag_bytes": sighting.lag_bytes,
            "retained_bytes": slot.retained_bytes,
            "wal_status": slot.wal_status,
        },
        "seen_lsn": standing.seen_lsn if standing else None,
        "tables": {
            t.contract.table: {
                "last_lsn": states.get(t.contract.table, {}).get("last_lsn"),
                "last_at": _time(states.get(t.contract.table, {}).get("at")),
                "rows": {op: counts[t.contract.table, op] for op in _OPS},
            }
            for t in tables
        },
        "uncontracted": uncontracted,
        "drift": [{k: d[k] for k in ("table", "column", "rows", "first_at")} for d in ledger.rows("drift")],
        "verdict": {"action": verdict.action, "kind": verdict.kind, "reason": verdict.reason, "is_gap": verdict.is_gap},
        "broken_links": ledger.broken_links(),
        "alerts": [a for a in ledger.rows("alert") if a["acknowledged_at"] is None],
    }


def gaps(told: dict[str, Any]) -> list[str]:
    """Why the copy is not, or may not be, the source; empty where it is."""
    found = []
    if told["verdict"]["action"] != "resume":
        found.append(told["verdict"]["reason"])
    elif told["snapshot"] and told["snapshot"]["completed_at"] is None:
        found.append("a snapshot is under way: what vanished before it is not gone downstream until its end")
    if told["broken_links"]:
        found.append(f"the ledger's chain is broken at batch {told['broken_links'][0]}")
    return found


def print_status(told: dict[str, Any], console: Console) -> None:
    slot, epoch, snapshot = told["slot"], told["epoch"], told["snapshot"]
    console.print(f"capturing   {'yes' if told['is_running'] else '[bold red]no[/]'}")
    console.print(f"epoch       {epoch['epoch']} since {epoch['began_at']} ({epoch['reason']})" if epoch else "epoch       none yet")
    if snapshot:
        console.print(f"snapshot    {snapshot['completed_at'] or '[bold yellow]under way[/]'} ({snapshot['reason']})")
    if slot:
        console.print(
            f"slot        {slot['name']}: {slot['lag_bytes']:,} bytes behind, {slot['retained_bytes']:,} kept, {slot['wal_status']}"
        )
    else:
        console.print("slot        [bold red]none[/]")
    table = Table("table", "last change at", "last LSN", *(f"{op} rows" for op in _OPS))
    for name, state in told["tables"].items():
        table.add_row(name, state["last_at"] or "", f"{state['last_lsn'] or ''}", *(f"{state['rows'][op]:,}" for op in _OPS))
    console.print(table)
    for drift in told["drift"]:
        console.print(f"in no contract: {drift['table']}.{drift['column']} ({drift['rows']:,} rows since {drift['first_at']})")
    for name in told["uncontracted"]:
        console.print(f"published, and in no contract: {name}")
    for alert in told["alerts"]:
        console.print(f"[bold yellow]alert[/] {alert['at']} {alert['kind']}: {alert['detail']}", highlight=False)
    for gap in gaps(told):
        console.print(f"[bold red]gap[/] {gap}", highlight=False)


def _time(at: float | None) -> str | None:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds") if at else None
