"""kill -9 of `lakehouse replay` at a chosen durable step, and then again: every letter ends once, and no record is lost or doubled."""

import shutil
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from lakehouse.contracts import registry
from lakehouse.envelope import encode, pack
from lakehouse.settings import Settings
from tests.beam.conftest import Lake
from tests.faults import dying
from tests.replay.conftest import EXAM, exam, login, sent

pytestmark = pytest.mark.slow(25)

GOOD, MENDED, HOPELESS, UNREADABLE = range(0, 20), range(20, 40), range(40, 45), range(45, 55)
KINDS = {"in_hand", "raw", "_commits", "_waiting", "clean", "_refined", "_redrives"}


def widened(contracts: Path, root: Path) -> Path:
    """The fix: a wider rule, and a zone more."""
    shutil.copytree(root / "contracts", contracts)
    for path, old, new in (
        (
            "vocabulary.yaml",
            "score: {type: float, classification: internal, min: 0, max: 100",
            "score: {type: float, classification: internal, min: 0, max: 200",
        ),
        ("reference/zones.yaml", "zones:\n", "zones:\n  - {zone_id: busanprep, zone_name: BusanPrepAI.com, site_host: busanprepai.com}\n"),
    ):
        text = (contracts / path).read_text(encoding="utf-8")
        assert old in text
        (contracts / path).write_text(text.replace(old, new, 1), encoding="utf-8")
    return contracts


@pytest.fixture(scope="module")
def base(tmp_path_factory, pytestconfig) -> Path:
    """A lake with twenty good rows, twenty letters that the fix mends, five that it does not, and ten that land refused."""
    folder = tmp_path_factory.mktemp("replay-kill")
    widened(folder / "contracts", Path(str(pytestconfig.rootpath)))
    lake = Lake(Settings(home=folder / "lake"))
    scores = {**dict.fromkeys(GOOD, 50.0), **dict.fromkeys(MENDED, 150.0), **dict.fromkeys(HOPELESS, 999.0)}
    foreign = [encode(exam(n)).replace(b'"univprep"', b'"busanprep"') for n in UNREADABLE]
    sent(lake, EXAM, [exam(n, user=f"u-{n % 4}", score=score) for n, score in scores.items()], *pack(foreign))
    sent(lake, "auth.login.events", [login(1)])
    return folder


def states(lake: Lake) -> Counter:
    from beam_pipelines import letters

    return Counter(row["redrive_state"] for row in letters.search(lake.at, letters.Wanted(closed_too=True)).to_pylist())


@pytest.mark.timeout(1800)
def test_killed_anywhere_and_run_again(base: Path, tmp_path: Path, fault, rounds: int) -> None:
    command, contracts = ("replay", "--errors"), base / "contracts"
    shutil.copytree(base / "lake", tmp_path / "counting")
    moments, random = dying.run(command, tmp_path / "counting", contracts=contracts), Random(7)
    assert {kind for kind in moments if kind} == KINDS
    chosen = [random.choice([at for at, kind in enumerate(moments) if kind == wanted]) for wanted in sorted(KINDS)]
    anywhere = random.sample(range(len(moments)), min(len(moments), max(1, rounds - len(chosen))))
    lost = doubled = 0
    struck = list(dict.fromkeys([*chosen, *anywhere]))
    for moment in struck:
        home = tmp_path / f"at-{moment}"
        shutil.copytree(base / "lake", home)
        dying.run(command, home, die_at=moment, contracts=contracts)
        dying.run(command, home, contracts=contracts)
        dying.run(("refine",), home, contracts=contracts)
        lake = Lake(Settings(home=home))
        there = Counter(row["event_id"] for row in lake.clean(EXAM))
        wanted = {f"exam-{n:05d}" for n in (*GOOD, *MENDED, *UNREADABLE)}
        lost, doubled = lost + len(wanted - there.keys()), doubled + there.total() - len(there)
        assert states(lake) == {"replayed": len(MENDED) + len(UNREADABLE), "still_failing": len(HOPELESS)}, f"at moment {moment}"
        shutil.rmtree(home)
    fault("kill -9 of replay at a chosen durable step", rounds=len(struck), sent=len(struck) * 55, lost=lost, doubled=doubled)
    assert registry().find(EXAM)
