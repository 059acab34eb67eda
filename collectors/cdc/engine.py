"""Debezium's engine, and the bridge from Java to Python: one crossing a batch.

engine thread (Java) ─ handleBatch(records) ─▶ values joined in Java ─▶ bytes ─▶ on_batch(lines, position) ─▶ n
                                                markProcessed(record n), markBatchFinished ◀──────────────────┘
"""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import jpype

from collectors.cdc.publishing import OnBatch, Position

Properties = Mapping[str, str]
_AGAIN_S = 0.05


def properties(address: Properties, slot: str, publication: str, tables: list[str], offsets: Path, heartbeat_ms: int, batch_rows: int, placeholder: str) -> dict[str, str]:  # fmt: skip
    """Debezium's configuration. `tables`: schema-qualified."""
    return {
        "name": "megacity",
        "topic.prefix": "megacity",
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "plugin.name": "pgoutput",
        "slot.name": slot,
        "publication.name": publication,
        "publication.autocreate.mode": "disabled",
        "table.include.list": ",".join(name.replace(".", r"\.") for name in tables),
        "snapshot.mode": "initial",
        "skipped.operations": "none",  # otherwise a TRUNCATE is dropped
        "tombstones.on.delete": "false",
        "decimal.handling.mode": "string",
        "time.precision.mode": "isostring",
        "interval.handling.mode": "string",
        "binary.handling.mode": "base64",
        "unavailable.value.placeholder": placeholder,
        "offset.storage": "org.apache.kafka.connect.storage.FileOffsetBackingStore",
        "offset.storage.file.filename": str(offsets),
        "offset.flush.interval.ms": "500",
        "key.converter.schemas.enable": "false",
        "value.converter.schemas.enable": "false",
        "poll.interval.ms": "50",  # how long it waits for a batch to fill, and how often an idle engine asks, which is all that it costs
        "max.batch.size": str(batch_rows),
        "max.queue.size": str(batch_rows * 4),
        "heartbeat.interval.ms": str(heartbeat_ms),
        # No connecting again by itself: whoever answers then may be another cluster. The supervisor looks before each start.
        "errors.max.retries": "0",
        "slot.max.retries": "0",
        **address,
    }


class Engine:
    """One engine; the JVM runs already (jvm.py)."""

    def __init__(self, configuration: Properties, on_batch: OnBatch, after_batch: Callable[[], None]) -> None:
        """`after_batch` is called once a batch is confirmed, with nothing of it in flight."""
        java = jpype.JClass("java.util.Properties")()
        for name, value in configuration.items():
            java.setProperty(name, value)
        self._bridge = _Bridge(on_batch, after_batch)
        self._polling = threading.Event()
        self._ended = threading.Event()
        self.is_closed = False
        kinds = jpype.JClass("io.debezium.engine.DebeziumEngine")
        builder = kinds.create(jpype.JClass("io.debezium.engine.format.Json").class_).using(java)
        builder = builder.using(jpype.JProxy("io.debezium.engine.DebeziumEngine$ConnectorCallback", inst=_Started(self._polling)))
        builder = builder.using(jpype.JProxy("io.debezium.engine.DebeziumEngine$CompletionCallback", inst=self._bridge))
        self._engine = builder.notifying(jpype.JProxy("io.debezium.engine.DebeziumEngine$ChangeConsumer", inst=self._bridge)).build()

    def run(self) -> None:
        """Until close(), or until something fails: raises what the handler raised, or RuntimeError with Debezium's class of error."""
        try:
            self._engine.run()
        finally:
            self._ended.set()
        if self._bridge.error:
            raise self._bridge.error
        if self._bridge.failure:
            raise RuntimeError(self._bridge.failure)

    def wait_until_polling(self, timeout_s: float) -> bool:
        return self._polling.wait(timeout_s)

    def close(self) -> None:
        """From another thread; returns once the last batch is through and the offsets are written."""
        self.is_closed = True
        while True:
            try:
                return self._engine.close()
            except jpype.JClass("java.lang.IllegalStateException"):
                # It has ended already; or its start came to the next stage just when it was to go from this one to its stop.
                if self._ended.wait(_AGAIN_S):
                    return


class _Started:
    """DebeziumEngine.ConnectorCallback."""

    def __init__(self, polling: threading.Event) -> None:
        self._polling = polling

    def pollingStarted(self) -> None:
        self._polling.set()

    def connectorStarted(self) -> None: ...

    def connectorStopped(self) -> None: ...

    def taskStarted(self) -> None: ...

    def taskStopped(self) -> None: ...

    def pollingStopped(self) -> None: ...


class _Bridge:
    """DebeziumEngine.ChangeConsumer and CompletionCallback."""

    def __init__(self, on_batch: OnBatch, after_batch: Callable[[], None]) -> None:
        self._on_batch, self._after_batch = on_batch, after_batch
        self.error: BaseException | None = None
        self.failure = ""
        handles, method = jpype.JClass("java.lang.invoke.MethodHandles"), jpype.JClass("java.lang.invoke.MethodType")
        value = handles.publicLookup().findVirtual(
            jpype.JClass("io.debezium.engine.ChangeEvent"), "value", method.methodType(jpype.JClass("java.lang.Object"))
        )
        function = jpype.JClass("java.util.function.Function")
        self._value = jpype.JClass("java.lang.invoke.MethodHandleProxies").asInterfaceInstance(function, value)
        self._lines = jpype.JClass("java.util.stream.Collectors").joining("\n")  # JSON holds no raw line end
        self._utf8 = jpype.JClass("java.nio.charset.StandardCharsets").UTF_8
        self._waiting = None  # the last record of the batch before, where it was not confirmed with it
        self._waiting_lsn = -1

    def handleBatch(self, records, committer) -> None:
        try:
            lines = bytes(records.stream().map(self._value).collect(self._lines).getBytes(self._utf8)).split(b"\n")
            last = records.get(len(lines) - 1)
            position = _position(last.sourceRecord().sourceOffset())
            count = self._on_batch(lines, position)
            if count:
                committer.markProcessed(records.get(count - 1))
            elif self._waiting is not None and self._waiting_lsn != position.lsn:
                committer.markProcessed(self._waiting)
            self._waiting, self._waiting_lsn = (None, -1) if count == len(lines) else (last, position.lsn)
            committer.markBatchFinished()
            self._after_batch()
        except BaseException as error:
            # Nothing of the batch is confirmed: it comes again when the engine is started anew, which the supervisor does.
            self.error = self.error or error
            raise

    def supportsTombstoneEvents(self) -> bool:
        return False

    def handle(self, success, message, error) -> None:
        """Of an error only its class goes on: its message may quote a row."""
        if not success:
            self.failure = str(error.getClass().getName()) if error is not None else "unknown failure"


def _position(offset) -> Position:
    kind = offset.get("messageType")
    return Position(int(offset.get("lsn")), bool(offset.containsKey("snapshot")), str(kind) if kind is not None else "")
