"""What becomes of a message when Pub/Sub fails: it heals (keep it), or it never will (it is wrong)."""

import time

import pytest
from emulators import PubSub, free_port

from lakehouse.errors import BadInputError, NotDurableError, SettingsError
from lakehouse.storage.gcp import PubSubBus

TOPIC = "exam.events"


@pytest.fixture
def away(monkeypatch):
    """A bus whose other end is not there."""
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{free_port()}")
    bus = PubSubBus("test", publish_timeout_s=1.0)
    yield bus
    bus.close()


def test_a_bus_that_is_away_gives_the_message_back_soon(away):
    before = time.monotonic()
    with pytest.raises(NotDurableError):
        away.publish(TOPIC, [b"keep me"])
    assert time.monotonic() - before < 10


def test_reading_from_a_bus_that_is_away_says_so(away):
    with pytest.raises(NotDurableError, match="did not answer"):
        away.pull(TOPIC, "land", 10, 1.0)


@pytest.fixture
def bus(pubsub_emulator: PubSub):
    bus = PubSubBus(pubsub_emulator.new_project(), publish_timeout_s=2.0)
    yield bus
    bus.close()


def test_a_topic_that_somebody_forgot_to_make_heals(bus):
    with pytest.raises(NotDurableError, match="NotFound"):
        bus.publish(TOPIC, [b"keep me"])
    bus.make(TOPIC, "land")
    bus.publish(TOPIC, [b"keep me"])
    assert [m.data for m in bus.pull(TOPIC, "land", 10, 10.0)] == [b"keep me"]


def test_a_subscription_that_is_not_there_is_named(bus):
    bus.make(TOPIC)
    with pytest.raises(SettingsError, match=r"exam\.events\.land"):
        bus.pull(TOPIC, "land", 10, 1.0)


@pytest.mark.parametrize("message", [b"", b"x" * 11_000_000], ids=["empty", "above 10 MB"])
def test_a_message_that_pubsub_never_takes_is_refused(bus, message):
    bus.make(TOPIC, "land")
    with pytest.raises(BadInputError):
        bus.publish(TOPIC, [message])
    bus.publish(TOPIC, [b"fine"])
    assert [m.data for m in bus.pull(TOPIC, "land", 10, 10.0)] == [b"fine"]


def test_making_a_topic_twice_is_no_error(bus):
    bus.make(TOPIC, "land")
    bus.make(TOPIC, "land", "audit")
    assert bus.pull(TOPIC, "audit", 1, 0.0) == []
