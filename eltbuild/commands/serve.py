"""`eltbuild docs serve`: the artifacts of a project and a page about them, for a browser on this machine.

Only reading is answered, only of the files that are named here, and only to who calls the server by its own name: a
page of a stranger that has its name lead to this machine gets nothing.
"""

from __future__ import annotations

import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from eltbuild.commands.opening import Surroundings, folder_of, ground
from eltbuild.commands.options import Options
from eltbuild.commands.profile import FOLDER as PROFILES
from eltbuild.commands.rendered import LAST_RUN, RESULTS, is_of_a_run
from eltbuild.commands.reporting import EXIT
from eltbuild.disk import read_whole
from eltbuild.errors import Problem, UsageError

if TYPE_CHECKING:
    from eltbuild.report.docs_page import Artifacts

HOST, PORT = "127.0.0.1", 8080
ARTIFACTS = ("manifest.json", "catalog.json", RESULTS, "sources.json")
PAGES = {"/": "index.html", "/index.html": "index.html"}
HTML = "text/html; charset=utf-8"
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
OWN_PAGE = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}


def command(options: Options) -> int:
    """Serve until the user stops it; the exit code."""
    base = ground(options, Surroundings.here())
    folder = folder_of(base.root, base.options.target_path or base.settings.target_path)
    if not (folder / "manifest.json").is_file():
        raise UsageError(Problem(f"there is no {folder / 'manifest.json'}", hint="write it: eltbuild docs generate"))
    host = options.host or HOST
    port = PORT if options.port is None else options.port
    try:
        made = server(folder, host, port)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(Problem(f"cannot serve at {host}:{port}: {why}", hint="name another with --port")) from None
    with made:
        shown = f"[{host}]" if ":" in host else host
        where = f"http://{shown}:{made.server_address[1]}"
        sys.stdout.write(f"serving {folder} at {where}, until Ctrl-C\n")
        sys.stdout.flush()
        if options.browser is not False and sys.stdout.isatty():
            import webbrowser

            webbrowser.open_new_tab(where)
        try:
            made.serve_forever()
        except KeyboardInterrupt:
            return EXIT.ok
    return EXIT.ok


def server(folder: Path, host: str, port: int) -> ThreadingHTTPServer:
    """A server of the artifacts in a folder, bound and not yet serving. Raises `OSError`."""
    import socket

    known = frozenset({*LOCAL, host.lower()})

    class Handler(Answering):
        served = folder
        # Whoever serves to other machines is called by names that are not known here.
        hosts = known if host.lower() in LOCAL else None

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        daemon_threads = True

    return Server((host, port), Handler)


class Answering(BaseHTTPRequestHandler):
    """One request."""

    served: Path
    hosts: frozenset[str] | None
    server_version = "eltbuild"
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        """Answer with a file or the page."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """The same without what it holds."""
        self._answer(body=False)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged."""

    def _answer(self, *, body: bool) -> None:
        if self.hosts is not None and _host(self.headers.get("Host", "")) not in self.hosts:
            return self._send(403, b"this server answers to localhost only\n", "text/plain", {}, body)
        path = urlsplit(self.path).path
        name = PAGES.get(path) or path.removeprefix("/")
        kind = HTML if name.endswith(".html") else "application/json"
        if path.startswith(f"/{PROFILES}/"):
            made = made_profile(self.served, unquote(path.removeprefix(f"/{PROFILES}/")))
            if made is not None:
                return self._send(200, made, kind, OWN_PAGE, body)
        if name not in (*ARTIFACTS, *PAGES.values()):
            return self._send(404, b"there is no such file\n", "text/plain", {}, body)
        try:
            return self._send(200, read_whole(self.served / name), kind, {}, body)
        except OSError:
            if name != "index.html":
                return self._send(404, b"there is no such file\n", "text/plain", {}, body)
        return self._send(200, made_page(self.served).encode(errors="replace"), kind, OWN_PAGE, body)

    def _send(self, status: int, data: bytes, kind: str, more: dict[str, str], body: bool) -> None:
        self.send_response(status)
        for key, value in {**HEADERS, **more, "Content-Type": kind, "Content-Length": str(len(data))}.items():
            self.send_header(key, value)
        self.end_headers()
        if body:
            self.wfile.write(data)


def made_page(folder: Path) -> str:
    """The page about the artifacts that lie there; what cannot be read counts as not being there."""
    from eltbuild.report.docs_page import page

    return page(artifacts_of(folder, profiles_of(folder)))


def made_profile(folder: Path, name: str) -> bytes | None:
    """A profile that lies there, as its page (`.html`) or as it is (`.json`); None where there is none of that name.

    `name` is compared with the names that are there: no file is looked for by it.
    """
    from eltbuild.report.docs_page import about_tests
    from eltbuild.report.docs_profile import profile_page

    stem, _, kind = name.rpartition(".")
    if kind not in ("html", "json") or f"{stem}.json" not in names_of_profiles(folder):
        return None
    path = folder / PROFILES / f"{stem}.json"
    if kind == "json":
        try:
            return read_whole(path)
        except OSError:
            return None
    profile = decoded(path)
    if not profile:
        return None
    about = about_tests(artifacts_of(folder, {}), str(profile.get("unique_id")))
    return profile_page(profile, "/", f"/{PROFILES}/{quote(stem)}.json", about).encode(errors="replace")


def artifacts_of(folder: Path, profiles: dict[str, tuple[str, dict[str, Any]]]) -> Artifacts:
    """What lies there, read."""
    from eltbuild.report.docs_page import Artifacts

    manifest, catalog, results, sources = (decoded(folder / name) for name in ARTIFACTS)
    files = zip(ARTIFACTS, (manifest, catalog, results, sources), strict=True)
    return Artifacts(
        manifest=manifest,
        catalog=catalog,
        results=results if is_of_a_run(results) else decoded(folder / LAST_RUN),
        sources=sources,
        profiles=profiles,
        files=tuple(name for name, found in files if found),
    )


def profiles_of(folder: Path) -> dict[str, tuple[str, dict[str, Any]]]:
    """By id: where the page of each profile is, and the profile."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for name in names_of_profiles(folder):
        profile = decoded(folder / PROFILES / name)
        if profile:
            address = f"/{PROFILES}/{quote(name.removesuffix('.json'))}.html"
            found[str(profile.get("unique_id"))] = (address, profile)
    return found


def names_of_profiles(folder: Path) -> list[str]:
    """The names of the files that lie in the folder of profiles."""
    try:
        return sorted(name for name in os.listdir(folder / PROFILES) if name.endswith(".json"))
    except OSError:
        return []


def decoded(path: Path) -> dict[str, Any]:
    """What stands in a file; empty where it cannot be read."""
    import msgspec

    try:
        return msgspec.json.decode(read_whole(path), type=dict[str, Any])
    except (OSError, ValueError, RecursionError):
        return {}


def _host(header: str) -> str:
    """The name in a `Host` header, without its port."""
    return (urlsplit(f"//{header}").hostname or "") if "@" not in header and "/" not in header else ""
