"""Sentences that the recognisers were never tuned on: other frames, other manners. Those that tell something were written
before the recognisers; no rule was changed after looking at what they missed."""

from tests.free_text.written import lines

KO = lines("""저 {NAME}인데요 이번 주 숙제 언제까지예요?
{NAME}(이)라는 이름으로 등록했습니다.
수강생 {NAME} 드림
짝꿍이었던 {NAME}{이} 전학을 갔다.
어머니 성함 {NAME}, 아버지 성함 {NAME}.
{NAME} 교수님의 강의가 인상 깊었습니다.
이 글은 {NAME}{이} 썼습니다.
나는 {NAME}{을} 가장 존경한다.
{NAME}아 고마워! 네가 추천한 강의 최고야
오늘 {NAME}한테 물어봤더니 3번이 답이래요
튜터 {NAME}님 피드백이 꼼꼼해요
{NAME} 언니가 알려줘서 등록했어요
우리 딸 {NAME}{이} 좋아해요.
예금주 {NAME}
안녕하십니까 {NAME} 학부모입니다
급하면 {PHONE} 이쪽으로요
폰번 {PHONE}
h.p {PHONE}
집 전화 {PHONE}
{NAME}/{PHONE}/{EMAIL}
통화 가능한 번호: {PHONE}(문자 가능)
주민 앞뒤 다 적을게요 {RESIDENT}
신분증 번호 {RESIDENT} 로 가입돼 있나요
등록번호 {FOREIGNER} 외국인 학생입니다
공급자 {BUSINESS} (주)한빛교육
등기는 {ADDRESS} 앞으로 부탁해요
이사했어요 새 주소 {ADDRESS} 입니다
{ADDRESS} 근처 학원을 찾고 있어요
집이 {ADDRESS}라서 통학이 힘들어요
회신: {EMAIL}
이메일 {EMAIL}이에요
결제 카드 {CARD} 유효기간이 지났대요
{BANK} {ACCOUNT} 로 돌려주세요
입금 계좌 {ACCOUNT} {BANK} {NAME}
접속 로그에 {IP}가 찍혔습니다
여권 {PASSPORT} 로 접수했습니다
면허번호 {LICENCE}
계정 {USER_ID} 정지 풀어주세요
ID {USER_ID} 입니다""")

EN = lines("""hey it's {NAME_EN} again, still waiting
{NAME_EN} here. Could you regrade question four?
Signed, {NAME_EN}
Professor {SURNAME_EN} recommended this course.
My brother {NAME_EN} took the exam before me.
I asked {NAME_EN} and she said it was wrong.
Dear {NAME_EN}, thank you for the feedback.
In my essay I describe my grandmother, {NAME_EN}.
Call or text {PHONE_EN}
cell: {PHONE_EN}
my e-mail address is {EMAIL}
{NAME_EN} <{EMAIL}>
Our home address is {ADDRESS_EN}
Delivered to the wrong house, I am at {ADDRESS_EN}.
Visa {CARD} exp 09/28
The firewall blocks {IP} at school.
passport {PASSPORT}
account name {USER_ID}
login: {USER_ID}
ARC number {FOREIGNER}""")

KO_PLAIN = lines("""발음이 어려운 단어는 따로 모아 두었어요.
재수강인데도 새로운 내용이 많네요.
환불 규정 제12조 3항을 읽어 봤어요.
지난달보다 정확도가 {N_SCORE}% 올랐어요.
운송장 {N_ORDER} 조회가 안 됩니다.
이순신 장군의 전략을 설명하시오.
주인공이 고민하는 장면이 인상 깊었다.
박수가 절로 나오는 안무였어요.
총 {N_PRICE}원 결제했습니다.
한결같은 태도가 중요하다고 생각한다.
정보가 부족해서 판단하기 어렵다.
신청서를 다시 내야 하나요?
유학 준비하는 분들께 좋아요.
코드 {N_LONG} 입력하면 할인돼요.
10시 30분부터 12시까지 1,2교시입니다.
전화 상담은 1644-{N_FOUR} 입니다.
장점은 많고 단점은 적어요.
서울로 3박 4일 여행을 갔다.
안내대로 2-3번 반복했습니다.
오류 코드 192-0023 이 떠요.
{N_JOB}에게 꼭 필요한 강의예요.
저는 {N_JOB}입니다.
제 꿈은 {N_JOB}인데 이 과목이 필요해요.
{N_JOB} 선생님께 배우는 느낌이에요.
친구 {N_JOB} 준비생도 추천했어요.
교재 ISBN {N_ISBN} 3쇄입니다.
바코드 {N_EAN} 가 안 찍혀요.
파일 이름은 {N_HEX}.pdf 입니다.
서버 시각 {N_MILLIS} 에 끊겼어요.
면적은 {N_FLOAT}이고 오차는 {N_FLOAT}입니다.
학번이 아니라 수험번호 {N_EIGHT} 입니다.
{N_DATE} 수업이 휴강인가요?""")

EN_PLAIN = lines("""Loved it, will take the next level.
Rose gardens are mentioned in line 14.
Mark the correct answer on page 7.
Tracking {N_ORDER} says delivered.
It took me 3-4 hours a day for 12 weeks.
Coupon {N_LONG} did not work.
The price went from {N_PRICE} to 9,900 KRW.
Chris Columbus and Admiral Yi are compared here.
He will hope for peace, the author says.
Room 1203, building 4, is where the test was.
I want to become a {N_JOB_EN} one day.
I am a {N_JOB_EN} and I study at night.
"{N_PHRASE}" was the slogan in the text.
We flew from {N_CITY} to {N_CITY}.
This is {N_COLOUR} on the chart.
The ISBN is {N_ISBN}.
Error {N_HEX} at {N_MILLIS}.
The value is {N_FLOAT}, not {N_FLOAT}.
My candidate number is {N_EIGHT}.
Recorded on {N_DATE}.""")
