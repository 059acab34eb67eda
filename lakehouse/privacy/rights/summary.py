"""The readable part of an archive: what is held of a person, why, how long, who may see it and who did, to whom it
was given, and which rights they have.

contracts (purpose, owner, days in raw), roles.py (who may read what for which purpose), the audit log ─▶ Markdown, Korean and English

Purposes and descriptions are the contracts' own words, which are English; everything around them is in the reader's language.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lakehouse.contracts.model import RAW_RETENTION_DAYS, Contract
from lakehouse.privacy.requests import Kind
from lakehouse.privacy.rights.held import Held
from lakehouse.privacy.roles import GRANTS, READS

_INFERRED = ("derived", "features")


@dataclass(frozen=True, slots=True)
class About:
    """`is_published`: whether marts are also in a database for dashboards."""

    request_id: str
    kind: Kind
    law: str
    made_at: datetime
    is_published: bool = False
    is_restricted: bool = False


_WORDS = {
    "title": {"ko": "내 개인정보 사본", "en": "A copy of your personal data"},
    "made": {"ko": "요청 {id}, {at} 작성, 근거: {law}", "en": "Request {id}, made on {at}, under: {law}"},
    "how": {
        "ko": "`data/`에 데이터셋마다 JSON 문서(필드 설명 포함)와 같은 내용의 CSV 표가 있고, `media/`에 보내신 녹음과 영상이 원본 그대로 있습니다. "
        "`[you]`는 본인을 가리키는 가명이며, 다른 사람은 `[another person]`으로 가렸습니다. 직접 쓰신 글은 그대로 두었습니다.",
        "en": "`data/` has a JSON document (with the meaning of each field) and a CSV table of the same rows for every dataset; `media/` has your "
        "recordings as you sent them. `[you]` stands for your pseudonym; other people are masked as `[another person]`. Texts are as you wrote them.",
    },
    "held": {"ko": "보유하고 있는 정보와 이유", "en": "What is held, and why"},
    "columns": {"ko": "| 파일 | 건수 | 목적 | 보유 기간 |", "en": "| file | rows | purpose | kept |"},
    "days": {"ko": "{n}일, 암호화 보관", "en": "{n} days, sealed"},
    "until": {"ko": "삭제를 요청하시거나 보유 기간이 끝날 때까지", "en": "until you ask us to forget you, or its term of retention ends"},
    "none": {"ko": "보유하고 있는 정보가 없습니다.", "en": "Nothing is held."},
    "inferred": {"ko": "수집한 정보로부터 추론한 것", "en": "What was inferred about you"},
    "inferred_none": {"ko": "없습니다.", "en": "Nothing."},
    "inferred_why": {
        "ko": "응답으로부터 통계 모델로 추정한 능력치(theta) 등이며, 학습 난이도를 추천하는 데 쓰입니다. 이것만으로 자동 결정을 하지 않습니다.",
        "en": "Estimates by statistical models from your answers, such as your ability (theta); they suggest how hard the next exercise is. "
        "Nothing is decided about you by them alone on this platform.",
    },
    "may": {"ko": "누가 볼 수 있는가", "en": "Who may see it"},
    "may_columns": {"ko": "| 역할 | 목적 | 영역 | 최고 수준 |", "en": "| role | purposes | zones of the lake | highest level |"},
    "levels": {
        "ko": "L2는 가명으로만, L3와 L4는 개인정보까지 볼 수 있습니다. 원본은 암호화되어 있어 어떤 역할도 조회할 수 없습니다.",
        "en": "L2 sees pseudonyms alone, L3 and L4 personal columns too. What is sealed no role can query.",
    },
    "published": {
        "ko": "대시보드용 데이터베이스에도 집계 및 사실 테이블의 사본이 있으며, 같은 정책이 적용됩니다.",
        "en": "A database for dashboards has copies of facts and marts, under the same policy.",
    },
    "given": {"ko": "누구에게 제공되었는가", "en": "To whom it was given"},
    "given_none": {"ko": "제3자에게 제공한 기록이 없습니다.", "en": "To no third party, as far as we have recorded."},
    "given_columns": {
        "ko": "| 날짜 | 제공받은 자 | 목적 | 법적 근거 | 데이터셋 |",
        "en": "| day | recipient | purpose | legal basis | datasets |",
    },
    "given_kept": {"ko": "이 기록은 5년 동안 보관됩니다.", "en": "These records are kept for five years."},
    "did": {"ko": "누가 보았는가", "en": "Who has looked"},
    "did_why": {
        "ko": "`data/looks.csv`: 본인이 포함된 데이터셋에 대한 열람 {n}건(날짜, 데이터셋, 역할, 목적). 감사 기록은 1년 동안 보관되며, 한 번의 열람은 여러 사람의 행에 대한 것일 수 있습니다.",
        "en": "`data/looks.csv`: {n} looks at datasets that hold you (day, dataset, role, purpose). The audit log is kept for a year; a look may have "
        "been at many people's rows.",
    },
    "rights": {"ko": "권리", "en": "Your rights"},
    "restricted": {
        "ko": "현재 이 정보의 이용은 제한되어 있습니다.",
        "en": "At present this data is kept and not used: you have had it restricted.",
    },
}
_RIGHTS = {
    "ko": (
        "열람과 이동 (개인정보 보호법 제35조, 제35조의2; GDPR 제15조, 제20조)",
        "정정 (제36조; GDPR 제16조)",
        "삭제 (제36조; GDPR 제17조)",
        "처리 정지와 제한 (제37조; GDPR 제18조, 제21조)",
        "동의 철회 (제37조; GDPR 제7조)",
        "개인정보보호위원회 또는 거주지 감독기관에 대한 진정",
    ),
    "en": (
        "to see and to take along what is held (PIPA, articles 35 and 35-2; GDPR, articles 15 and 20)",
        "to have it put right (PIPA, article 36; GDPR, article 16)",
        "to be forgotten (PIPA, article 36; GDPR, article 17)",
        "to have it left alone (PIPA, article 37; GDPR, articles 18 and 21)",
        "to take back what you agreed to (PIPA, article 37; GDPR, article 7)",
        "to complain to the Personal Information Protection Commission, or to the authority where you live",
    ),
}
BASES = {
    "consent": {"ko": "동의", "en": "your consent"},
    "contract": {"ko": "계약 이행", "en": "a contract with you"},
    "legal_obligation": {"ko": "법적 의무", "en": "a legal obligation"},
    "vital_interests": {"ko": "생명·신체의 이익", "en": "somebody's vital interests"},
    "public_task": {"ko": "공적 업무", "en": "a task in the public interest"},
    "legitimate_interests": {"ko": "정당한 이익", "en": "legitimate interests"},
    "related_purpose": {"ko": "당초 목적과 관련된 제공", "en": "a purpose near to that of the collection"},
}
"""Every legal basis of the vocabulary, in words."""
_LAWS = {"pipa": {"ko": "개인정보 보호법", "en": "PIPA"}, "gdpr": {"ko": "GDPR", "en": "GDPR"}}


def summary(language: str, about: About, named: Sequence[tuple[str, Held]]) -> str:
    def say(word: str, **values: object) -> str:
        return _WORDS[word][language].format(**values)

    made = say("made", id=about.request_id, at=about.made_at.date().isoformat(), law=_LAWS[about.law][language])
    lines = [f"# {say('title')}", "", made, "", say("how"), ""]
    lines += [say("restricted"), ""] if about.is_restricted else []
    lines += [f"## {say('held')}", "", *_held(say, named), ""]
    if about.kind is not Kind.PORTABILITY:
        inferred = [name for name, held in named if held.contract is not None and held.contract.layer in _INFERRED and held.rows]
        lines += [
            f"## {say('inferred')}",
            "",
            *([", ".join(f"`{n}`" for n in inferred), "", say("inferred_why")] if inferred else [say("inferred_none")]),
            "",
        ]
        lines += [f"## {say('may')}", "", say("may_columns"), "| --- | --- | --- | --- |", *_may_read(), "", say("levels")]
        lines += [say("published")] if about.is_published else []
        lines += ["", f"## {say('given')}", "", *_given(say, language, named)]
        seen = sum(row["looks"] for name, held in named if name == "looks" for row in held.rows)
        lines += ["", f"## {say('did')}", "", say("did_why", n=seen), ""]
    return "\n".join([*lines, f"## {say('rights')}", "", *(f"- {right}" for right in _RIGHTS[language]), ""])


def _held(say, named: Sequence[tuple[str, Held]]) -> list[str]:
    rows = []
    for name, held in named:
        kept = say("days", n=_days(held)) if "raw" in held.dataset.split("/") or "dead_letters" in held.dataset.split("/") else say("until")
        rows.append(f"| {name} | {len(held.rows):,} | {held.contract.purpose if held.contract else ''} | {kept} |")
    return [say("columns"), "| --- | --- | --- | --- |", *rows] if rows else [say("none")]


def _given(say, language: str, named: Sequence[tuple[str, Held]]) -> list[str]:
    rows = [
        f"| {row['disclosed_at']:%Y-%m-%d} | {_cell(row['recipient'])} | {_cell(row['purpose'])} "
        f"| {BASES[row['legal_basis']][language]} | {', '.join(row['datasets'])} |"
        for name, held in named
        if name == "disclosures"
        for row in held.rows
    ]
    return [say("given_columns"), "| --- | --- | --- | --- | --- |", *rows, "", say("given_kept")] if rows else [say("given_none")]


def _cell(text: str) -> str:
    """What somebody typed must not end a column."""
    return text.replace("|", "\\|")


def _days(held: Held) -> int:
    """Media objects go with the events that refer to them; the longest of their domain holds where no single stream is meant."""
    contract: Contract | None = held.contract
    return contract.raw_retention_days if contract is not None else RAW_RETENTION_DAYS


def _may_read() -> list[str]:
    rows = []
    for role, grant in GRANTS.items():
        zones = sorted({zone for purpose in grant.purposes for zone in READS[purpose]})
        rows.append(f"| {role} | {', '.join(grant.purposes)} | {', '.join(zones)} | {grant.level} |")
    return rows
