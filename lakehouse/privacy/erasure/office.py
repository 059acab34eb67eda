"""The privacy office: everything that answering a request needs, opened once from the settings."""

from dataclasses import dataclass
from functools import cached_property

from lakehouse.privacy.audit import Audit
from lakehouse.privacy.chain import ActorKind, Record
from lakehouse.privacy.disclosures.register import Disclosures
from lakehouse.privacy.erasure.copies import Copies, places
from lakehouse.privacy.erasure.receipt import Signer
from lakehouse.privacy.requests import Requests
from lakehouse.settings import Settings
from lakehouse.storage.open import open_audit, open_files, open_vault
from lakehouse.storage.protocols import Files


@dataclass(frozen=True)
class Office:
    """`actor`: who acts, as the audit log names them; never a person's name."""

    settings: Settings
    actor: str
    actor_kind: ActorKind

    @cached_property
    def vault(self):
        return open_vault(self.settings)

    @cached_property
    def requests(self) -> Requests:
        return Requests(self.vault)

    @cached_property
    def disclosures(self) -> Disclosures:
        return Disclosures(self.vault)

    @cached_property
    def signer(self) -> Signer:
        return Signer(self.vault, self.files)

    @cached_property
    def audit(self) -> Audit:
        return open_audit(self.settings)

    @cached_property
    def files(self) -> Files:
        return open_files(self.settings)

    @cached_property
    def places(self) -> list[Copies]:
        return places(self.settings)

    def record(self, action: str, dataset: str | None = None, purpose: str = "erasure", **details: object) -> Record:
        return self.audit.append(action, actor=self.actor, actor_kind=self.actor_kind, dataset=dataset, purpose=purpose, details=details)
