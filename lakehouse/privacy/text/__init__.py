"""Free text: where personal data stands in it, and the text without.

    "제 이름은 김민준, 010-1234-5678" ─ findings() ─▶ (6, 9, NAME), (11, 24, PHONE)
                                      ─ redacted() ─▶ "제 이름은 [NAME], [PHONE]"

Rules and word lists, no model: decision 16 says why. How much they find, and how often they are wrong, is measured on
labelled texts and printed in docs/privacy_text.md.
"""

from lakehouse.privacy.text.finding import KINDS, Finding
from lakehouse.privacy.text.scan import findings, prepared, redacted

__all__ = ["KINDS", "Finding", "findings", "prepared", "redacted"]
