"""A headless Chromium that looks at a page: what it drew, what it said, what it asked the network for, and a picture.

    look(page.html) ─▶ Chromium (DevTools protocol) ─▶ Seen(marks a chart, errors, requests, png)

The browser comes from npm (deploy/npm_tools.sh); a request that leaves this machine would be seen, and none may.
"""

import base64
import itertools
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from websockets.sync.client import ClientConnection, connect

from lakehouse.settings import child_environment

_LIMIT_S = 90
_FLAGS = ("--headless", "--no-sandbox", "--no-zygote", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run")
_QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions")


@dataclass
class Seen:
    """`marks`: how many marks (points, lines, areas, bars) each chart has. `answers`: what the asked expressions gave."""

    marks: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    answers: list[object] = field(default_factory=list)
    png: bytes = b""


class Devtools:
    """One page, by the DevTools protocol: calls are answered in turn, events are kept."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket, self._numbers = socket, itertools.count(1)
        self.session: str | None = None
        self.events: list[dict] = []

    def call(self, method: str, **params) -> dict:
        number = next(self._numbers)
        told = {"id": number, "method": method, "params": params} | ({"sessionId": self.session} if self.session else {})
        self._socket.send(json.dumps(told))
        deadline = time.monotonic() + _LIMIT_S
        while time.monotonic() < deadline:
            said = json.loads(self._socket.recv(timeout=_LIMIT_S))
            if said.get("id") != number:
                self.events.append(said)
            elif "error" in said:
                raise AssertionError(f"{method}: {said['error']['message']}")
            else:
                return said["result"]
        raise AssertionError(f"{method} was not answered in {_LIMIT_S} s")

    def value(self, expression: str) -> object:
        told = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")


_MARKS = """Object.fromEntries([...document.querySelectorAll('[data-chart]')].map(plot => [plot.closest('section').id + ': ' + plot.closest('article').querySelector('h3').textContent,
  plot.querySelectorAll('svg .mark-symbol.role-mark path, svg .mark-rect.role-mark path, svg .mark-area.role-mark path, svg .mark-line.role-mark path').length]))"""


def look(tools: Path, page: Path, *, ask: tuple[str, ...] = (), scheme: str = "light", width: int = 1280, until: str = "") -> Seen:
    """Open the page, wait until it is drawn, and tell. `ask`: expressions to evaluate then; `until`: the picture ends above this element."""
    seen = Seen()
    with _chromium(tools) as devtools:
        for domain in ("Page", "Runtime", "Log", "Network"):
            devtools.call(f"{domain}.enable")
        devtools.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        devtools.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        devtools.call("Page.navigate", url=page.absolute().as_uri())
        deadline = time.monotonic() + _LIMIT_S
        while devtools.value("document.documentElement?.dataset.drawn ?? null") is None and time.monotonic() < deadline:
            time.sleep(0.1)
        seen.marks = devtools.value(_MARKS)
        seen.answers = [devtools.value(expression) for expression in ask]
        if until:
            height = devtools.value(f"document.querySelector({json.dumps(until)}).getBoundingClientRect().top + scrollY")
            clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
            seen.png = base64.b64decode(devtools.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)["data"])
        for event in devtools.events:
            _note(seen, event)
    return seen


def _note(seen: Seen, event: dict) -> None:
    told = event.get("params", {})
    match event.get("method"):
        case "Runtime.exceptionThrown":
            seen.errors.append(json.dumps(told["exceptionDetails"])[:500])
        case "Runtime.consoleAPICalled" if told["type"] in ("error", "warning", "assert"):
            seen.errors.append(json.dumps(told["args"])[:500])
        case "Log.entryAdded" if told["entry"]["level"] in ("error", "warning"):
            seen.errors.append(told["entry"]["text"])
        case "Network.requestWillBeSent" if not told["request"]["url"].startswith(("file:", "data:", "blob:")):
            seen.requests.append(told["request"]["url"])


@contextmanager
def _chromium(tools: Path) -> Iterator[Devtools]:
    profile = Path(tempfile.mkdtemp(prefix="chromium-"))
    browser = tools / "browser"
    words = [str(browser / "chromium"), *_FLAGS, *_QUIET, "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"]
    # its own libraries only where the machine has none: they are last on the way
    environment = child_environment(LD_LIBRARY_PATH=f"{browser / 'lib'}", FONTCONFIG_FILE=str(_fonts(browser, profile)), HOME=str(profile))
    process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        port_file, deadline = profile / "DevToolsActivePort", time.monotonic() + _LIMIT_S
        while not (port_file.exists() and port_file.read_text().count("\n")):
            assert process.poll() is None and time.monotonic() < deadline, "Chromium did not start"
            time.sleep(0.05)
        port, path = port_file.read_text().split()
        with connect(f"ws://127.0.0.1:{port}{path}", max_size=None, proxy=None) as socket:
            devtools = Devtools(socket)
            target = next(t for t in devtools.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
            devtools.session = devtools.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
            yield devtools
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(profile, ignore_errors=True)


def _fonts(browser: Path, profile: Path) -> Path:
    """The machine's fonts, and the one that came with the browser where it has none."""
    made = profile / "fonts.conf"
    folders = "".join(f"<dir>{folder}</dir>" for folder in ("/usr/share/fonts", browser / "fonts"))
    made.write_text(f"<fontconfig>{folders}<cachedir>{profile / 'cache'}</cachedir></fontconfig>")
    return made


if __name__ == "__main__":  # .venv/bin/python tests/dashboards/chromium.py report.html picture.png '#kzone_voice'
    tools = Path(__file__).resolve().parents[2] / ".tools" / "npm"
    Path(sys.argv[2]).write_bytes(look(tools, Path(sys.argv[1]), until=sys.argv[3]).png)
