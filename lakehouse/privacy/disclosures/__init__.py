"""To whom outside MegaCity people's data was given, when, for what, on which legal basis, and of whom: kept for five years.

entering.py    what somebody enters, checked: an organisation, a basis of the vocabulary, datasets of the registry, people of the vault
people.py      everybody of a zone or a tenant, as tables name them
register.py    the entries, in the vault's database, which name nobody
recipients.py  who must be told when somebody is erased, restricted or put right (GDPR, article 19)

The term, and holds that go before it, are retention's (retention/disclosed.py); a person sees their own in their archive (rights/gather.py).
"""
