"""Storage on Google Cloud; the only module that knows a cloud client, imported only when the profile asks for it.

    Bus   ─▶ Pub/Sub   topic exam.events, subscription exam.events.land
    Files ─▶ Cloud Storage
    master key of the vault ─▶ Cloud KMS

Topics, subscriptions, the bucket and the key are infrastructure: they exist before this code runs. PUBSUB_EMULATOR_HOST
and STORAGE_EMULATOR_HOST are read by Google's clients themselves.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import TimeoutError as NotInTime
from typing import BinaryIO

from lakehouse.errors import (
    BadInputError,
    CorruptError,
    KeyGoneError,
    LakehouseError,
    NotDurableError,
    SettingsError,
    UnavailableError,
    require,
)
from lakehouse.storage.protocols import Message
from lakehouse.storage.rules import ACK_DEADLINE_S, checked_name, checked_path

_SHORTEST_PULL_S = 1.0  # a shorter deadline cuts off answers that are on their way, and those come again only much later
_INCARNATION = "incarnation"  # the label that tells a topic or subscription from one of the same name before it
_LOOK_S = 5.0
_VERSION_S = 60.0
_ACK_IDS = 1_000  # in one request; Pub/Sub takes 512 kB of them
_PIECE_BYTES = 1024 * 1024
_AAD = b"megacity vault master key"


class PubSubBus:
    """Bus over Pub/Sub. Unlike the local log, a subscription knows only what was published after it was made, and any
    number of processes may share it."""

    shows_untrimmed = False

    def __init__(self, project: str, ack_deadline_s: float = ACK_DEADLINE_S, publish_timeout_s: float = 10.0) -> None:
        """`ack_deadline_s`: at most 600. `publish_timeout_s`: how long the client may go on trying before we say that it failed."""
        pubsub = require("google.cloud.pubsub_v1", "gcp")
        self._api = require("google.api_core.exceptions", "gcp")
        retry = require("google.api_core.retry", "gcp").Retry(initial=0.1, maximum=2.0, timeout=publish_timeout_s)
        # Messages are packed batches already (envelope.pack): the client's own batching must add no delay worth noticing.
        self._publisher = pubsub.PublisherClient(
            batch_settings=pubsub.types.BatchSettings(max_latency=0.002),
            publisher_options=pubsub.types.PublisherOptions(retry=retry, timeout=publish_timeout_s),
        )
        self._too_large = pubsub.publisher.exceptions.MessageTooLargeError
        self._subscriber = pubsub.SubscriberClient()
        self._project = project
        self._ack_deadline_s = int(ack_deadline_s)
        self._publish_timeout_s = publish_timeout_s
        self._one_at_a_time: set[str] = set()
        self._unacknowledged: dict[str, set[str]] = {}

    def publish(self, topic: str, messages: Sequence[bytes]) -> None:
        """Raises NotDurableError; BadInputError where Pub/Sub will never take a message, such as one above 10 MB."""
        path = self._publisher.topic_path(self._project, checked_name(topic))
        try:
            futures = [self._publisher.publish(path, data) for data in messages]
            for future in futures:
                future.result(timeout=2 * self._publish_timeout_s)
        except (self._too_large, self._api.InvalidArgument, ValueError) as error:
            # Sending it again will not help: the message itself is wrong.
            raise BadInputError(
                f"Pub/Sub refuses a message for {topic} ({type(error).__name__})", hint="see MAX_BATCH_BYTES in lakehouse/envelope.py"
            ) from error
        except (self._api.GoogleAPICallError, self._api.RetryError, NotInTime) as error:
            # All else may heal, by itself (Unavailable, DeadlineExceeded, Aborted, ResourceExhausted) or by a person
            # (NotFound: no such topic; PermissionDenied): whoever publishes must keep the message.
            raise NotDurableError(
                f"Pub/Sub did not take a message for {topic} ({type(error).__name__})",
                hint=f"see whether {path} exists and may be published to",
            ) from error

    def pull(self, topic: str, subscription: str, max_messages: int, timeout_s: float) -> list[Message]:
        """As the protocol; a wait shorter than a second takes one. Raises SettingsError where there is no such subscription."""
        path = self._path(topic, subscription)
        until = time.monotonic() + max(timeout_s, _SHORTEST_PULL_S)
        while (left := until - time.monotonic()) > 0:
            received = self._received(path, max_messages, max(left, _SHORTEST_PULL_S))
            if received:
                handles = [r.ack_id for r in received]
                self._unacknowledged.setdefault(path, set()).update(handles)
                self._for_each_chunk(path, handles, self._extend)
                return [Message(id=r.message.message_id, data=r.message.data, handle=r.ack_id) for r in received]
        return []

    def _received(self, path: str, max_messages: int, timeout_s: float) -> list:
        limit = 1 if path in self._one_at_a_time else max_messages
        try:
            return list(self._subscriber.pull(subscription=path, max_messages=limit, timeout=timeout_s, retry=None).received_messages)
        except self._api.DeadlineExceeded:
            return []  # nothing came
        except self._api.ResourceExhausted:
            if limit == 1:
                raise _away("an answer is larger than the channel takes") from None
            # The client opens a channel to an emulator that takes 4 MB an answer, a few packed batches. What was cut off
            # comes again after the subscription's deadline; to guess a smaller number could cost that wait many times.
            self._one_at_a_time.add(path)
            return []
        except self._api.NotFound:
            raise SettingsError(
                f"{path} does not exist", hint="make the subscription first; it receives what is published from then on"
            ) from None
        except self._api.GoogleAPICallError as error:
            raise _away(type(error).__name__) from error

    def ack(self, topic: str, subscription: str, messages: Sequence[Message]) -> None:
        path = self._path(topic, subscription)
        handles = [m.handle for m in messages]
        self._for_each_chunk(path, handles, self._forget)
        self._unacknowledged.get(path, set()).difference_update(handles)

    def trim(self, topic: str) -> int:
        """Pub/Sub frees an acknowledged message by itself."""
        return 0

    def untrimmed(self, topic: str) -> Iterator[bytes]:
        """Pub/Sub shows a message to its subscriptions only."""
        return iter(())

    def close(self) -> None:
        """What is unacknowledged is handed back at once."""
        for path, handles in self._unacknowledged.items():
            self._for_each_chunk(path, sorted(handles), self._hand_back)
        self._unacknowledged = {}
        self._publisher.stop()
        self._publisher.transport.close()
        self._subscriber.close()

    def _extend(self, path: str, handles: list[str]) -> None:
        """A batch may take longer to land than the subscription's own deadline, often ten seconds."""
        self._subscriber.modify_ack_deadline(subscription=path, ack_ids=handles, ack_deadline_seconds=self._ack_deadline_s)

    def _hand_back(self, path: str, handles: list[str]) -> None:
        self._subscriber.modify_ack_deadline(subscription=path, ack_ids=handles, ack_deadline_seconds=0)

    def _forget(self, path: str, handles: list[str]) -> None:
        self._subscriber.acknowledge(subscription=path, ack_ids=handles)

    def _for_each_chunk(self, path: str, handles: Sequence[str], call: Callable[[str, list[str]], None]) -> None:
        try:
            for at in range(0, len(handles), _ACK_IDS):
                call(path, list(handles[at : at + _ACK_IDS]))
        except self._api.GoogleAPICallError as error:
            raise _away(type(error).__name__) from error

    def _path(self, topic: str, subscription: str) -> str:
        """A subscription's name is unique in its project, so it carries its topic's."""
        return self._subscriber.subscription_path(self._project, f"{checked_name(topic)}.{checked_name(subscription)}")

    def incarnations(self, topic: str) -> dict[str, str]:
        """Subscription → its own and its topic's incarnation, as labels say; none where there is no such topic. A label that nobody
        set is empty: then only a time of absence can be noticed. Raises NotDurableError."""
        path, once = self._publisher.topic_path(self._project, checked_name(topic)), {"retry": None, "timeout": _LOOK_S}
        try:
            of_topic = self._publisher.get_topic(topic=path, **once).labels.get(_INCARNATION, "")
            names = list(self._publisher.list_topic_subscriptions(topic=path, **once))
            own = [self._subscriber.get_subscription(subscription=name, **once).labels.get(_INCARNATION, "") for name in names]
        except self._api.NotFound:
            return {}
        except self._api.GoogleAPICallError as error:
            raise _away(type(error).__name__) from error
        return {name.rpartition("/")[2]: f"{of_topic}/{label}" for name, label in zip(names, own)}

    def make(self, topic: str, *subscriptions: str) -> None:
        """Create a topic and its subscriptions where they are absent: for an emulator or a sandbox. Elsewhere they are
        infrastructure, and this program has no permission to; they get the same label there."""
        path, born = self._publisher.topic_path(self._project, checked_name(topic)), {_INCARNATION: os.urandom(8).hex()}
        with contextlib.suppress(self._api.AlreadyExists):
            self._publisher.create_topic(request={"name": path, "labels": born})
        for subscription in subscriptions:
            made = {"name": self._path(topic, subscription), "topic": path, "ack_deadline_seconds": 10, "labels": born}
            with contextlib.suppress(self._api.AlreadyExists):
                self._subscriber.create_subscription(request=made)


def _away(why: str) -> LakehouseError:
    return NotDurableError(
        f"Pub/Sub did not answer ({why})", hint="nothing is lost: unacknowledged messages come again; run it again later"
    )


class _GcsWriter:
    """Writer: a resumable upload that is told to create, and never to replace."""

    def __init__(self, blob, path: str) -> None:
        self._api = require("google.api_core.exceptions", "gcp")
        self._path = path
        self._upload = blob.open("wb", chunk_size=_PIECE_BYTES, if_generation_match=0)

    def write(self, data: bytes) -> None:
        with self._explained():
            self._upload.write(data)

    def commit(self) -> None:
        with self._explained():
            self._upload.close()

    def abandon(self) -> None:
        # close() would finish the upload, and so would the garbage collector; without its buffer it has nothing to finish.
        self._upload._buffer.close()

    @contextlib.contextmanager
    def _explained(self):
        try:
            yield
        except self._api.PreconditionFailed:
            self.abandon()
            raise FileExistsError(self._path) from None
        except (self._api.GoogleAPICallError, self._api.RetryError) as error:
            self.abandon()
            raise NotDurableError(
                f"Cloud Storage did not take {self._path} ({type(error).__name__})", hint="send it again; nothing of it was kept"
            ) from error


class GcsFiles:
    """Files in one bucket. An object appears whole or not at all, so there is no temporary name."""

    def __init__(self, project: str, bucket: str) -> None:
        storage = require("google.cloud.storage", "gcp")
        self._api = require("google.api_core.exceptions", "gcp")
        # put and delete say what shall be, not what shall change: repeating them is safe, whatever the client assumes.
        self._retry = require("google.cloud.storage.retry", "gcp").DEFAULT_RETRY
        self._client = storage.Client(project=project)
        self._bucket = self._client.bucket(bucket)

    def put(self, path: str, data: bytes) -> None:
        """Raises NotDurableError."""
        blob = self._bucket.blob(checked_path(path))
        try:
            blob.upload_from_string(data, content_type="application/octet-stream", checksum="crc32c", retry=self._retry)
        except (self._api.GoogleAPICallError, self._api.RetryError) as error:
            raise NotDurableError(
                f"Cloud Storage did not take {path} ({type(error).__name__})", hint="run it again; the file is as it was"
            ) from error

    def get(self, path: str) -> bytes:
        """Raises FileNotFoundError."""
        try:
            return self._bucket.blob(checked_path(path)).download_as_bytes(checksum="crc32c", retry=self._retry)
        except self._api.NotFound:
            raise FileNotFoundError(path) from None

    def writer(self, path: str) -> "_GcsWriter":
        return _GcsWriter(self._bucket.blob(checked_path(path)), path)

    def reader(self, path: str) -> BinaryIO:
        """Raises FileNotFoundError."""
        blob = self._bucket.blob(checked_path(path))
        if not blob.exists(retry=self._retry):
            raise FileNotFoundError(path)
        return blob.open("rb", chunk_size=_PIECE_BYTES)

    def sweep(self) -> int:
        """Cloud Storage forgets unfinished uploads by itself, after a week."""
        return 0

    def list(self, prefix: str) -> list[str]:
        return sorted(blob.name for blob in self._client.list_blobs(self._bucket, prefix=prefix, fields="items(name),nextPageToken"))

    def delete(self, path: str) -> None:
        try:
            self._bucket.blob(checked_path(path)).delete(retry=self._retry)
        except self._api.NotFound:
            return

    def uri(self, path: str) -> str:
        return f"gs://{self._bucket.name}/{checked_path(path)}"


class KmsKey:
    """KeyWrapper: Cloud KMS guards the vault's master key; one call each time a process opens the vault. A version is a
    CryptoKeyVersion; versions that KMS made by itself (rotation_period) are used by the next rotation."""

    def __init__(self, key_name: str, client=None) -> None:
        """`key_name`: projects/…/locations/…/keyRings/…/cryptoKeys/…"""
        self._api = require("google.api_core.exceptions", "gcp")
        self._kms = require("google.cloud.kms", "gcp")
        self._crc32c = require("google_crc32c", "gcp").value
        self._client = client or self._kms.KeyManagementServiceClient()
        self._name = key_name

    def wrap(self, key: bytes, version: str | None = None) -> tuple[str, bytes]:
        name = version or self._name
        answer = self._client.encrypt(
            request={"name": name, "plaintext": key, "plaintext_crc32c": self._crc32c(key), "additional_authenticated_data": _AAD}
        )
        # The vault will be unreadable if this is wrong, and nobody would notice today.
        if not answer.verified_plaintext_crc32c or answer.ciphertext_crc32c != self._crc32c(answer.ciphertext):
            raise CorruptError("Cloud KMS's answer was damaged on the way", hint="run it again")
        return answer.name, answer.ciphertext

    def unwrap(self, wrapped: bytes) -> bytes:
        """Raises KeyGoneError where the key version is disabled or destroyed, CorruptError where another key wrapped it."""
        try:
            answer = self._client.decrypt(
                request={
                    "name": self._name,
                    "ciphertext": wrapped,
                    "ciphertext_crc32c": self._crc32c(wrapped),
                    "additional_authenticated_data": _AAD,
                }
            )
        except self._api.FailedPrecondition:
            raise KeyGoneError("the KMS key of the vault is disabled or destroyed", hint=f"restore a version of {self._name}") from None
        except self._api.InvalidArgument:
            raise CorruptError("the vault was made with another KMS key", hint="see LAKEHOUSE_GCP_KMS_KEY") from None
        if answer.plaintext_crc32c != self._crc32c(answer.plaintext):
            raise CorruptError("Cloud KMS's answer was damaged on the way", hint="run it again")
        return answer.plaintext

    def versions(self) -> list[str]:
        """Those that are enabled, disabled or being made: whatever could open something again."""
        gone = {self._kms.CryptoKeyVersion.CryptoKeyVersionState[name] for name in ("DESTROYED", "DESTROY_SCHEDULED")}
        found = [v.name for v in self._client.list_crypto_key_versions(request={"parent": self._name}) if v.state not in gone]
        return sorted(found, key=lambda name: int(name.rpartition("/")[2]))

    def make(self) -> str:
        """Wrapped by name from here on, so that it does not matter how long a change of the primary takes to be known."""
        version = self._client.create_crypto_key_version(request={"parent": self._name, "crypto_key_version": {}})
        until = time.monotonic() + _VERSION_S
        while version.state != self._kms.CryptoKeyVersion.CryptoKeyVersionState.ENABLED:
            if time.monotonic() > until:
                raise UnavailableError("Cloud KMS is still making the new version", hint="run it again: it is taken up then")
            time.sleep(_LOOK_S / 10)
            version = self._client.get_crypto_key_version(request={"name": version.name})
        self._client.update_crypto_key_primary_version(
            request={"name": self._name, "crypto_key_version_id": version.name.rpartition("/")[2]}
        )
        return version.name

    def destroy(self, version: str) -> None:
        """Scheduled: KMS waits for the key's destroy_scheduled_duration, in which it can still be restored, and opens nothing."""
        try:
            self._client.destroy_crypto_key_version(request={"name": version})
        except self._api.FailedPrecondition:
            return  # it is scheduled already, or gone
