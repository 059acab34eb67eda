"""The folder in which the demo plays its day. It rebuilds its own home, and never touches anybody else's."""

import json
import shutil
from pathlib import Path

from lakehouse.errors import BadInputError

MARKER = "demo.json"


def prepare(home: Path, scale: float, seed: int) -> str:
    """An empty home that carries the demo's marker; returns, in words, what was done to get it.

    Raises BadInputError, and changes nothing, where the folder holds something that no demo made.
    """
    marker = home / MARKER
    did = f"made {home}"
    if home.exists() and any(home.iterdir()):
        if not marker.exists():
            raise BadInputError(
                f"{home} holds a lake that no demo made, and the demo starts from nothing",
                hint=f"LAKEHOUSE_HOME=/another/folder lakehouse demo, or remove {home} if you do not need it",
            )
        shutil.rmtree(home)
        did = f"removed the last demo's {home} and made it anew"
    home.mkdir(parents=True)
    marker.write_text(json.dumps({"scale": scale, "seed": seed}))  # before anything else: a broken demo is a demo too
    return did
