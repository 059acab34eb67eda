"""What is found in a text and what is not, as tables that a reader can check."""

import random
import unicodedata
from itertools import pairwise

import pytest

from lakehouse.privacy.text import KINDS, check_digits, findings, prepared, redacted
from tests.free_text import numbers

TOLD = {
    "a Korean introduction": ("제 이름은 김민준입니다.", "제 이름은 [NAME]입니다."),
    "a name nobody knows, behind a label": ("예금주: 표빛누", "예금주: [NAME]"),
    "a teacher": ("담임 박서연 선생님께", "담임 [NAME] 선생님께"),
    "a given name and a title": ("서연 쌤 최고", "[NAME] 쌤 최고"),
    "a friend": ("민준이가 돕고 지우야 고마워", "[NAME]이가 돕고 [NAME]야 고마워"),
    "apart": ("김 민준입니다", "[NAME]입니다"),
    "a surname and a title": ("박선생님 감사해요", "[NAME]선생님 감사해요"),
    "of somebody": ("Emma's essay", "[NAME]'s essay"),
    "a landline in one piece, when a word says so": ("연락처 0312345678", "연락처 [PHONE]"),
    "a surname of two syllables": ("독고영재 학생", "[NAME] 학생"),
    "beside a number, with no other sign": ("남채홍 010-2345-6789", "[NAME] [PHONE]"),
    "an English introduction": ("Hi, I'm Olivia Smith.", "Hi, I'm [NAME]."),
    "a name nobody knows, behind a title": ("Ask Ms. Okonjo about it.", "Ask Ms. [NAME] about it."),
    "all in small letters": ("my name is emma brown", "my name is [NAME]"),
    "a romanised name": ("Seo-yeon Park wrote it.", "[NAME] wrote it."),
    "a name and a Korean particle": ("제 이름은 Lucas Moore입니다.", "제 이름은 [NAME]입니다."),
    "a mobile number": ("010-1234-5678로 주세요", "[PHONE]로 주세요"),
    "in full-width digits": ("０１０－１２３４－５６７８", "[PHONE]"),
    "in spoken digits": ("공일공 일이삼사 오육칠팔 이요", "[PHONE] 이요"),
    "abroad": ("+82 10 1234 5678 or +1 (212) 555-0147", "[PHONE] or [PHONE]"),
    "a landline": ("학원 (02) 345-6789", "학원 [PHONE]"),
    "a resident number with a check digit": ("900101-1234568", "[RESIDENT]"),
    "one given out since October 2020, without": ("201105-3123456", "[RESIDENT]"),
    "its masked form": ("900101-1******", "[RESIDENT]"),
    "in one piece, when a word says so": ("주민번호 9001011234567", "주민번호 [RESIDENT]"),
    "a foreigner's": ("950315-5000004", "[FOREIGNER]"),
    "a business": ("사업자 220-81-62517", "사업자 [BUSINESS]"),
    "a card": ("4111 1111 1111 1111", "[CARD]"),
    "an account": ("신한은행 110-123-456789", "신한은행 [ACCOUNT]"),
    "an account, bank behind": ("110-123-456789 (국민은행)", "[ACCOUNT] (국민은행)"),
    "a road": ("서울특별시 강남구 테헤란로 152, 3층으로", "[ADDRESS]으로"),
    "a lot": ("서울 마포구 서교동 395-12번지", "[ADDRESS]"),
    "a road without a district, where a word says so": ("주소: 판교역로 235", "주소: [ADDRESS]"),
    "a flat": ("한빛아파트 101동 1203호 앞", "[ADDRESS] 앞"),
    "a street": ("I live at 221 Baker Street, London.", "I live at [ADDRESS]."),
    "a road in Latin letters": ("152 Teheran-ro, Gangnam-gu, Seoul", "[ADDRESS]"),
    "mail before a particle": ("kim.minjun@naver.com으로", "[EMAIL]으로"),
    "mail in disguise": ("minjun(at)gmail.com", "[EMAIL]"),
    "an address of IPv4": ("IP 203.0.113.7 에서", "IP [IP] 에서"),
    "an address of IPv6": ("from 2001:db8::7:1", "from [IP]"),
    "a passport of today": ("M123A4567 입니다", "[PASSPORT] 입니다"),
    "one of before, when a word says so": ("여권번호 M12345678", "여권번호 [PASSPORT]"),
    "a licence": ("11-12-345678-90", "[LICENCE]"),
    "an account name of ours": ("제 아이디는 minjun.kim.0a1b2c 인데", "제 아이디는 [USER_ID] 인데"),
    "an account name of a messenger": ("카톡 아이디 abc_123 로", "카톡 아이디 [USER_ID] 로"),
}

HARMLESS = """
가격은 19,800원이고 점수는 95점입니다. 2025년 11월 23일 10시 30분
앞으로 3개월, 서로 2번, 세로 5칸, 별로 10점
주문번호 20251123-1234567, 운송장 6123-4567-8901
최대한 이용자에게 유익한 지원서와 도우미, 연구원 선생님
이름은 최대 256자까지 입력할 수 있습니다
선생님 설명이 좋아요. 고객센터 1588-1234
버전 2.10.3.1 과 1.2.3.4 항, http://127.0.0.1:8080
900231-1234567 은 없는 날, 4111 1111 1111 1112 는 없는 카드, 220-81-62518 은 없는 사업자
9001011234567 은 열세 자리 수
활동 3-1, 문항 item-204917, 코드 M12345678
아이디 어떻게 바꾸나요? 계정 정지 해제 부탁드려요
King Sejong made Hangul in 1443. Park your car. Will you mark it in May?
I am Korean and very happy. Dear Sir, Best Regards
하나야? 우주야 넓다. 보람이 있다. 조선 후기, 신한은행 앞, 한강 공원
My phone beeps 20 times. Park Avenue is in New York. It's late, it's Monday's test
Chapter 12, pages 345-367, 12:30:45, 3.14159265358979
My id is wrong. Log in and see.
""".strip().splitlines()


@pytest.mark.parametrize(("text", "becomes"), TOLD.values(), ids=TOLD.keys())
def test_what_is_personal_becomes_its_kind(text, becomes) -> None:
    assert redacted(text) == becomes


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_it_stays(text) -> None:
    assert redacted(text) == text


def test_every_kind_has_an_example() -> None:
    shown = {kind for _, becomes in TOLD.values() for kind in KINDS if f"[{kind}]" in becomes}
    assert shown == KINDS.keys()


def test_a_text_is_the_same_however_it_is_encoded() -> None:
    text = "저는 김민준이라고 합니다, 010-1234-5678"
    assert redacted(unicodedata.normalize("NFD", text)) == redacted(text) == "저는 [NAME]이라고 합니다, [PHONE]"
    assert redacted("010\u200b-1234\u2013\u00ad5678") == "[PHONE]"


def test_findings_lie_in_order_and_never_over_one_another() -> None:
    text = prepared("김민준 010-1234-5678 서울 강남구 테헤란로 152 (역삼동) kim@naver.com 4111-1111-1111-1111")
    told = findings(text)
    assert [f.kind for f in told] == ["NAME", "PHONE", "ADDRESS", "EMAIL", "CARD"]
    assert all(a.end <= b.start for a, b in pairwise(told))


@pytest.mark.parametrize(
    ("makes", "holds"),
    [
        (numbers.card, check_digits.is_card),
        (numbers.business, check_digits.is_business),
        (numbers.resident, check_digits.is_registration),
        (numbers.foreigner, check_digits.is_registration),
    ],
)
def test_a_check_digit_holds_and_no_other_does(makes, holds) -> None:
    """The numbers come from a second hand, which works the digit out apart from ours."""
    rng = random.Random(7)
    for _ in range(200):
        digits = "".join(c for c in makes(rng) if c.isdigit())
        assert holds(digits)
        assert not any(holds(digits[:-1] + other) for other in "0123456789" if other != digits[-1])


def test_a_birth_date_is_of_its_century() -> None:
    assert check_digits.has_birth_date("000229" + "3" + "000000")  # 2000 was a leap year
    assert not check_digits.has_birth_date("000229" + "1" + "000000")  # 1900 was none
    assert not check_digits.has_birth_date("991301" + "1" + "000000")
