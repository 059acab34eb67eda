"""What redacting free text costs (`python -m bench.text`): texts a CPU-second, beside a scan of each by every recogniser.

20,000 different texts, none with anything personal │ of the labelled set ─▶ redacted_column ─▶ CPU
                                                                          └▶ redacted, one by one
"""

import time
from collections.abc import Callable

import pyarrow as pa

from bench import Row
from lakehouse.privacy.text import redacted
from lakehouse.privacy.text.column import redacted_column
from tests.free_text import labelled

TEXTS, ROUNDS = 20_000, 3


def rows() -> list[Row]:
    told = labelled.tuned(TEXTS)
    every = pa.array([one.text for one in told])
    plain = pa.array([one.text for one in told if not one.spans])
    found = []
    for name, texts in (("half of them personal", every), ("none of them personal", plain)):
        column, alone = _cpu_s(lambda t=texts: redacted_column(t)), _cpu_s(lambda t=texts: [redacted(text) for text in t.to_pylist()])
        note = f"{len(texts):,} texts of {texts.nbytes / len(texts):.0f} bytes, many of them hard negatives; {texts.nbytes / column / 1e6:.2f} MB/s"
        found.append(Row(f"texts redacted a CPU-second, {name}", len(texts) / column, 5_000, unit="texts", note=note))
        found.append(Row(f"the same over a scan of each text, {name}", alone / column, 1.0, note="both in this run"))
    return found


def _cpu_s(what: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        what()
        best = min(best, time.process_time() - started)
    return best


if __name__ == "__main__":
    for row in rows():
        print(f"{row.name}: {row.value:,.2f} {row.unit} ({row.note})")
