"""The vault under Cloud KMS: Google's real client, over gRPC, to a key service of this test's own.

There is no KMS emulator; this server keeps to KMS's published answers: checksums of what it received and sends,
INVALID_ARGUMENT for what another key wrapped, FAILED_PRECONDITION for a version that is disabled or destroyed. A symmetric
ciphertext tells KMS which version made it; encrypt() takes the name of a key, for its primary version, or of a version.
"""

from concurrent.futures import ThreadPoolExecutor

import google_crc32c
import grpc
import pytest
from google.cloud import kms

from lakehouse.errors import CorruptError, KeyGoneError
from lakehouse.privacy import rotation
from lakehouse.privacy.seal import new_key, seal, unseal
from lakehouse.privacy.vault import SqlVault
from lakehouse.storage.gcp import KmsKey
from lakehouse.storage.sql import sqlite_engine

NAME = "projects/p/locations/asia-northeast3/keyRings/lakehouse/cryptoKeys/vault"


State = kms.CryptoKeyVersion.CryptoKeyVersionState


class KeyService:
    def __init__(self) -> None:
        self.keys = {f"{key}/cryptoKeyVersions/1": new_key() for key in (NAME, f"{NAME}-other")}
        self.states = dict.fromkeys(self.keys, State.ENABLED)
        self.primary = {NAME: 1, f"{NAME}-other": 1}
        self.disabled = self.lies = False
        self.slow = 0
        self.calls: list[str] = []

    def encrypt(self, request, context):
        self.calls.append("encrypt")
        version = request.name if request.name in self.keys else f"{request.name}/cryptoKeyVersions/{self.primary[request.name]}"
        if self.states[version] != State.ENABLED:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "the version is not enabled")
        number = int(version.rpartition("/")[2]).to_bytes(2, "big")
        ciphertext = number + seal(self.keys[version], request.plaintext, request.additional_authenticated_data)
        checked = request.plaintext_crc32c.value == google_crc32c.value(request.plaintext)
        answer = kms.EncryptResponse(name=version, ciphertext=ciphertext, verified_plaintext_crc32c=checked)
        answer.ciphertext_crc32c = google_crc32c.value(ciphertext) ^ self.lies
        return kms.EncryptResponse.pb(answer)

    def decrypt(self, request, context):
        self.calls.append("decrypt")
        version = f"{request.name}/cryptoKeyVersions/{int.from_bytes(request.ciphertext[:2], 'big')}"
        if self.disabled or self.states.get(version) not in (None, State.ENABLED):
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "the key version is not enabled")
        try:
            plaintext = unseal(self.keys[version], request.ciphertext[2:], request.additional_authenticated_data)
        except (CorruptError, KeyError):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "decryption failed")
        return kms.DecryptResponse.pb(kms.DecryptResponse(plaintext=plaintext, plaintext_crc32c=google_crc32c.value(plaintext) ^ self.lies))

    def list(self, request, context):
        found = [self._version(name) for name in sorted(self.keys) if name.startswith(f"{request.parent}/")]
        return kms.ListCryptoKeyVersionsResponse.pb(kms.ListCryptoKeyVersionsResponse(crypto_key_versions=found))

    def create(self, request, context):
        self.calls.append("create")
        name = f"{request.parent}/cryptoKeyVersions/{1 + sum(n.startswith(request.parent + '/') for n in self.keys)}"
        self.keys[name], self.states[name] = new_key(), State.PENDING_GENERATION if self.slow else State.ENABLED
        return kms.CryptoKeyVersion.pb(self._version(name))

    def get(self, request, context):
        self.slow -= 1
        if self.slow <= 0:
            self.states[request.name] = State.ENABLED
        return kms.CryptoKeyVersion.pb(self._version(request.name))

    def destroy(self, request, context):
        self.calls.append("destroy")
        if self.states[request.name] == State.DESTROY_SCHEDULED:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "it is scheduled already")
        self.states[request.name] = State.DESTROY_SCHEDULED
        return kms.CryptoKeyVersion.pb(self._version(request.name))

    def promote(self, request, context):
        self.primary[request.name] = int(request.crypto_key_version_id)
        return kms.CryptoKey.pb(kms.CryptoKey(name=request.name))

    def _version(self, name: str) -> kms.CryptoKeyVersion:
        return kms.CryptoKeyVersion(name=name, state=self.states[name])

    def handler(self) -> grpc.GenericRpcHandler:
        def unary(call, request, response):
            return grpc.unary_unary_rpc_method_handler(call, request.pb().FromString, response.pb().SerializeToString)

        methods = {
            "Encrypt": unary(self.encrypt, kms.EncryptRequest, kms.EncryptResponse),
            "Decrypt": unary(self.decrypt, kms.DecryptRequest, kms.DecryptResponse),
            "ListCryptoKeyVersions": unary(self.list, kms.ListCryptoKeyVersionsRequest, kms.ListCryptoKeyVersionsResponse),
            "CreateCryptoKeyVersion": unary(self.create, kms.CreateCryptoKeyVersionRequest, kms.CryptoKeyVersion),
            "GetCryptoKeyVersion": unary(self.get, kms.GetCryptoKeyVersionRequest, kms.CryptoKeyVersion),
            "DestroyCryptoKeyVersion": unary(self.destroy, kms.DestroyCryptoKeyVersionRequest, kms.CryptoKeyVersion),
            "UpdateCryptoKeyPrimaryVersion": unary(self.promote, kms.UpdateCryptoKeyPrimaryVersionRequest, kms.CryptoKey),
        }
        return grpc.method_handlers_generic_handler("google.cloud.kms.v1.KeyManagementService", methods)


@pytest.fixture
def service():
    return KeyService()


@pytest.fixture
def client(service):
    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((service.handler(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    channel = grpc.insecure_channel(f"127.0.0.1:{port}")
    transport = kms.KeyManagementServiceClient.get_transport_class("grpc")(channel=channel)
    yield kms.KeyManagementServiceClient(transport=transport)
    channel.close()
    server.stop(None)


def test_a_vault_asks_kms_once_a_process(service, client, tmp_path):
    people = SqlVault(sqlite_engine(tmp_path / "v"), KmsKey(NAME, client)).subjects(["kim", "lee"])
    assert service.calls == ["encrypt", "decrypt"]
    assert SqlVault(sqlite_engine(tmp_path / "v"), KmsKey(NAME, client)).subjects(["kim", "lee"]) == people
    assert service.calls == ["encrypt", "decrypt", "decrypt"]


def test_another_kms_key_does_not_open_the_vault(client, tmp_path):
    SqlVault(sqlite_engine(tmp_path / "v"), KmsKey(NAME, client))
    with pytest.raises(CorruptError, match="another KMS key"):
        SqlVault(sqlite_engine(tmp_path / "v"), KmsKey(f"{NAME}-other", client))


def test_a_disabled_kms_key_says_so(service, client, tmp_path):
    SqlVault(sqlite_engine(tmp_path / "v"), KmsKey(NAME, client))
    service.disabled = True
    with pytest.raises(KeyGoneError) as error:
        SqlVault(sqlite_engine(tmp_path / "v"), KmsKey(NAME, client))
    assert NAME in error.value.hint


def test_an_answer_damaged_on_the_way_is_noticed(service, client):
    _, wrapped = KmsKey(NAME, client).wrap(b"k" * 32)
    service.lies = True
    for call in (lambda: KmsKey(NAME, client).wrap(b"k" * 32), lambda: KmsKey(NAME, client).unwrap(wrapped)):
        with pytest.raises(CorruptError, match="damaged"):
            call()


def test_a_rotation_wraps_by_a_new_version_and_schedules_the_old_ones_destruction(service, client, tmp_path) -> None:
    """An old copy of the vault is then opened by nobody, as soon as KMS has the destruction on its list."""
    vault = SqlVault(sqlite_engine(tmp_path / "v"), KmsKey(NAME, client))
    people = vault.subjects(["kim", "lee"])
    with vault.engine.connect() as db:
        db.exec_driver_sql("VACUUM INTO ?", (str(tmp_path / "old"),))
    service.slow = 2
    told = []
    done = rotation.rotate(vault.keyring, lambda action, **details: told.append((action, details.get("key_version"))))
    first, second = (f"{NAME}/cryptoKeyVersions/{n}" for n in (1, 2))
    assert (done.key_version, done.destroyed) == (second, (first,)) and told == [("key.rotated", second), ("key.destroyed", first)]
    assert service.states == {first: State.DESTROY_SCHEDULED, second: State.ENABLED, f"{NAME}-other/cryptoKeyVersions/1": State.ENABLED}
    assert service.primary[NAME] == 2
    assert SqlVault(sqlite_engine(tmp_path / "v"), KmsKey(NAME, client)).find(["kim", "lee"]) == people
    with pytest.raises(KeyGoneError):
        SqlVault(sqlite_engine(tmp_path / "old"), KmsKey(NAME, client))


def test_a_version_that_kms_made_by_itself_is_the_one_that_is_taken(service, client, tmp_path) -> None:
    vault = SqlVault(sqlite_engine(tmp_path / "v"), KmsKey(NAME, client))
    KmsKey(NAME, client).make()
    service.calls.clear()
    assert rotation.rotate(vault.keyring, lambda *_, **__: None).key_version.endswith("/2") and "create" not in service.calls
    KmsKey(NAME, client).destroy(f"{NAME}/cryptoKeyVersions/1")  # a second time is no error
