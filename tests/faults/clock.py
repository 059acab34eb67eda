"""A wrong clock for one process: what it believes the time to be is off by as much as a file says, and may step at any moment.

    install(file) ─▶ time.time, time.time_ns ─▶ real + offset
                 └─▶ `datetime` in every module of ours ─▶ its now() likewise; all else is the real one's

Monotonic clocks go on as they are, as they do when an operator or NTP steps the real one.
"""

import importlib
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

_OURS = ("lakehouse", "collectors", "beam_pipelines")
_USERS = ("collectors.events.server", "beam_pipelines.command", "beam_pipelines.land", "beam_pipelines.refine", "beam_pipelines.redriving")


def step(file: Path, seconds: float) -> None:
    draft = file.with_suffix(".new")
    draft.write_text(str(seconds))
    draft.replace(file)


def install(file: str) -> None:
    real_time, real_ns = time.time, time.time_ns
    offset = lambda: float(Path(file).read_text())  # noqa: E731

    class Stepped(type):
        def __getattr__(cls, name: str):
            return getattr(datetime, name)

        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, datetime)

        def __call__(cls, *args, **kwargs) -> datetime:
            return datetime(*args, **kwargs)

    class Clock(metaclass=Stepped):
        @staticmethod
        def now(zone=None) -> datetime:
            return datetime.now(zone) + timedelta(seconds=offset())

    for name in _USERS:
        importlib.import_module(name)
    time.time = lambda: real_time() + offset()
    time.time_ns = lambda: real_ns() + int(offset() * 1e9)
    stepped = [m for name, m in sys.modules.items() if name.partition(".")[0] in _OURS and getattr(m, "datetime", None) is datetime]
    assert stepped, "no module of ours has a clock"
    for module in stepped:
        module.datetime = Clock
