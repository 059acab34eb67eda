"""Names and places that the tuned half of the labelled texts is made of."""

from tests.free_text.written import parts

SURNAMES = parts("김 이 박 최 정 강 조 윤 장 임 한 오 서 신 권 황 안 송 전 홍 유 고 문 양 손 배 백 허 남 심")
GIVEN = parts(
    "민준 서연 도윤 지우 하준 하은 지호 소율 준서 채원 예준 수아 시우 유나 건우 다인 태양 서준 주원 은우 지안 서현 민서 하윤 "
    "윤서 지민 현우 지훈 수빈 예린 정훈 미영 영수 경희 상철 동현 성민 은지 혜진 재현 승현 보람 유진 은영 성호 진우 나연 가영"
)
GIVEN_EN = parts("Olivia Liam Emma Noah Ava Ethan Mia Lucas Chloe Mason Grace Aiden Zoe James Sophia Daniel Hannah David Sarah Michael")
SURNAMES_EN = parts("Smith Nguyen Brown Garcia Wilson Taylor Moore Martin Clark Walker Young Johnson Lee Kim Park Davis Lopez Hall")
ROMAN = parts("Minjun Seoyeon Doyun Jiwoo Hajun Haeun Jiho Soyul Junseo Chaewon Yejun Sua")
ROMAN_SURNAMES = parts("Kim Lee Park Choi Jung Kang Cho Yoon Jang Lim Han Oh")
DISTRICTS = parts(
    "서울특별시 강남구|서울시 마포구|서울 송파구|부산광역시 해운대구|대구 수성구|인천광역시 연수구|경기도 성남시 분당구|경기 수원시 영통구|대전 유성구|광주광역시 북구|강원도 춘천시|전주시 덕진구|제주시",
    "|",
)
ROADS = parts(
    "테헤란로|월드컵로|올림픽로|센텀중앙로|달구벌대로|판교역로|정자일로|대학로|용봉로|첨단과기로|백제대로|동광로12길|공지로125번길", "|"
)
DONGS = parts("역삼동|서교동|잠실동|우동|범어동|송도동|정자동|매탄동|봉명동|용봉동|후평동|금암동|연동", "|")
FLATS = parts("래미안|푸르지오|힐스테이트|한빛아파트|자이아파트|삼성아파트|롯데캐슬", "|")
STREETS = parts("Maple Street|Oak Avenue|Elm St|Park Road|Hillcrest Drive|5th Avenue|Sunset Blvd|Church Lane|King's Road", "|")
CITIES = parts("Springfield|Portland|Austin|Boston|San Diego|Leeds", "|")
BANKS = parts("국민은행|신한은행|우리은행|하나은행|농협|카카오뱅크|기업은행|토스뱅크|새마을금고", "|")
MAIL = parts("naver.com gmail.com daum.net hanmail.net kakao.com study.example.com")
