"""Lists of words that the recognisers know, one file a list; a line that begins with # says what it is."""

from importlib.resources import files


def words(name: str) -> frozenset[str]:
    lines = files(__name__).joinpath(f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())
