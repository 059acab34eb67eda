"""A small Metabase: the part of its API that provisioning speaks, which remembers, and refuses what the real one would.

Written against Metabase's API documentation; the real server is no Python package. Every request is kept; a request of
the wrong shape is answered with 400 and kept in `refused`, so that a test can say that none was.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

KEY, USER, PASSWORD = "mb_key_of_the_test", "admin@example.test", "password-of-the-test"
_DISPLAYS = {"table", "bar", "line", "area", "scalar"}
_UUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


class Stub:
    """`things` by kind and number; what people made there before is put in by tests."""

    def __init__(self) -> None:
        self.things: dict[str, dict[int, dict]] = {"database": {}, "collection": {}, "card": {}, "dashboard": {}}
        self.requests: list[tuple[str, str]] = []
        self.refused: list[str] = []
        self.sessions: set[str] = set()
        self._next = 1

    def add(self, kind: str, thing: dict) -> dict:
        number, self._next = self._next, self._next + 1
        self.things[kind][number] = thing | {"id": number}
        return self.things[kind][number]

    def named(self, kind: str) -> list[str]:
        return sorted(thing["name"] for thing in self.things[kind].values() if not thing.get("archived"))

    def answer(self, method: str, path: str, query: dict, body: dict, headers) -> tuple[int, object]:
        if (method, path) == ("POST", "/api/session"):
            if (body.get("username"), body.get("password")) != (USER, PASSWORD):
                return 401, {"errors": {"password": "did not match stored password"}}
            self.sessions.add("session-1")
            return 200, {"id": "session-1"}
        if headers.get("x-api-key") != KEY and headers.get("X-Metabase-Session") not in self.sessions:
            return 401, "Unauthenticated"
        if (method, path) == ("DELETE", "/api/session"):
            self.sessions.discard(headers["X-Metabase-Session"])
            return 204, None
        _, _, kind, *rest = path.split("/")
        if kind not in self.things:
            return 404, "Not found."
        if method == "GET":
            return self._get(kind, rest, query)
        known = self.things[kind].get(int(rest[0])) if rest else {}
        if known is None:
            return 404, "Not found."
        if errors := self._errors(kind, known | body, is_new=not rest):
            self.refused.append(f"{method} {path}: {errors}")
            return 400, {"errors": errors}
        if not rest:
            return 200, self.add(kind, self._kept(kind, {"dashcards": []} | body if kind == "dashboard" else body))
        known.update(self._kept(kind, body))
        return 200, known

    def _get(self, kind: str, rest: list[str], query: dict) -> tuple[int, object]:
        if kind == "database" and not rest:
            return 200, {"data": list(self.things[kind].values()), "total": len(self.things[kind])}
        if kind == "collection" and not rest:
            return 200, [{"id": "root", "name": "Our analytics"}, *self.things[kind].values()]
        if kind == "collection" and rest[1:] == ["items"]:
            inside = [
                {"id": thing["id"], "name": thing["name"], "model": model}
                for model in query.get("models", [])
                for thing in self.things[model].values()
                if thing.get("collection_id") == int(rest[0]) and not thing.get("archived")
            ]
            return 200, {"data": inside, "total": len(inside)}
        thing = self.things[kind].get(int(rest[0]))
        return (200, thing) if thing else (404, "Not found.")

    def _kept(self, kind: str, body: dict) -> dict:
        """What the server makes of it: a collection's location, a number for every card on a grid that has none yet."""
        if kind == "collection":
            parent = self.things["collection"].get(body.get("parent_id"))
            return body | {"location": f"{parent['location']}{parent['id']}/" if parent else "/", "archived": False}
        if "dashcards" in body:
            numbered = []
            for each in body["dashcards"]:
                number = each["id"]
                if number < 0:
                    number, self._next = self._next, self._next + 1
                numbered.append(each | {"id": number})
            return body | {"dashcards": numbered}
        return body

    def _errors(self, kind: str, body: dict, *, is_new: bool) -> dict:
        if not isinstance(body.get("name"), str) or not body["name"]:
            return {"name": "value must be a non-blank string"}
        return {"database": _database, "collection": self._collection, "card": self._card, "dashboard": self._dashboard}[kind](body)

    def _collection(self, body: dict) -> dict:
        parent = body.get("parent_id")
        return {} if parent is None or parent in self.things["collection"] else {"parent_id": "no such collection"}

    def _card(self, body: dict) -> dict:
        query = body.get("dataset_query", {})
        if body.get("display") not in _DISPLAYS:
            return {"display": "unknown"}
        if not isinstance(body.get("visualization_settings"), dict):
            return {"visualization_settings": "value must be a map"}
        if query.get("type") != "native" or query.get("database") not in self.things["database"]:
            return {"dataset_query": "no native query of a known database"}
        text, tags = query["native"]["query"], query["native"]["template-tags"]
        if set(re.findall(r"\{\{(\w+)\}\}", text)) != set(tags) or any(name != tag["name"] for name, tag in tags.items()):
            return {"dataset_query": "template tags are not those of the query"}
        if any(tag["type"] != "text" or not _UUID.match(tag["id"]) or not tag["display-name"] for tag in tags.values()):
            return {"dataset_query": "a template tag is malformed"}
        if [p["id"] for p in body["parameters"]] != [tag["id"] for tag in tags.values()]:
            return {"parameters": "a parameter is of no template tag"}
        return {} if body.get("collection_id") in self.things["collection"] else {"collection_id": "no such collection"}

    def _dashboard(self, body: dict) -> dict:
        parameters = {p["id"] for p in body.get("parameters", [])}
        if any(not {"id", "name", "slug", "type"} <= set(p) for p in body.get("parameters", [])):
            return {"parameters": "a parameter lacks a name"}
        taken: set[tuple[int, int]] = set()
        for each in body.get("dashcards", []):
            cells = {(each["row"] + y, each["col"] + x) for y in range(each["size_y"]) for x in range(each["size_x"])}
            if taken & cells or each["col"] + each["size_x"] > 24:
                return {"dashcards": "cards overlap, or leave the grid"}
            taken |= cells
            card = self.things["card"].get(each["card_id"])
            if card is None or card.get("archived"):
                return {"dashcards": "no such card"}
            tags = card["dataset_query"]["native"]["template-tags"]
            for wire in each["parameter_mappings"]:
                if wire["parameter_id"] not in parameters or wire["card_id"] != each["card_id"]:
                    return {"parameter_mappings": "of no parameter of this dashboard"}
                if wire["target"][0] != "variable" or wire["target"][1][0] != "template-tag" or wire["target"][1][1] not in tags:
                    return {"parameter_mappings": "the card has no such template tag"}
        return {}


def _database(body: dict) -> dict:
    details = body.get("details", {})
    if body.get("engine") != "postgres":
        return {"engine": "unknown"}
    missing = {"host", "port", "dbname", "user", "password"} - set(details)
    return {"details": f"lacks {sorted(missing)}"} if missing or not isinstance(details["port"], int) else {}


@contextmanager
def served(stub: Stub) -> Iterator[str]:
    """The stub's address."""

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            parts = urlsplit(self.path)
            body = json.loads(self.rfile.read(size)) if size else {}
            stub.requests.append((self.command, parts.path))
            status, told = stub.answer(self.command, parts.path, parse_qs(parts.query), body, self.headers)
            sent = b"" if told is None else json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = do_PUT = do_DELETE = _do

        def log_message(self, *_) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
