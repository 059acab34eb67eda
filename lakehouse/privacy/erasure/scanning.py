"""Where bytes of people could be: all that the platform keeps, and nothing of others'.

local   everything below LAKEHOUSE_HOME, but what is MegaCity's own: its database, and what the simulator knows to be true;
        and the copies of features that other regions have
gcp     every object of the bucket, one at a time
"""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from lakehouse.places import Home
from lakehouse.privacy.erasure.copies import Tell
from lakehouse.privacy.erasure.scan import Hit, Scan, scanned
from lakehouse.settings import Settings
from lakehouse.storage import replicas
from lakehouse.storage.protocols import Files

_PIECE_BYTES = 8 * 1024 * 1024


def scan_everything(settings: Settings, files: Files, needles: Sequence[bytes], tell: Tell) -> Scan:
    if settings.profile == "local":
        home = Home(settings.home)
        found = scanned(home.root, needles, without=(home.source.name, home.truth.name), tell=tell)
        for region_id, copy in replicas.existing(settings).items():
            _add(found, scanned(copy.home, needles, tell=tell), lambda path, place=region_id: Path(place) / path)
        return found
    found = Scan()
    with tempfile.TemporaryDirectory() as folder:
        for path in files.list(""):
            tell(path)
            copy = Path(folder) / Path(path).name
            with files.reader(path) as source, copy.open("wb") as target:
                while piece := source.read(_PIECE_BYTES):
                    target.write(piece)
            one = scanned(Path(folder), needles)
            copy.unlink()
            _add(found, one, lambda _, path=path: Path(path))
    return found


def _add(found: Scan, one: Scan, named: Callable[[Path], Path]) -> None:
    found.files += one.files
    found.read_bytes += one.read_bytes
    found.decoded_bytes += one.decoded_bytes
    found.hits += [Hit(named(hit.path), hit.needle, hit.where) for hit in one.hits]
