"""OIDC tokens: only a good signature by a published key, by an algorithm we chose, for us and now, lets anybody in."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from token_issuer import AUDIENCE, EC_KEY, RSA_KEY, Issuer

from lakehouse.access import jwks
from lakehouse.access.caller import Scope
from lakehouse.access.jwks import KeySet
from lakehouse.access.oidc import ALGORITHMS, Tokens
from lakehouse.errors import DeniedError, SettingsError, UnavailableError
from lakehouse.settings import Settings


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    one = Issuer()
    yield one
    one.close()


@pytest.fixture
def tokens(issuer: Issuer) -> Tokens:
    return Tokens(Settings(oidc_issuer=issuer.url, oidc_audience=AUDIENCE, oidc_leeway_seconds=30))


@pytest.mark.parametrize("kid", ["rsa-1", "ec-1"])
def test_a_good_token_says_who_asks(issuer: Issuer, tokens: Tokens, kid: str) -> None:
    exp = int(time.time()) + 100
    token = issuer.token(kid, scope="live:read events:write openid", zones=["univprep", "kzone"], orgs=[17, "18"], user_id="u-1", exp=exp)
    caller = tokens.caller(token)
    assert caller.scopes == {Scope.EVENTS_WRITE, Scope.LIVE_READ}
    assert (caller.zones, caller.orgs, caller.user_id) == ({"univprep", "kzone"}, {17, 18}, "u-1")
    assert caller.expires_at == datetime.fromtimestamp(exp + 30, UTC)
    assert "somebody" not in caller.key_id
    assert tokens.caller(issuer.token(kid, jti="another")).key_id == caller.key_id
    assert tokens.caller(issuer.token(kid, sub="another")).key_id != caller.key_id


def test_what_a_token_does_not_say_it_does_not_give(issuer: Issuer, tokens: Tokens) -> None:
    caller = tokens.caller(issuer.token(scope=None, zones=None, orgs=None))
    assert (caller.scopes, caller.zones, caller.orgs, caller.user_id) == (set(), set(), set(), None)
    everywhere = tokens.caller(issuer.token(zones="*", orgs=["*"]))
    assert (everywhere.zones, everywhere.orgs) == (None, None)


def public_pem(key: object) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def forged(header: dict, signature: bytes = b"") -> str:
    now = int(time.time())
    claims = {"iss": "x", "aud": AUDIENCE, "sub": "x", "exp": now + 60}
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(p).rstrip(b"=").decode() for p in parts)


def hmac_with_public_key(issuer: Issuer) -> str:
    """The classic confusion: the public key, which everybody has, as the secret of an HMAC."""
    import hashlib
    import hmac

    now = int(time.time())
    claims = {"iss": issuer.url, "aud": AUDIENCE, "sub": "x", "exp": now + 60, "scope": "events:write", "zones": "*", "orgs": "*"}
    head = [json.dumps(p).encode() for p in ({"alg": "HS256", "typ": "JWT", "kid": "rsa-1"}, claims)]
    signed = b".".join(base64.urlsafe_b64encode(p).rstrip(b"=") for p in head)
    mac = hmac.digest(public_pem(RSA_KEY), signed, hashlib.sha256)
    return (signed + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()


OTHER_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
BAD = {
    "no token": lambda issuer: "garbage",
    "three dots of nothing": lambda issuer: "..",
    "alg none": lambda issuer: jwt.encode({"sub": "x"}, None, algorithm="none", headers={"kid": "rsa-1"}),
    "alg none, spelled otherwise": lambda issuer: forged({"alg": "nOnE", "kid": "rsa-1"}),
    "HMAC with the public key": hmac_with_public_key,
    "HS256": lambda issuer: issuer.token(key="s" * 32, alg="HS256"),
    "RS384 by the right key": lambda issuer: issuer.token(alg="RS384"),
    "PS256 by the right key": lambda issuer: issuer.token(alg="PS256"),
    "ES256 under the kid of the RSA key": lambda issuer: issuer.token("rsa-1", EC_KEY, "ES256"),
    "RS256 under the kid of the EC key": lambda issuer: issuer.token("ec-1", RSA_KEY, "RS256"),
    "somebody else's key": lambda issuer: issuer.token(key=OTHER_RSA),
    "the key in its own header": lambda issuer: issuer.token(
        key=OTHER_RSA, headers={"jwk": jwt.algorithms.RSAAlgorithm.to_jwk(OTHER_RSA.public_key(), as_dict=True)}
    ),
    "no kid": lambda issuer: jwt.encode({"sub": "x"}, RSA_KEY, algorithm="RS256"),
    "unknown kid": lambda issuer: issuer.token("rsa-9", RSA_KEY),
    "critical header": lambda issuer: issuer.token(headers={"crit": ["x"], "x": 1}),
    "cut signature": lambda issuer: issuer.token()[:-4],
    "another issuer": lambda issuer: issuer.token(iss="https://elsewhere.example"),
    "no issuer": lambda issuer: issuer.token(iss=None),
    "another audience": lambda issuer: issuer.token(aud="another"),
    "no audience": lambda issuer: issuer.token(aud=None),
    "expired": lambda issuer: issuer.token(exp=int(time.time()) - 31),
    "no end": lambda issuer: issuer.token(exp=None),
    "good for years": lambda issuer: issuer.token(exp=int(time.time()) + 10**8),
    "good for ever": lambda issuer: issuer.token(exp=10**40),
    "not yet": lambda issuer: issuer.token(nbf=int(time.time()) + 40),
    "issued tomorrow": lambda issuer: issuer.token(iat=int(time.time()) + 86_400),
    "no subject": lambda issuer: issuer.token(sub=None),
    "too long": lambda issuer: issuer.token(padding="x" * 9_000),
    "nests without end": lambda issuer: ".".join([base64.urlsafe_b64encode(b"[" * 4_000).rstrip(b"=").decode()] * 2 + ["x"]),
}


@pytest.mark.parametrize("case", BAD)
def test_any_other_token_is_refused(issuer: Issuer, tokens: Tokens, case: str) -> None:
    token = BAD[case](issuer)
    with pytest.raises(DeniedError) as denied:
        tokens.caller(token)
    assert not denied.value.is_known
    assert token not in f"{denied.value} {denied.value.hint}"


def test_clocks_may_differ_by_the_leeway(issuer: Issuer, tokens: Tokens) -> None:
    now = int(time.time())
    assert tokens.caller(issuer.token(exp=now - 20, nbf=now + 20))


@pytest.mark.parametrize("claims", [{"orgs": [True]}, {"orgs": "all"}, {"orgs": [-1]}, {"zones": {"a": 1}}, {"scope": 7}, {"user_id": 5}])
def test_a_claim_of_another_form_is_explained(issuer: Issuer, tokens: Tokens, claims: dict) -> None:
    with pytest.raises(DeniedError, match=f"claim {next(iter(claims))} ") as denied:
        tokens.caller(issuer.token(**claims))
    assert denied.value.is_known


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_a_weak_key_and_other_kinds_of_keys_are_passed_over(issuer: Issuer, tokens: Tokens) -> None:
    issuer.keys["rsa-weak"] = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    issuer.keys["ec-384"] = ec.generate_private_key(ec.SECP384R1())
    issuer.more = [
        {"kty": "oct", "kid": "secret", "k": "c2VjcmV0"},
        {"kty": "OKP", "kid": "odd", "crv": "X9"},
        {"kty": "RSA", "kid": "broken"},
    ]
    assert tokens.caller(issuer.token())
    for token in (issuer.token("rsa-weak"), issuer.token("ec-384", alg="ES384"), issuer.token("secret", "secret" * 9, "HS256")):
        with pytest.raises(DeniedError):
            tokens.caller(token)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(issuer: Issuer, clock: Clock) -> KeySet:
    return KeySet(issuer.url, None, ALGORITHMS, clock)


def test_keys_are_fetched_once_and_again_when_they_are_old(issuer: Issuer, keys: KeySet, clock: Clock) -> None:
    assert all(keys.key(kid) for kid in ("rsa-1", "ec-1", "rsa-1"))
    assert issuer.fetches == 1
    del issuer.keys["rsa-1"]  # the issuer takes a key back
    clock.now += jwks.MAX_AGE_S
    assert keys.key("rsa-1") is None
    assert issuer.fetches == 2


def test_an_unknown_kid_makes_us_look_but_not_too_often(issuer: Issuer, keys: KeySet, clock: Clock) -> None:
    assert keys.key("rsa-1")
    issuer.keys["rsa-2"] = OTHER_RSA
    clock.now += jwks.PAUSE_S
    assert keys.key("rsa-2")
    for n in range(50):
        assert keys.key(f"guess-{n}") is None
    assert issuer.fetches == 2
    clock.now += jwks.PAUSE_S
    assert keys.key("guess") is None
    assert issuer.fetches == 3


@pytest.mark.parametrize("how", ["gone", "broken"])
def test_while_the_issuer_is_away_known_keys_go_on_working(issuer: Issuer, keys: KeySet, clock: Clock, how: str) -> None:
    known = keys.key("rsa-1")
    if how == "gone":
        issuer.close()
    issuer.is_broken = True
    for _ in range(20):
        clock.now += jwks.MAX_AGE_S
        assert keys.key("rsa-1") is known
    assert keys.key("rsa-2") is None
    if how == "gone":
        back = Issuer(issuer.port)
        back.keys = {"rsa-1": OTHER_RSA}
        clock.now += jwks.PAUSE_S
        assert keys.key("rsa-1").key.public_numbers() == OTHER_RSA.public_key().public_numbers()
        back.close()


def test_an_issuer_that_never_answered_is_no_refusal(issuer: Issuer, keys: KeySet, clock: Clock) -> None:
    issuer.is_broken = True
    for _ in range(2):
        with pytest.raises(UnavailableError):
            keys.key("rsa-1")
    issuer.is_broken = False
    clock.now += jwks.PAUSE_S
    assert keys.key("rsa-1")


def test_nobody_waits_behind_the_fetch_of_another(issuer: Issuer, keys: KeySet, clock: Clock) -> None:
    known = keys.key("rsa-1")
    clock.now += jwks.MAX_AGE_S
    issuer.hang_s = 1.0
    fetching = threading.Thread(target=keys.key, args=("rsa-1",))
    fetching.start()
    time.sleep(0.2)
    assert keys.key("rsa-1") is known
    with pytest.raises(UnavailableError):
        keys.key("rsa-2")
    assert fetching.is_alive()
    fetching.join()


def test_an_issuer_that_calls_itself_otherwise_is_not_believed(issuer: Issuer, keys: KeySet) -> None:
    issuer.named = "https://elsewhere.example"
    with pytest.raises(UnavailableError):
        keys.key("rsa-1")


@pytest.mark.parametrize(
    "options",
    [
        {"oidc_issuer": "http://issuer.example", "oidc_audience": AUDIENCE},
        {"oidc_issuer": "https://issuer.example", "oidc_audience": AUDIENCE, "oidc_jwks_url": "http://issuer.example/keys"},
        {"oidc_issuer": "file:///etc/passwd", "oidc_audience": AUDIENCE},
        {"oidc_issuer": "https://issuer.example"},
    ],
)
def test_settings_that_would_trust_too_much_are_refused(options: dict) -> None:
    with pytest.raises(SettingsError):
        Tokens(Settings(**options))
