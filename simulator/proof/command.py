"""`lakehouse privacy-proof`: the whole of forgetting, played for real and shown in one table."""

import json
import signal
import sys
import time
from contextlib import ExitStack
from typing import Annotated

import typer

_CLOSED_LIMIT_S = 120
_SETTLE_LIMIT_S = 180


def privacy_proof(
    scale: Annotated[float, typer.Option(help="1 is about 100,000 events of MegaCity.", min=0.02)] = 0.1,
    seed: Annotated[int, typer.Option(help="The same seed gives the same city, event for event.", min=0)] = 1,
    people: Annotated[int, typer.Option(help="How many are erased; as many stay, and as many go on sending.", min=1, max=50)] = 3,
) -> None:
    """Erase people from a whole platform while traffic runs, try every way back, and look for them in every byte.

    A simulated MegaCity fills a real lake, warehouse, feature store, live figures and published marts. Some people ask over HTTP to be
    forgotten, and are: closed within seconds, purged, proved. Then late events, replay, rebuild, re-drive, backfill, a snapshot of the
    source database and backups try to bring them back. The closing table shows every place: zeros for the erased, unchanged counts for
    others; and every receipt is verified, and one that was tampered with is refused.

    Ends with 0 only where all of that holds, with 20 where anything is left of anybody, and with 21 where a program failed. The home
    (LAKEHOUSE_HOME) is made anew by every proof; keep it apart from your own.

    Example: `make privacy-proof`, or `LAKEHOUSE_HOME=/tmp/proof lakehouse privacy-proof --scale 0.1 --people 5`
    """
    from rich.console import Console

    from lakehouse.errors import QualityGateError, SettingsError
    from lakehouse.settings import settings
    from simulator.calendar import DEFAULT_END_ON
    from simulator.demo.home import prepare
    from simulator.demo.processes import Day

    if settings().profile != "local":
        raise SettingsError("the proof plays on this machine alone", hint="LAKEHOUSE_PROFILE=local lakehouse privacy-proof")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    day = Day(settings().home.resolve(), Console(stderr=True), as_of=DEFAULT_END_ON.isoformat())
    day.console.print(
        f"[bold]Forgetting[/] in a MegaCity at scale {scale:g}, seed {seed}; {prepare(day.home, scale, seed)}", highlight=False
    )
    day.logs.mkdir(parents=True)
    with ExitStack() as servers:
        wrong = _played(day, servers, scale, seed, people)
    if wrong:
        raise QualityGateError(f"{len(wrong)} things are not as they must be: {'; '.join(wrong[:5])}", hint=f"the logs are in {day.logs}")


def _played(day, servers: ExitStack, scale: float, seed: int, each: int) -> list[str]:
    """What is wrong, in words; nothing, where everything holds."""
    from simulator.calendar import DEFAULT_DAYS, DEFAULT_END_ON, Calendar
    from simulator.city import City
    from simulator.proof import attempts, cast, table
    from simulator.proof.traffic import Traffic

    moving = servers.enter_context(ExitStack())  # what brings data in, and ends before the rest
    url = _filled(day, servers, moving, scale, seed)
    city, office = City(seed, scale, Calendar(DEFAULT_END_ON, DEFAULT_DAYS)), _office(day)
    chosen = cast.chosen(city, office.vault, office.places, each)
    before = cast.rows_of(office.places, chosen.of((*chosen.erased, *chosen.kept)))
    kept = attempts.backups(day)
    _start_moving(day, moving)
    with Traffic(url, city.hosts[0], chosen.passing, chosen.erased) as traffic:
        asked, closed_s = _asked(url, city.hosts[0], chosen.erased)
        day.done("asked and closed", max(closed_s.values()), f"{len(asked)} people, by `POST /v1/privacy/requests`")
        traffic.stragglers(False)
        _run(day, "privacy", "run")
        tried = {}
        for way, attempt in attempts.while_it_runs(day, traffic, chosen.erased):
            attempt()
            tried[way] = _outcome(_office(day), chosen, cast)
        _settled(day)
        tried["all of these, once everything has arrived"] = _outcome(_office(day), chosen, cast)
    moving.close()
    for way, attempt in attempts.from_backups(day, kept):
        attempt()
        tried[way] = _outcome(_office(day), chosen, cast)
    _run(day, "privacy", "purge")  # what a backup brought back goes with the next purge
    tried["the purge after a restore"] = _outcome(_office(day), chosen, cast)
    after = cast.rows_of(_office(day).places, chosen.of((*chosen.erased, *chosen.kept)))
    found = table.lines(before, after, chosen.erased, chosen.kept, _scanned(day, chosen.of(chosen.erased)))
    receipts, unverified = _verified(day, asked)
    table.show(found, tried, closed_s, receipts)
    (day.logs / "proof.json").write_text(json.dumps({"places": table.as_json(found), "tried": tried, "closed_s": list(closed_s.values())}))
    wrong = [one.place for one in found if not one.is_good]
    wrong += [
        f"nothing of {place} was there to erase"
        for place in _EVERYWHERE
        if not any(one.erased_before for one in found if one.place.startswith(place))
    ]
    return wrong + unverified + ([f"traffic stopped: {traffic.failure}"] if traffic.failure else [])


_EVERYWHERE = (
    "exams/clean",
    "web/clean",
    "source/current",
    "curated.",
    "intermediate.",
    "features.",
    "features/",
    "features online",
    "published ",
    "exams/raw",
)
"""Kinds of places in which there must have been somebody to erase, or the proof shows nothing."""


def _filled(day, servers: ExitStack, moving: ExitStack, scale: float, seed: int) -> str:
    """Every copy that there is: lake, warehouse, features, published marts, live figures. Returns the collector's address."""
    from simulator.demo.processes import LAKEHOUSE, Background, run

    source = servers.enter_context(Background(day, "source", LAKEHOUSE, "source", "serve", "--port", "0"))
    address = source.wait_until_ready(limit_s=120)
    password = (day.home / "source" / "password").read_text().strip()
    day.more["LAKEHOUSE_BI_URL"] = f"postgresql://megacity:{password}@{address['host']}:{address['port']}/{address['database']}"
    cdc = moving.enter_context(Background(day, "cdc", LAKEHOUSE, "cdc", "run"))
    redis = servers.enter_context(Background(day, "redis", LAKEHOUSE, "live", "redis"))
    collector = moving.enter_context(Background(day, "collector", LAKEHOUSE, "collect", "--port", "0"))
    for server in (cdc, redis, collector):
        ready = server.wait_until_ready(limit_s=180)
    day.done("start of servers", cdc.ready_after_s)
    words = ("--url", ready["address"], "--scale", str(scale), "--seed", str(seed), "--source", "--json")
    run(day, "simulate", *words)
    run(day, "cdc", "catch-up", stage="cdc catch-up")
    for words in (("land",), ("refine",), ("model",), ("calibrate",), ("model",), ("serve",), ("dashboards", "publish")):
        run(day, *words)
    return ready["address"]


def _start_moving(day, servers: ExitStack) -> None:
    from simulator.demo.processes import LAKEHOUSE, Background

    servers.enter_context(Background(day, "live count", LAKEHOUSE, "live", "count")).wait_until_ready(limit_s=120)
    servers.enter_context(Background(day, "ingest", LAKEHOUSE, "ingest", tells=False))
    servers.enter_context(Background(day, "privacy watch", LAKEHOUSE, "privacy", "watch", "--every", "0.5", tells=False))


def _asked(url: str, host: str, erased: tuple[str, ...]) -> tuple[list[str], dict[str, float]]:
    """Request ids, and the seconds from asking until each was closed. Raises CommandFailedError."""
    import httpx

    from lakehouse.errors import CommandFailedError

    asked, closed_s = {}, {}
    with httpx.Client(base_url=url, headers={"Host": host}, timeout=60) as client:
        for user in erased:
            answer = client.post("/v1/privacy/requests", json={"user_id": user})
            if answer.status_code != 202:
                raise CommandFailedError(f"the collector answered {answer.status_code} to a request", hint="read logs/demo/collector.log")
            asked[answer.json()["request_id"]] = time.monotonic()
        while len(closed_s) < len(asked):
            for request_id, since in asked.items():
                told = client.get(f"/v1/privacy/requests/{request_id}")
                if request_id not in closed_s and told.status_code == 200 and "closed_at" in told.json():
                    closed_s[request_id] = time.monotonic() - since
            if time.monotonic() - max(asked.values()) > _CLOSED_LIMIT_S:
                raise CommandFailedError("requests were not closed in time", hint="read logs/demo/privacy watch.log and ingest.log")
            time.sleep(0.2)
    return list(asked), closed_s


def _office(day):
    """With what is on disk now: a vault that was restored from a backup is opened again."""
    from pydantic import SecretStr

    from lakehouse.privacy.chain import ActorKind
    from lakehouse.privacy.erasure.office import Office
    from lakehouse.settings import settings

    known = settings().model_copy(update={"home": day.home, "bi_url": SecretStr(day.more["LAKEHOUSE_BI_URL"])})
    return Office(known, "privacy-proof", ActorKind.SERVICE)


def _settled(day) -> None:
    """Until nothing waits on the bus that was there when we came."""
    from lakehouse.storage.local import LocalBus
    from lakehouse.storage.segment_log import SEGMENT_SECONDS

    bus, until = LocalBus(day.home / "bus"), time.monotonic() + _SETTLE_LIMIT_S
    came = time.time_ns()
    while time.monotonic() < until:
        for topic in bus.topics():
            bus.trim(topic)
        if not [path for path in (day.home / "bus").glob("*/*.seg") if int(path.name.split("-")[0]) < came]:
            return
        time.sleep(SEGMENT_SECONDS / 15)


def _outcome(office, chosen, cast) -> str:
    rows = sum(sum(rows.values()) for rows in cast.rows_of(office.places, chosen.of(chosen.erased)).values())
    known = len(office.vault.find(list(chosen.erased)))
    return f"{known} known, {rows} rows" + ("" if not rows else ": nameless in a backup, until the next purge")


def _scanned(day, people) -> dict[str, tuple[int, int]]:
    """Folder of the home → bytes looked at, traces found."""
    from collections import Counter

    from lakehouse.places import Home
    from lakehouse.privacy.erasure.scan import scanned

    home, needles = Home(day.home), sorted({text.encode() for one in people for text in one.traces})
    found = {}
    for folder in sorted(path for path in day.home.iterdir() if path.is_dir() and path not in (home.source, home.truth)):
        one = scanned(folder, needles)
        found[folder.name] = one.read_bytes + one.decoded_bytes, len(one.hits)
        for place, hits in Counter(str(hit.path) for hit in one.hits).items():
            day.console.print(f"    {hits} traces in {folder.name}/{place}", style="red", highlight=False)
    return found


def _verified(day, asked: list[str]) -> tuple[list[str], list[str]]:
    """What `lakehouse privacy verify` says of each receipt; and what is wrong with any, a forged one that passes among it."""
    from lakehouse.errors import CommandFailedError, CorruptError
    from lakehouse.places import receipt
    from simulator.demo.processes import run

    said, wrong = [], []
    for request_id in asked:
        try:
            said.append(run(day, "privacy", "verify", request_id, stage=f"verify {request_id[:8]}").strip())
        except CommandFailedError as error:
            wrong.append(str(error))
    stored = day.home / "lake" / receipt(asked[0])
    forged = day.logs / "forged.json"
    forged.write_text(json.dumps(json.loads(stored.read_text()) | {"proved_at": "2020-01-01T00:00:00+00:00"}))
    refused = run(day, "privacy", "verify", str(forged), stage="verify a forged one", may_fail=CorruptError.exit_code)
    if refused:
        wrong.append("a forged receipt was taken for a good one")
    return said, wrong


def _run(day, *words: str) -> str:
    from simulator.demo.processes import run

    return run(day, *words, stage=" ".join(words))
