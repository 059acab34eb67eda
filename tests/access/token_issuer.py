"""A real issuer of tokens: RSA and EC keys, and an HTTP server with discovery and JWKS."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

AUDIENCE = "megacity-lakehouse"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


class Issuer:
    """Listens on this machine until `close`. `keys`: kid → private key, as published; change it at will."""

    def __init__(self, port: int = 0) -> None:
        self.keys: dict[str, object] = {"rsa-1": RSA_KEY, "ec-1": EC_KEY}
        self.more: list[dict] = []
        self.fetches = 0
        self.hang_s = 0.0
        self.is_broken = False
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/realm"
        self.named = self.url
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def token(self, kid: str = "rsa-1", key: object = None, alg: str | None = None, headers: dict | None = None, **claims: object) -> str:
        """A good token, but for what is changed; a claim that is None is left out."""
        now = int(time.time())
        said = {"iss": self.url, "aud": AUDIENCE, "sub": "somebody", "iat": now, "exp": now + 600, "scope": "events:write"}
        said |= {"zones": ["univprep"], "orgs": [17]} | claims
        alg = alg or ("ES256" if kid.startswith("ec") else "RS256")
        said = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(said, key or self.keys[kid], algorithm=alg, headers={"kid": kid} | (headers or {}))

    def jwks(self) -> dict:
        published = []
        for kid, key in self.keys.items():
            kind = jwt.algorithms.ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else jwt.algorithms.RSAAlgorithm
            published.append(kind.to_jwk(key.public_key(), as_dict=True) | {"kid": kid, "use": "sig"})
        return {"keys": published + self.more}

    def _handler(issuer) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                time.sleep(issuer.hang_s)
                if self.path == "/realm/.well-known/openid-configuration":
                    body = {"issuer": issuer.named, "jwks_uri": f"{issuer.url}/keys"}
                else:
                    issuer.fetches += 1
                    body = issuer.jwks()
                text = b"<html>" if issuer.is_broken else json.dumps(body).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_args) -> None:
                """Nothing to see."""

        return Handler
