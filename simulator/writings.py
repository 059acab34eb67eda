"""What people write: reviews, answers and questions, in Korean and English; in some they tell who they are.

    number, person ─▶ "설명이 쉬워요. 김민준 010-1234-5678 로 연락 주세요."

Nothing is drawn: the number that an event carries anyway decides which sentence it is, and whether somebody is named. What
is personal is made up, like the people themselves (identity.py).
"""

from simulator.identity import Identities

PERSONAL_EVERY = 7  # of the texts one in so many names its writer, or says how to reach them
REVIEWS = (
    "설명이 아주 쉬워요.",
    "Great pace, clear examples.",
    "조금 어려웠지만 도움이 됐어요.",
    "The last part was too fast.",
    "9,900원이면 괜찮은 가격이에요. 별점 4점 드립니다.",
    "Version 2.10.3 stutters on my tablet, the lesson itself is fine.",
    "2025년 11월 시험 전에 두 번 반복해서 들었어요.",
    "Item 204-17 explains it better than my textbook.",
)
_REACHABLE_REVIEWS = (
    "자료가 안 열려요. {name} {phone} 로 연락 주세요.",
    "Please send the notes to {email}, thank you.",
    "환불 문의드립니다. 제 번호는 {phone}입니다.",
    "I paid twice. My phone number is {phone}.",
    "{name} 학생 학부모입니다. 수업이 꼼꼼해서 좋아요.",
)
ANSWERS = (
    "I think the second text is right.",
    "두 번째 글이 맞다고 생각합니다. 근거가 두 가지이기 때문입니다.",
    "Because the speed doubles, it takes 30 minutes instead of 60.",
    "x = 12 이고, 넓이는 144입니다.",
    "The author compares two cities and prefers the older one.",
    "조선 후기에는 상업이 발달하여 시장이 1,000곳을 넘었습니다.",
)
_SIGNED_ANSWERS = (
    "My name is {name}. I think the second text is right.",
    "제 이름은 {name}입니다. 두 번째 글이 맞다고 생각합니다.",
    "답은 3번입니다. 이메일 {email} 로 첨삭 부탁드려요.",
)
PROMPTS = (
    "Explain the passive voice with two examples.",
    "이 문제를 어떻게 풀어야 하나요?",
    "Summarise my essay in one sentence.",
    "무엇이 틀렸는지 알려 주세요.",
)
_REACHABLE_PROMPTS = ("{plain} 제 번호는 {phone}입니다.",)


def review(people: Identities, person: int | None, number: int) -> str:
    """`person`: None where nobody is signed in."""
    return _written(REVIEWS, _REACHABLE_REVIEWS, people, person, number)


def answer(people: Identities, person: int | None, number: int) -> str:
    return _written(ANSWERS, _SIGNED_ANSWERS, people, person, number)


def prompt(people: Identities, person: int | None, number: int) -> str:
    return _written(PROMPTS, _REACHABLE_PROMPTS, people, person, number)


def _written(plain: tuple[str, ...], personal: tuple[str, ...], people: Identities, person: int | None, number: int) -> str:
    said = plain[number % len(plain)]
    if person is None or number % PERSONAL_EVERY:
        return said
    frame = personal[number // PERSONAL_EVERY % len(personal)]
    return frame.format(plain=said, name=people.full_name(person), phone=people.phone(person), email=people.email(person))
