"""The noun of this package: a finding, and the kinds that there are."""

from typing import NamedTuple

KINDS = {
    "NAME": "name of a person",
    "PHONE": "telephone number",
    "RESIDENT": "resident registration number",
    "FOREIGNER": "foreigner registration number",
    "BUSINESS": "business registration number",
    "ADDRESS": "address, by road or by lot",
    "EMAIL": "e-mail address",
    "CARD": "payment card",
    "ACCOUNT": "bank account",
    "IP": "internet address",
    "PASSPORT": "passport number",
    "LICENCE": "driving licence",
    "USER_ID": "account name, ours or a messenger's",
}


class Finding(NamedTuple):
    """Personal data from `start` up to `end` of a prepared text."""

    start: int
    end: int
    kind: str
