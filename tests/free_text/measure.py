"""How much of the personal data in the labelled texts is found, and how often a finding is none (`python -m tests.free_text.measure`).

    labelled texts ─▶ findings ─▶ a row a kind ─▶ docs/privacy_text.md

hidden      spans of which no letter and no digit is left
as its kind spans that are hidden under their own kind's name
right       findings that lie over a span of their kind
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lakehouse.privacy.text import KINDS, findings, prepared
from tests.free_text import held_out, labelled
from tests.free_text.labelled import Labelled, Span

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "privacy_text.md"
TUNED, HELD_OUT = 4_000, 4_000


@dataclass(frozen=True)
class Row:
    """Of one kind: counts."""

    spans: int
    hidden: int
    named: int
    found: int
    right: int

    @property
    def recall(self) -> float:
        return self.hidden / self.spans

    @property
    def precision(self) -> float:
        return self.right / self.found


@dataclass(frozen=True)
class Measured:
    """`rows` by kind; `names` (spans, hidden) of parts of them; texts with personal data and those of which nothing is left; texts without and those that were changed."""

    rows: dict[str, Row]
    names: dict[str, tuple[int, int]]
    telling: int
    safe: int
    plain: int
    changed: int


def measured(texts: Iterable[Labelled]) -> Measured:
    spans, hidden, named, found, right, parts, parts_hidden, whole = (Counter() for _ in range(8))
    for one in texts:
        text = prepared(one.text)
        assert len(text) == len(one.text)  # or spans would not lie where they are told
        told = findings(text)
        for span in one.spans:
            is_hidden = _is_hidden(text, span, told)
            spans[span.kind] += 1
            hidden[span.kind] += is_hidden
            named[span.kind] += is_hidden and any(f.kind == span.kind and _meet(f, span) for f in told)
            if span.kind == "NAME":
                part = _part(one.text[span.start : span.end])
                parts[part] += 1
                parts_hidden[part] += is_hidden
        for finding in told:
            found[finding.kind] += 1
            right[finding.kind] += any(s.kind == finding.kind and _meet(finding, s) for s in one.spans)
        whole["telling" if one.spans else "plain"] += 1
        whole["safe"] += bool(one.spans) and all(_is_hidden(text, s, told) for s in one.spans)
        whole["changed"] += not one.spans and bool(told)
    rows = {kind: Row(spans[kind], hidden[kind], named[kind], found[kind], right[kind]) for kind in KINDS}
    names = {part: (parts[part], parts_hidden[part]) for part in sorted(parts)}
    return Measured(rows, names, whole["telling"], whole["safe"], whole["plain"], whole["changed"])


def _is_hidden(text: str, span: Span, told: list) -> bool:
    return all(any(f.start <= at < f.end for f in told) for at in range(span.start, span.end) if text[at].isalnum())


def _meet(finding, span: Span) -> bool:
    return finding.start < span.end and span.start < finding.end


def _part(name: str) -> str:
    if name.isascii() or not "가" <= name[0] <= "힣":
        return "in Latin letters"
    return "in Hangul, from lists of rare ones" if held_out.is_rare(name) else "in Hangul"


def page() -> str:
    """The document."""
    tuned, other = measured(labelled.tuned(TUNED)), measured(labelled.held_out(HELD_OUT))
    return _TEXT.format(tuned=_table(tuned), held_out=_table(other), kinds="\n".join(f"| `[{k}]` | {said} |" for k, said in KINDS.items()))


def _table(of: Measured) -> str:
    lines = ["| kind | spans | hidden | as its kind | findings | right |", "| --- | --- | --- | --- | --- | --- |"]
    for kind, row in of.rows.items():
        named = f"{row.named / row.spans:.1%}"
        lines.append(f"| {kind} | {row.spans:,} | {row.recall:.1%} | {named} | {row.found:,} | {row.precision:.1%} |")
    parts = "; ".join(f"{part} {hidden:,} of {spans:,} ({hidden / spans:.1%})" for part, (spans, hidden) in of.names.items())
    return (
        "\n".join(lines)
        + f"\n\nNames hidden: {parts}.\n\nOf {of.telling:,} texts with personal data {of.safe:,} ({of.safe / of.telling:.1%}) keep none of it. "
        f"Of {of.plain:,} texts without {of.changed:,} ({of.changed / of.plain:.1%}) are changed."
    )


_TEXT = """# Free text: what is found in it, and what is not

Made by `python -m tests.free_text.measure`. Do not edit.

What people write (`answer_text`, `review_text`) reaches clean only redacted: every finding is replaced by its kind.

| instead of it | what it was |
| --- | --- |
{kinds}

Rules and word lists find it (`lakehouse/privacy/text`, [decision 16](decisions/0016-free-text.md)), Korean first. They find much and not all, so a redacted text is
still `sensitive`: a curated table that held it would show it to L3 alone, and no log takes it.

**hidden**: no letter and no digit of the span is left. **right**: the finding lies over a span of its kind. All people are made up.

## Texts that the rules were never tuned on

Other sentences, other manners of writing numbers; names, addresses, mail addresses and account names from Faker's Korean and English lists, and names that lists lack on purpose. Sentences
that tell something were written before the rules, some of those that only seem to (trades, towns, slogans, numbers of books and moments) after them. After a first measurement the rules were widened once, for addresses (the postal service's list of street words, post boxes,
places below a district) and for names (surnames that no other word begins with), by what is publicly known of them; what came later came from examples of its own (`tests/free_text/test_recognisers.py`). Nobody looked at a text that was missed.

{held_out}

What is missed: rare names where nothing says that a name follows; a given name alone; a name of two syllables; addresses that are only a
street or only a building; whatever is described and not named. Numbers issued since October 2020 have no check digit: thirteen digits in one piece, without a word that
says what they are, are left when the check digit is wrong.

## Texts that they were tuned on

{tuned}

Both halves come from one author's idea of what learners write. Real texts will differ: sample redacted texts of every stream before they are used, and add what was missed to
`tests/free_text`.
"""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(page())
