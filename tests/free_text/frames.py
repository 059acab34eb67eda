"""Sentences of learners, reviewers and tutors, with places for personal data; the half that the recognisers were tuned on.

{NAME} is a place; {이} {은} {을} {과} {이라} {아} become the particle that fits the word before. {N…} in a negative is a number
of negatives().
"""

from tests.free_text.written import lines

KO = lines("""제 이름은 {NAME}입니다.
안녕하세요, 저는 {NAME}{이라}고 합니다.
{NAME} 선생님 설명이 정말 쉬워요.
{NAME} 쌤 덕분에 점수가 올랐어요.
담임 {NAME} 선생님께 여쭤보니 아니라고 하셨어요.
우리 반 {NAME}{이} 먼저 풀었어요.
친구 {NAME}{과} 같이 들었는데 둘 다 만족해요.
{NAME} 학생이 제출한 답안입니다.
작성자: {NAME}
{NAME} 올림
강사님 성함이 {NAME} 맞나요?
제 번호는 {PHONE}입니다.
전화는 {PHONE} 으로 주세요.
연락처 {PHONE}, 문자로 부탁드려요.
{NAME} {PHONE} 여기로 연락 주세요.
학부모 {NAME}입니다. {PHONE}로 전화 부탁드립니다.
주민번호는 {RESIDENT}인데 본인 인증이 안 돼요.
주민등록번호 {RESIDENT} 맞는지 확인해 주세요.
제 외국인등록번호는 {FOREIGNER}예요.
사업자등록번호 {BUSINESS}로 세금계산서 부탁드립니다.
저희 학원 사업자번호는 {BUSINESS}입니다.
교재는 {ADDRESS}로 보내 주세요.
저는 {ADDRESS}에 살아요.
주소: {ADDRESS}
배송지를 {ADDRESS} 로 바꿔 주세요.
메일은 {EMAIL}로 보내 주세요.
{EMAIL} 여기로 답장 주시면 됩니다.
카드번호 {CARD}로 결제했는데 취소가 안 됩니다.
{CARD} 이 카드로 두 번 결제됐어요.
환불은 {BANK} {ACCOUNT} {NAME}으로 해 주세요.
계좌번호 {ACCOUNT} ({BANK})로 입금 부탁드려요.
제 아이피는 {IP}인데 접속이 막혔어요.
{IP} 에서 로그인했다고 나오는데 제가 아니에요.
여권번호 {PASSPORT}로 시험을 신청했어요.
운전면허 {LICENCE} 사진을 올렸는데 인식이 안 돼요.
제 아이디는 {USER_ID}인데 로그인이 안 돼요.
아이디: {USER_ID}
카톡 아이디 {USER_ID} 로 연락 주세요.""")

EN = lines("""My name is {NAME_EN} and I am a second year student.
Hi, I'm {NAME_EN}. I think the second text is right.
This is {NAME_EN} from class B.
Thanks to Ms. {SURNAME_EN}, I finally understand it.
My teacher, Mr. {SURNAME_EN}, explained it differently.
I studied with my friend {NAME_EN} last week.
Best regards, {NAME_EN}
Please call me at {PHONE_EN} after school.
My phone number is {PHONE_EN}.
You can reach me on {PHONE_EN} or {EMAIL}.
Send the certificate to {EMAIL} please.
I live at {ADDRESS_EN}.
Ship the book to {ADDRESS_EN}, thanks.
I paid with card {CARD} and it was charged twice.
My card number is {CARD}, please refund it.
Someone logged in from {IP} and it was not me.
My passport number is {PASSPORT}.
My user id is {USER_ID} and I cannot sign in.
User ID: {USER_ID}
My Korean registration number is {RESIDENT}.""")

KO_PLAIN = lines("""설명이 아주 쉬워요.
조금 어려웠지만 도움이 됐어요.
가격은 {N_PRICE}원인데 그만한 가치가 있어요.
이번 모의고사에서 {N_SCORE}점을 받았습니다.
2025년 11월 23일 오후 3시에 시험이 있어요.
문항 번호는 item-{N_ITEM} 입니다.
주문번호 {N_ORDER} 배송이 늦어요.
이유가 분명하지 않아서 두 번째 글이 맞다고 생각해요.
정답은 3번이고 근거는 두 번째 문단에 있습니다.
김치와 한국 음식을 주제로 글을 썼습니다.
최고의 강의예요. 강력 추천합니다!
선생님 설명이 차분해서 좋아요.
학생 여러분께 추천합니다.
조선 시대의 정치에 대해 정리했습니다.
서로 다른 의견을 비교하는 점이 좋았어요.
앞으로 3개월 더 들을 예정입니다.
버전 2.10.3 에서는 재생이 안 돼요.
카드번호처럼 보이지만 {N_LONG} 은 그냥 예시입니다.
고객센터 1588-{N_FOUR} 로 전화했는데 안 받아요.
주말에는 하루 2-3시간씩 공부했습니다.
이 문제를 어떻게 풀어야 하나요?
무엇이 틀렸는지 알려 주세요.
전체 120-34 쪽 중에서 45쪽까지 읽었어요.
한 번에 이해하기는 어려웠지만 반복하니 됐어요.
강의를 들은 지 100일이 지났어요.
영상 길이가 00:12:45 라서 부담이 없어요.
정말 유용한 자료가 많아요.
송년회 안무도 여기서 배웠어요.
오늘 배운 문법이 시험에 그대로 나왔어요.
이 방법은 별로 10점 만점에 4점이에요.""")

EN_PLAIN = lines("""Great pace, clear examples.
The last part was too fast.
I think the second text is right because it gives two reasons.
The course costs {N_PRICE} won, which is fair.
I scored {N_SCORE} out of 100 on the mock exam.
My order {N_ORDER} has not arrived.
The exam is on 2025-11-23 at 10:30.
Item item-{N_ITEM} has a typo.
The answer is option 3, see paragraph 2.
Explain the passive voice with two examples.
Version 1.4.2 crashes on my tablet.
The number {N_LONG} is only an example.
My teacher is very kind.
I am very happy with this class.
King Sejong made Hangul in 1443.
Chapter 12, page 345-367 was the hardest.
Park your car before you take the lesson.
Summarise my essay in one sentence.
Will this be on the exam in May?
May I ask what grace period you mean?""")
