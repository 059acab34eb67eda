"""English given names and surnames, romanised Korean ones, and capitalised words that are no names: the lists of words/."""

from lakehouse.privacy.text.words import words

GIVEN = words("english_given")
AMBIGUOUS_GIVEN = words("english_ambiguous")
SURNAMES = words("english_surnames")
ROMANISED = words("romanised_surnames")
NOT_NAMES = words("english_not_names")
STREET_SUFFIXES = words("street_suffixes")
