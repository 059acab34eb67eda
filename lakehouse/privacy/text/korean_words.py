"""Korean surnames, the syllables that given names are made of, and the lists of words/.

A name is a surname and, mostly, two syllables. Most words of three syllables that begin like one are none: a rule that is
not sure asks whether both syllables are of given names, and whether the word is a word.
"""

from lakehouse.privacy.text.words import words

SURNAMES = frozenset(
    "김이박최정강조윤장임한오서신권황안송전홍유고문양손배백허남심노하곽성차주우구민진지엄채원천방공현함변염여추도소석선설마길연위표명기반왕금옥육인맹제모탁국어은편용예봉사부피류라나"
)
RARE_SURNAMES = frozenset("소선설마길연위표명기반왕금옥육인맹제모탁국어은편용예봉사부피류라나현여방공원우주구도추천")
"""Of the surnames those that many words begin with, or hardly any name: they count only where something else tells a name."""

SURE_SURNAMES = frozenset("김박윤황홍송권곽류엄")
"""Of the surnames those that hardly any other word of three syllables begins with: syllables of given names after them are enough."""

LONG_SURNAMES = frozenset(("남궁", "제갈", "선우", "황보", "독고", "사공", "서문", "망절"))

FIRST = frozenset(
    "가강건경광규근기길나남다대도동두라려련류리만명무문미민방범병보봉부빛상새서석선성세소솔수숙순슬승시신아연영예오옥완용우원유윤은의이인일자재정제종주준중지진찬창채철초춘충치태택하학한해향혁현형혜호홍화효후훈휘희"
)
SECOND = frozenset(
    "건겸결경관광교권규균근길나남담덕돈동라란람래량련룡린림명목묵문미민배백범별병보복봄봉빈빛상석선설섭성세솔수숙순슬승식신아안언연열엽영예옥온완용우욱운웅원월유윤율음인일임자재정제조종주준중지진찬창채천철춘충탁태택하학향혁현형혜호홍화환훈휘희"
)
NOUN_ENDINGS = frozenset("인자권제관학용별동병복명")
"""Syllables that end many nouns of three: a given name that is not known may not end in them."""

GIVEN = words("korean_given")
GIVEN_WORDS = words("korean_given_words")
NOT_NAMES = words("korean_not_names")
