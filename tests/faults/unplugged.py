"""A bus that goes away and comes back, as an unplugged disk does.

    home/bus ─▶ a link to home/bus.there, a folder │ to home/bus.away, a file, in which nothing can be written

The link is swapped in one step: whoever publishes in that moment finds the one or the other, never an empty place to fill.
"""

from pathlib import Path


def bus_away(home: Path, is_away: bool) -> None:
    """Call it once before anything has written to the bus."""
    there, away, link = home / "bus.there", home / "bus.away", home / "bus.link"
    there.mkdir(exist_ok=True)
    away.touch()
    link.symlink_to(away if is_away else there)
    link.replace(home / "bus")
