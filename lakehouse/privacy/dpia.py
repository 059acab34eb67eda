"""Data protection impact assessments: a page a dataset, from its contract, where its data flows, who sees it and how long it stays.

    contract ─┬▶ whose data, and what becomes of each field ┐
    lineage ──┼▶ made from, made into, shown on             ├▶ facts ─▶ page, and a digest of the facts
    policy ───┼▶ who sees which columns                     │              ▲
    terms ────┼▶ how many days what is kept, and since when │              │
    rules ────┴▶ what could go wrong, and what is done      ┘   reviews/<dataset>.md: what people have judged, of which digest

A review is text that somebody has written and stands by. It names the digest of what it judged; where the facts are others since, the
page says that the review is of an older state (GDPR article 35(11)). Whether an assessment is required follows article 35(3) and the
Korean PIPA's article 33, as far as classifications can tell.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from lakehouse.contracts.made_from import Lineage
from lakehouse.contracts.model import Contract, Field
from lakehouse.contracts.registry import Registry
from lakehouse.privacy.access import Level, Sight, access, columns_of
from lakehouse.privacy.naming import pseudonyms
from lakehouse.privacy.retention.rules import Rule, rules
from lakehouse.privacy.roles import GRANTS, reads
from lakehouse.settings import Settings

FOLDER, REVIEWS = "docs/dpia", "docs/dpia/reviews"
_REVIEW = re.compile(r"\A- reviewed on: (\d{4}-\d\d-\d\d)\n- reviewed by: ([^\n]+)\n- of: ([0-9a-f]{12})\n")
_NOTHING = "—"
_ROWS = ("clean", "warehouse")
"""Kinds of rules under which rows go, beside what is sealed."""


class Standing(StrEnum):
    """What has become of the review of a dataset."""

    CURRENT = "reviewed"
    OLDER = "reviewed in an older state"
    MISSING = "not reviewed"
    NEEDLESS = "names nobody"


@dataclass(frozen=True, slots=True)
class Risk:
    """Something that could go wrong for a person, where it can at all, and what is done about it."""

    what: str
    concerns: Callable[[Contract, tuple[Field, ...]], bool]
    measure: str
    makes_it_required: bool = False


def assessed(contracts: Registry) -> list[Contract]:
    """Every dataset that holds, or is made from, what people do."""
    return sorted(contracts.layer("stream", "table", "derived", "curated", "features", "live"), key=lambda c: c.id)


def facts(contract: Contract, contracts: Registry, made_from: Lineage) -> list[str]:
    """The page without its review: whatever changes here must be looked at again."""
    columns = columns_of(contract, contracts)
    return [
        *_what(contract),
        *_whose(contract, contracts, columns),
        *_flow(contract, made_from),
        *_seen(contract, contracts),
        *_kept(contract, contracts),
        *_risks(contract, columns),
    ]


def digest(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def standing(contract: Contract, contracts: Registry, made_from: Lineage, root: Path) -> Standing:
    if not is_about_people(contract, contracts):
        return Standing.NEEDLESS
    review = review_of(contract, root)
    if review is None:
        return Standing.MISSING
    return Standing.CURRENT if review[2] == digest(facts(contract, contracts, made_from)) else Standing.OLDER


def review_of(contract: Contract, root: Path) -> tuple[str, str, str, str] | None:
    """(day, by whom, digest, text). Raises ValueError where there is a file that does not begin as a review must."""
    path = root / REVIEWS / f"{contract.id}.md"
    if not path.exists():
        return None
    text = path.read_text(encoding="utf-8")
    head = _REVIEW.match(text)
    if head is None:
        raise ValueError(f"{path.name} must begin with the lines `- reviewed on: `, `- reviewed by: ` and `- of: ` a digest")
    return *head.groups(), text[head.end() :].strip()


def is_about_people(contract: Contract, contracts: Registry) -> bool:
    """Whether a row of it is about somebody, in raw or as it can be read."""
    named = pseudonyms(contracts.vocabulary)
    return contract.subject is not None or any(f.name in named for f in columns_of(contract, contracts))


def page(contract: Contract, contracts: Registry, made_from: Lineage, root: Path) -> str:
    lines, state = facts(contract, contracts, made_from), standing(contract, contracts, made_from, root)
    head = [
        f"# Impact assessment: {contract.id}",
        "",
        f"**{state.value}**; these facts are `{digest(lines)}`. Dataset: [{contract.id}](../catalogue/{contract.id}.md).",
    ]
    review = review_of(contract, root)
    judged = ["", "## Review", ""]
    if review is None:
        asked = f"Nobody has judged this yet: write `{REVIEWS}/{contract.id}.md`, beginning as [the form](reviews/README.md) says, of `{digest(lines)}`."
        judged += [asked if is_about_people(contract, contracts) else "Rows are about nobody; nothing to judge."]
    else:
        day, by, of, text = review
        older = "" if state is Standing.CURRENT else f" **The facts have changed since: they were `{of}`.**"
        judged += [f"By {by}, on {day}.{older}", "", text]
    return "\n".join([*head, *lines, *judged]) + "\n"


def index(contracts: Registry, made_from: Lineage, root: Path) -> str:
    lines = [
        "# Impact assessments",
        "",
        "One page a dataset, from its contract, its flows, who sees it and how long it stays; and what people have judged of it, in [reviews](reviews/README.md).",
        "A review names the facts that it is of; where these have changed since, it must be looked at again.",
        "",
        "| dataset | required | because | review |",
        "| --- | --- | --- | --- |",
    ]
    for contract in assessed(contracts):
        why = required_because(contract, contracts)
        state = standing(contract, contracts, made_from, root).value
        lines.append(f"| [{contract.id}]({contract.id}.md) | {'yes' if why else 'no'} | {'; '.join(why) or _NOTHING} | {state} |")
    return "\n".join(lines) + "\n"


def required_because(contract: Contract, contracts: Registry) -> list[str]:
    if not is_about_people(contract, contracts):
        return []
    columns = columns_of(contract, contracts)
    return [risk.what for risk in RISKS if risk.makes_it_required and risk.concerns(contract, columns)]


def _what(contract: Contract) -> list[str]:
    return ["", "## What it is for", "", contract.purpose, "", f"A row: {contract.description} Owner: {contract.owner}."]


def _whose(contract: Contract, contracts: Registry, columns: tuple[Field, ...]) -> list[str]:
    about = (
        f"The person in `{contract.subject}`"
        if contract.subject
        else "Whoever its pseudonyms name"
        if is_about_people(contract, contracts)
        else "Nobody"
    )
    lines = ["", "## Whose data, and what becomes of it", "", f"{about}.", ""]
    if contract.is_ingested:
        lines += ["| field as sent | class | in tables |", "| --- | --- | --- |"]
        for f in contract.fields:
            becomes = {"keep": "as it is", "drop": "not there; sealed in raw until it expires"}.get(
                f.treatment, f"`{f.becomes}` ({f.treatment})"
            )
            lines.append(f"| `{f.name}` | {f.classification} | {becomes} |")
        return lines
    return [*lines, "| column | class |", "| --- | --- |", *(f"| `{f.name}` | {f.classification} |" for f in columns)]


def _flow(contract: Contract, made_from: Lineage) -> list[str]:
    linked = lambda names: ", ".join(f"[{name}]({name}.md)" for name in names) or _NOTHING  # noqa: E731
    shown = ", ".join(made_from.dashboards.get(contract.id, ())) or _NOTHING
    abroad = "have a copy, by pseudonym: [which, and how](../how_to/run_in_regions.md)" if contract.is_replicated else "have none of it"
    rows = [("made from", linked(made_from.parents.get(contract.id, ()))), ("made into", linked(made_from.children.get(contract.id, ())))]
    return [
        "",
        "## Where it flows",
        "",
        "| | |",
        "| --- | --- |",
        *(f"| {name} | {value} |" for name, value in [*rows, ("shown on", shown), ("other regions", abroad)]),
    ]


def _seen(contract: Contract, contracts: Registry) -> list[str]:
    what = access(contract, contracts)
    lines = ["", "## Who sees it", "", "| level | roles, each for its purposes | in clear | masked |", "| --- | --- | --- | --- |"]
    for level in Level:
        sights = what.sights.get(level, {})
        roles = sorted(
            f"{role} ({', '.join(uses)})"
            for role, grant in GRANTS.items()
            if grant.level is level and (uses := [p for p in grant.purposes if reads(p, contract)])
        )
        if sights and roles:
            masked = ", ".join(f"`{name}` ({sight})" for name, sight in sights.items() if sight is not Sight.SHOW) or _NOTHING
            lines.append(f"| {level} | {', '.join(roles)} | {sum(s is Sight.SHOW for s in sights.values())} columns | {masked} |")
    public = f"Public: rows that stand for enough people, by `{what.people}`." if Level.L1 in what.sights else "Nothing of it is public."
    return [*lines, "", f"Rows are seen by whoever may see their {what.holding.value}. {public}"]


def _kept(contract: Contract, contracts: Registry) -> list[str]:
    """The terms that `lakehouse retain` carries out; of what has none of its own, why."""
    terms = [rule for rule in rules(contracts) if rule.contract == contract.id]
    lines = ["", "## How long", ""]
    if terms:
        lines += ["| what | days | counted from | why |", "| --- | --- | --- | --- |"]
        lines += [f"| {_stored(rule, contract)} | {rule.days:,} | {_since(rule)} | {rule.why} |" for rule in terms]
        lines.append("")
    if not any(rule.kind in _ROWS for rule in terms):
        lines += [_without_term(contract, contracts), ""]
    said = ["A legal hold goes before a [term](../how_to/retain_and_hold.md)."] if terms else []
    if is_about_people(contract, contracts):
        sealed = ", and what is sealed can be opened by nobody from then on" if contract.is_ingested else ""
        said.insert(0, f"Where the person asks to be [forgotten](../privacy.md), their rows go sooner{sealed}.")
    return [*lines, " ".join(said)] if said else lines[:-1]


def _stored(rule: Rule, contract: Contract) -> str:
    if rule.kind == "media":
        return f"media ({', '.join(k.name for k in contract.media_kinds)}), sealed"
    return {
        "raw": "raw, sealed under each person's key" if contract.subject else "raw, sealed",
        "dead_letters": "dead letters, sealed",
    }.get(rule.kind, f"rows of `{rule.place}`")


def _since(rule: Rule) -> str:
    return f"`{rule.since}`" if rule.kind == "warehouse" else rule.since


def _without_term(contract: Contract, contracts: Registry) -> str:
    if contract.layer == "live":
        minutes = Settings.model_fields["live_window_minutes"].default
        return f"Figures: {minutes} minutes, unless LAKEHOUSE_LIVE_WINDOW_MINUTES says otherwise."
    if contract.layer == "curated":
        return "Rows have no term of their own: they are worked out anew from what is left of what the dataset is made from."
    return "Rows have no term: they are about nobody."


def _risks(contract: Contract, columns: tuple[Field, ...]) -> list[str]:
    found = [risk for risk in RISKS if risk.concerns(contract, columns)]
    lines = ["", "## What could go wrong, and what is done", "", "| risk | measure |", "| --- | --- |"]
    return [*lines, *(f"| {risk.what} | {risk.measure} |" for risk in found)] if found else [*lines[:3], "Nothing that a rule knows."]


def _has(classification: str) -> Callable[[Contract, tuple[Field, ...]], bool]:
    return lambda contract, columns: any(f.classification == classification for f in (*contract.fields, *columns))


def _treats(treatment: str) -> Callable[[Contract, tuple[Field, ...]], bool]:
    return lambda contract, columns: any(f.treatment == treatment for f in contract.fields)


RISKS = (
    Risk(
        "face, voice or movement of a person is recorded",
        lambda contract, columns: bool(contract.media_kinds),
        "sealed while it arrives, deleted after its days, opened by the person's key alone; events refer to it by a random id",
        makes_it_required=True,
    ),
    Risk(
        "people write about themselves and others in their own words",
        lambda contract, columns: any(f.classification == "sensitive" and f.type == "text" for f in (*contract.fields, *columns)),
        "dropped, or redacted on the way to clean and still sensitive there: [how much is found](../privacy_text.md)",
        makes_it_required=True,
    ),
    Risk(
        "what somebody does is followed over time, and judged",
        lambda contract, columns: contract.layer in ("derived", "features", "live") and any(f.name.endswith("_pid") for f in columns),
        "by pseudonym, and erased with what it was worked out from; who may read it for what is the policy's",
        makes_it_required=True,
    ),
    Risk(
        "direct identifiers arrive",
        _has("identifier"),
        "sealed at landing under the person's own key; a random pseudonym takes their place, and the vault alone ties the two",
    ),
    Risk(
        "a pseudonym is brought together with its person",
        _treats("pseudonymise"),
        "the vault alone ties the two, by a keyed digest; the tie is destroyed at once when the person asks",
    ),
    Risk(
        "what is known of a person leaves their region",
        lambda contract, columns: contract.is_replicated,
        "by pseudonym alone, and nothing personal beside it; the vault that could tell who it is stays, and an erasure reaches every copy",
    ),
    Risk("where somebody was can be seen", _treats("truncate_ip"), "the network alone is kept (/24, /48)"),
    Risk("age narrows down who it is", _treats("year_only"), "the year of birth alone is kept"),
    Risk(
        "a small group gives its members away",
        lambda contract, columns: contract.layer == "curated" and not any(f.name.endswith("_pid") for f in columns),
        "public only where a row stands for enough people; otherwise by tenant and zone",
    ),
    Risk(
        "a copy is forgotten when a person asks to be",
        lambda contract, columns: contract.subject is not None,
        "every byte is scanned before a receipt is signed",
    ),
)
"""What rules can tell from a contract; what they cannot, a review adds."""
