"""CloudEvents 1.0 → the events that the door knows. Pure.

    id ─▶ event_id          type ─▶ contract: its id, or "<its id>.<event_type>"          extension orgid ─▶ org_id
    data │ data_base64 │ the body of a request in binary mode ─▶ payload, byte for byte
    source, subject, time, dataschema, datacontenttype ─▶ held to the specification, and to the data where they speak of it

Whom an event is about and when it happened is said by its payload, as its contract has it; the attributes that say so again are
not kept. Other extensions are let through unread. What breaks the specification is a Rejection with the attribute as its field.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Annotated
from urllib.parse import unquote_to_bytes

import msgspec

from lakehouse import verdicts
from lakehouse.contracts.registry import Registry
from lakehouse.judge import NOT_JSON, decode_names, decode_raw, repeats_a_name
from lakehouse.verdicts import Rejection

TENANT = "orgid"
_CE = b"ce-"
_DATA, _BASE64 = "data", "data_base64"
_NAME = re.compile(r"[a-z0-9]+\Z")
_INTEGER = re.compile(r"(?:0|-?[1-9][0-9]{0,9})\Z")
_URI_REFERENCE = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+\Z")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_JSON_TYPE = re.compile(r"[^/\s;]+/(?:[^/\s;]+\+)?json\s*(?:;.*)?\Z", re.IGNORECASE)
_CONTRACT_URL = re.compile(r"/v1/contracts/([^/?#]+)\Z")
_HEADER = re.compile(rb"[\x20-\x7e]*\Z")
_ESCAPED = re.compile(r"\\(.)")
_BROKEN_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
# What the specification forbids in a text: control characters, and code points that are no characters.
_NO_CHARACTERS = "\ufdd0-\ufdef" + "".join(chr(plane * 0x10000 + end) for plane in range(17) for end in (0xFFFE, 0xFFFF))
_FORBIDDEN = re.compile(f"[\x00-\x1f\x7f-\x9f{_NO_CHARACTERS}]")
_encode = msgspec.json.Encoder().encode
_as_time = msgspec.json.Decoder(Annotated[datetime, msgspec.Meta(tz=True)]).decode
_Value = str | bool | int | None


class _Broken(Exception):
    """An attribute breaks a rule."""

    def __init__(self, code: str, field: str | None = None) -> None:
        super().__init__(code)
        self.rejection = Rejection(code, field)


class CloudEvents:
    """Reads CloudEvents whose `type` names a stream of these contracts."""

    def __init__(self, contracts: Registry) -> None:
        self._event_types = {c.id: frozenset(name for name, _ in c.event_types) for c in contracts.layer("stream")}

    def binary(self, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> bytes | Rejection:
        """Attributes are the headers ce-*, the body is the data. Its Content-Type is the caller's to check."""

        def read() -> bytes:
            return self._event(_attributes_of_headers(headers), body or None)

        return _or_rejection(read)

    def structured(self, event: bytes | msgspec.Raw) -> bytes | Rejection:
        """One event in the JSON format."""

        def read() -> bytes:
            text = bytes(event)
            members = _members(text)
            data, encoded = members.pop(_DATA, None), members.pop(_BASE64, None)
            attributes = {name: _value(name, raw) for name, raw in members.items()}
            if encoded is not None and bytes(encoded) != b"null":
                if data is not None:
                    raise _Broken(verdicts.NOT_ALLOWED, _BASE64)
                data = _from_base64(encoded)
            return self._event(attributes, data and bytes(data))

        return _or_rejection(read)

    def _event(self, attributes: dict[str, _Value], data: bytes | None) -> bytes:
        for name, check in _CHECKS.items():
            check(name, attributes.get(name))
        if data is None:
            raise _Broken(verdicts.MISSING_FIELD, _DATA)
        _refuse_other_than_json(data)
        contract = self._contract(attributes["type"], data)
        schema = _CONTRACT_URL.search(attributes.get("dataschema") or "")
        if schema and schema[1] != contract:
            raise _Broken(verdicts.NOT_ALLOWED, "dataschema")
        org_id = attributes.get(TENANT)
        tenant = b"" if org_id is None else b'"org_id":%d,' % int(org_id)
        return b'{"event_id":%b,"contract":%b,%b"payload":%b}' % (_encode(attributes["id"]), _encode(contract), tenant, data)

    def _contract(self, named: str, data: bytes) -> str:
        """The contract that a type names. One that there is not is left for the door to refuse."""
        contract, _, event_type = named.rpartition(".")
        if named in self._event_types or contract not in self._event_types:
            return named
        if event_type not in self._event_types[contract]:
            raise _Broken(verdicts.UNKNOWN_EVENT_TYPE, "type")
        try:
            told = msgspec.json.decode(decode_names(data)["event_type"])
        except (*NOT_JSON, KeyError):
            return contract  # no object, or without an event_type: that is for the door to say
        if told != event_type:
            raise _Broken(verdicts.NOT_ALLOWED, "type")
        return contract


def _or_rejection(read: Callable[[], bytes]) -> bytes | Rejection:
    try:
        return read()
    except _Broken as broken:
        return broken.rejection


def _members(text: bytes) -> dict[str, msgspec.Raw]:
    _refuse_other_than_json(text, None)
    try:
        members = decode_names(text)
    except msgspec.ValidationError:
        raise _Broken(verdicts.WRONG_TYPE) from None
    if repeats_a_name(text):
        raise _Broken(verdicts.MALFORMED_JSON)
    return members


def _refuse_other_than_json(text: bytes, field: str | None = _DATA) -> None:
    """One value of JSON and nothing behind it: it will stand in an event that is put together from texts."""
    try:
        text.decode()
        decode_raw(text)
    except NOT_JSON:
        raise _Broken(verdicts.MALFORMED_JSON, field) from None


def _value(name: str, raw: msgspec.Raw) -> _Value:
    """An attribute of the JSON format: a text, a boolean, a whole number, or null for one that is not set."""
    if not _NAME.match(name):
        raise _Broken(verdicts.UNKNOWN_FIELD)
    try:
        return msgspec.json.decode(raw, type=_Value)
    except NOT_JSON:
        raise _Broken(verdicts.WRONG_TYPE, _known(name)) from None


def _from_base64(raw: msgspec.Raw) -> bytes:
    try:
        return base64.b64decode(msgspec.json.decode(raw, type=str), validate=True)
    except msgspec.ValidationError:
        raise _Broken(verdicts.WRONG_TYPE, _BASE64) from None
    except (binascii.Error, ValueError):
        raise _Broken(verdicts.BAD_FORMAT, _BASE64) from None


def _attributes_of_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, _Value]:
    attributes: dict[str, _Value] = {}
    for header, value in headers:
        if header.startswith(_CE):
            name = header[len(_CE) :].decode("latin-1")
            if name in (_DATA, _BASE64, "datacontenttype"):  # in this mode the body and its Content-Type say it
                raise _Broken(verdicts.NOT_ALLOWED, name)
            if not _NAME.match(name):
                raise _Broken(verdicts.UNKNOWN_FIELD)
            if name in attributes:
                raise _Broken(verdicts.BAD_FORMAT, _known(name))
            attributes[name] = _header_text(name, value)
    return attributes


def _header_text(name: str, value: bytes) -> str:
    """As the HTTP binding says: a quoted text is unquoted first, then percent signs are undone, as UTF-8."""
    if not _HEADER.match(value):
        raise _Broken(verdicts.BAD_FORMAT, _known(name))
    text = value.decode("ascii").strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = _ESCAPED.sub(r"\1", text[1:-1])
    if _BROKEN_PERCENT.search(text):
        raise _Broken(verdicts.BAD_FORMAT, _known(name))
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise _Broken(verdicts.BAD_FORMAT, _known(name)) from None


def _text(name: str, value: _Value, *, required: bool = False) -> str | None:
    """A text of at least one character, and none that is forbidden; or None."""
    if value is None:
        if required:
            raise _Broken(verdicts.MISSING_FIELD, name)
        return None
    if not isinstance(value, str):
        raise _Broken(verdicts.WRONG_TYPE, name)
    if not value or _FORBIDDEN.search(value):
        raise _Broken(verdicts.BAD_FORMAT, name)
    return value


def _required(name: str, value: _Value) -> None:
    _text(name, value, required=True)


def _specversion(name: str, value: _Value) -> None:
    if _text(name, value, required=True) != "1.0":
        raise _Broken(verdicts.NOT_ALLOWED, name)


def _source(name: str, value: _Value) -> None:
    if not _URI_REFERENCE.match(_text(name, value, required=True)):
        raise _Broken(verdicts.BAD_FORMAT, name)


def _absolute_uri(name: str, value: _Value) -> None:
    text = _text(name, value)
    if text is not None and not (_SCHEME.match(text) and _URI_REFERENCE.match(text)):
        raise _Broken(verdicts.BAD_FORMAT, name)


def _time(name: str, value: _Value) -> None:
    text = _text(name, value)
    try:
        if text is not None:
            _as_time(_encode(text))
    except msgspec.DecodeError:
        raise _Broken(verdicts.BAD_FORMAT, name) from None


def _json_type(name: str, value: _Value) -> None:
    text = _text(name, value)
    if text is not None and not _JSON_TYPE.match(text):
        raise _Broken(verdicts.NOT_ALLOWED, name)


def _tenant(name: str, value: _Value) -> None:
    if isinstance(value, bool) or not (value is None or _INTEGER.match(str(value))):
        raise _Broken(verdicts.WRONG_TYPE, name)


def _known(name: str) -> str | None:
    """An attribute's name where it is one of ours to say; a verdict repeats nothing else that was sent."""
    return name if name in _CHECKS else None


_CHECKS: dict[str, Callable[[str, _Value], None]] = {
    "specversion": _specversion,
    "id": _required,
    "source": _source,
    "type": _required,
    "subject": _text,
    "time": _time,
    "dataschema": _absolute_uri,
    "datacontenttype": _json_type,
    TENANT: _tenant,
}


HEADERS = tuple(_CE.decode() + name for name in _CHECKS if name != "datacontenttype")
"""Names of the headers that an event in binary mode may bring."""


def is_json_type(content_type: str) -> bool:
    """Whether a Content-Type says JSON: */json or */*+json."""
    return _JSON_TYPE.match(content_type) is not None
