"""Lists as people write them: a text a list."""


def parts(text: str, at: str | None = None) -> list[str]:
    return text.split(at)


def lines(text: str) -> list[str]:
    return text.splitlines()
