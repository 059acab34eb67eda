"""The vault under Cloud KMS: Google's real client, over gRPC, to a key service of this test's own.

There is no KMS emulator; this server keeps to KMS's published answers: checksums of what it received and sends,
INVALID_ARGUMENT for what another key wrapped, FAILED_PRECONDITION for a key that is disabled.
"""

from concurrent.futures import ThreadPoolExecutor

import google_crc32c
import grpc
import pytest
from google.cloud import kms

from lakehouse.errors import CorruptError, KeyGoneError
from lakehouse.privacy.seal import new_key, seal, unseal
from lakehouse.privacy.vault import SqlVault
from lakehouse.storage.gcp import KmsKey
from lakehouse.storage.sql import sqlite_engine

NAME = "projects/p/locations/asia-northeast3/keyRings/lakehouse/cryptoKeys/vault"


class KeyService:
    def __init__(self) -> None:
        self.keys = {NAME: new_key(), f"{NAME}-other": new_key()}
        self.disabled = self.lies = False
        self.calls: list[str] = []

    def encrypt(self, request, context):
        self.calls.append("encrypt")
        ciphertext = seal(self.keys[request.name], request.plaintext, request.additional_authenticated_data)
        checked = request.plaintext_crc32c.value == google_crc32c.value(request.plaintext)
        answer = kms.EncryptResponse(name=request.name, ciphertext=ciphertext, verified_plaintext_crc32c=checked)
        answer.ciphertext_crc32c = google_crc32c.value(ciphertext) ^ self.lies
        return kms.EncryptResponse.pb(answer)

    def decrypt(self, request, context):
        self.calls.append("decrypt")
        if self.disabled:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "the key is not enabled")
        try:
            plaintext = unseal(self.keys[request.name], request.ciphertext, request.additional_authenticated_data)
        except CorruptError:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "decryption failed")
        return kms.DecryptResponse.pb(kms.DecryptResponse(plaintext=plaintext, plaintext_crc32c=google_crc32c.value(plaintext) ^ self.lies))

    def handler(self) -> grpc.GenericRpcHandler:
        def unary(call, request, response):
            return grpc.unary_unary_rpc_method_handler(call, request.pb().FromString, response.pb().SerializeToString)

        methods = {
            "Encrypt": unary(self.encrypt, kms.EncryptRequest, kms.EncryptResponse),
            "Decrypt": unary(self.decrypt, kms.DecryptRequest, kms.DecryptResponse),
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
    wrapped = KmsKey(NAME, client).wrap(b"k" * 32)
    service.lies = True
    for call in (lambda: KmsKey(NAME, client).wrap(b"k" * 32), lambda: KmsKey(NAME, client).unwrap(wrapped)):
        with pytest.raises(CorruptError, match="damaged"):
            call()
