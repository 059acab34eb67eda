"""The demo's command line, and its journey on one page."""

import signal
import sys
import time
from contextlib import contextmanager
from typing import Annotated

import typer

DAILY, SERVING = "daily_exam_processing", "feature_serving"
ASSET_LIMIT_S = 120  # from the checked curated zone to the run that it starts: seconds, unless the machine is very busy


def demo(
    scale: Annotated[float, typer.Option(help="1 is about 100,000 events; 250 the planned day of 25 million.", min=0.001)] = 1.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same city, event for event.", min=0)] = 1,
) -> None:
    """Play MegaCity through the whole platform, and hold the marts against the truth.

    A simulator sends events over HTTP to a real collector, and writes the source's tables into a real PostgreSQL, from which
    Debezium captures every change; a real Airflow run lands, refines, checks and models them; the checked marts start a second
    run that brings features online. The closing table shows what became of every record. The home (LAKEHOUSE_HOME, `var` by default) is kept for you to explore, and made anew by the next demo.

    Ends with 0 only where every stage succeeded and every mart equals the truth; with 20 where one differs, and with 21
    where a stage failed: its last lines are shown then, and where its log lies.

    Example: `lakehouse demo --scale 0.1 --seed 42`
    """
    from rich.console import Console

    from lakehouse.errors import SettingsError
    from lakehouse.settings import settings
    from simulator.calendar import DEFAULT_END_ON
    from simulator.demo.home import prepare
    from simulator.demo.processes import PROJECT, Background, Day

    if settings().profile != "local":
        raise SettingsError("the demo plays on this machine alone", hint="LAKEHOUSE_PROFILE=local lakehouse demo")
    began = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # unwinds, and so ends the servers below
    day = Day(settings().home.resolve(), Console(stderr=True), as_of=DEFAULT_END_ON.isoformat())
    did = prepare(day.home, scale, seed)
    day.console.print(f"[bold]MegaCity[/] at scale {scale:g}, seed {seed}; {did}", highlight=False, soft_wrap=True)
    day.logs.mkdir(parents=True)
    with Background(day, "airflow", sys.executable, str(PROJECT / "deploy" / "airflow" / "local.py"), "--paused") as airflow, _source(day):
        sent = _send(day, scale, seed)
        _process(day, airflow)
        reconciled = _reconcile(day)
    _close(day, sent, reconciled, began)


@contextmanager
def _source(day):
    """The source database, and Debezium at its log, from before the first change until all of it is compared."""
    from simulator.demo.processes import LAKEHOUSE, Background

    with Background(day, "source", LAKEHOUSE, "source", "serve", "--port", "0") as source:
        source.wait_until_ready(limit_s=120)
        day.done("start of PostgreSQL", source.ready_after_s)
        with Background(day, "cdc", LAKEHOUSE, "cdc", "run") as cdc:
            cdc.wait_until_ready(limit_s=180)
            day.done("start of Debezium", cdc.ready_after_s)
            yield


def _send(day, scale: float, seed: int) -> dict:
    """The city's events, to a collector that runs for as long as they last and flushes when it is stopped; its tables, into
    the source database, until all of their changes are on the bus.

    Returns what `simulate --json` says of it.
    """
    import json

    from simulator.demo.processes import LAKEHOUSE, Background, run

    with Background(day, "collector", LAKEHOUSE, "collect", "--port", "0") as collector:
        url = collector.wait_until_ready(limit_s=120)["address"]
        words = ("--url", url, "--scale", str(scale), "--seed", str(seed), "--source", "--json")
        sent = json.loads(run(day, "simulate", *words, shows_progress=True))
        run(day, "cdc", "catch-up", stage="cdc catch-up")
        collector.stop()
    return sent


def _reconcile(day) -> dict:
    """Every row of the source against the current tables of the lake. Returns what `cdc reconcile --json` says of it."""
    import json

    from lakehouse.errors import IntegrityGapError
    from simulator.demo.processes import run

    words = ("reconcile", "--every-tenant", "--settle-s", "0", "--json")
    return json.loads(run(day, "cdc", *words, stage="cdc reconcile", may_fail=IntegrityGapError.exit_code))


def _process(day, server) -> None:
    """A run of the daily DAG, and the run that its checked marts start."""
    from simulator.demo.airflow import Airflow

    with day.console.status("Airflow starts …"):
        login = server.wait_until_ready(limit_s=300)
    day.done("start of Airflow", server.ready_after_s, "while the events were sent")
    airflow = Airflow(day, server, login)
    for dag_id in (DAILY, SERVING):  # and no other: the hour strikes during a demo, too
        airflow.turn(dag_id, on=True)
    airflow.follow(DAILY, airflow.trigger(DAILY))
    airflow.follow(SERVING, airflow.run_started_by_asset(SERVING, ASSET_LIMIT_S))


def _close(day, sent: dict, reconciled: dict, began: float) -> None:
    """Compare, read back, count, show. Raises QualityGateError where anything differs from the truth."""
    import json

    from lakehouse.errors import QualityGateError
    from lakehouse.places import Home
    from lakehouse.settings import settings
    from simulator.demo.closing import show, summarise
    from simulator.demo.counts import count
    from simulator.demo.online import read_back
    from simulator.demo.processes import run

    compared = json.loads(run(day, "compare", "--json", may_fail=QualityGateError.exit_code))
    compared += read_back(Home(day.home), lambda student: run(day, "features", "online", student, "--json"))
    summary = summarise(day.as_of, sent, reconciled, count(settings()), compared, day.seconds, round(time.monotonic() - began, 1))
    summary.write(day.logs)
    show(summary, day.home)
    if summary.differing:
        raise QualityGateError(
            f"{len(summary.differing)} of {len(summary.truth)} rows differ from the truth: {', '.join(summary.differing[:5])}",
            hint=f"LAKEHOUSE_HOME={day.home} lakehouse compare --all lists every key that differs",
        )
