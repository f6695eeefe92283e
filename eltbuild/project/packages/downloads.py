"""Fetching a file by its address: https, http and file, within bounds. Nothing is unpacked here."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from eltbuild.errors import Problem, ProjectError

CHUNK = 1 << 16
LARGEST_ARCHIVE = 256 * 1024 * 1024
LARGEST_INDEX = 64 * 1024 * 1024
SECONDS = 600
SILENCE_SECONDS = 30
TRIES = 3
ATTEMPTABLE = frozenset({408, 429, 500, 502, 503, 504})


class NotFound(ProjectError):
    """Nothing is at that address."""


def download(url: str, place: Path, *, limit: int = LARGEST_ARCHIVE) -> str:
    """Write what stands at an address to a file; returns its sha256 (hex). Raises `ProjectError`."""
    import hashlib

    digest = hashlib.sha256()
    for attempt in range(TRIES):
        try:
            digest = hashlib.sha256()
            with place.open("wb") as file:
                for chunk in read_address(url, limit):
                    digest.update(chunk)
                    file.write(chunk)
            break
        except _Passing as error:
            _again_or_raise(error, attempt)
    return digest.hexdigest()


def read_index(url: str) -> bytes:
    """What stands at an address, in memory. Raises `NotFound`, `ProjectError`."""
    for attempt in range(TRIES):
        try:
            return b"".join(read_address(url, LARGEST_INDEX))
        except _Passing as error:
            _again_or_raise(error, attempt)
    raise AssertionError("the last attempt returns or raises")


class _Passing(Exception):
    """A failure that may be over in a moment."""


def _again_or_raise(error: _Passing, attempt: int, sleep: Callable[[float], None] = time.sleep) -> None:
    if attempt + 1 == TRIES:
        raise ProjectError(Problem(str(error))) from None
    sleep(0.2 * 4**attempt)


def read_address(url: str, limit: int) -> Iterator[bytes]:
    """The bytes at an address, in pieces.

    Raises `NotFound` and `ProjectError`; `_Passing` when a retry may help.
    """
    end, left = time.monotonic() + SECONDS, limit
    with _opened(url) as stream:
        while chunk := stream.read(CHUNK):
            left -= len(chunk)
            if left < 0:
                raise ProjectError(Problem(f"{shown(url)} is larger than the {limit} bytes allowed"))
            if time.monotonic() > end:
                raise ProjectError(Problem(f"{shown(url)} did not arrive within {SECONDS} seconds"))
            yield chunk


def shown(url: str) -> str:
    """An address as messages show it: user and password left out."""
    return re.sub(r"(?<=://)[^/@\s]*@", "***@", url)


@contextmanager
def _opened(url: str) -> Iterator[IO[bytes]]:
    import http.client
    import urllib.error

    try:
        with _open_file(url) if url.startswith("file:") else _open_http(url) as stream:
            yield stream
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise NotFound(Problem(f"{shown(url)} does not exist")) from None
    except urllib.error.HTTPError as error:
        message = f"{shown(url)} answers {error.code} {error.reason}"
        error.close()
        if error.code in ATTEMPTABLE:
            raise _Passing(message) from None
        raise (NotFound if error.code in (404, 410) else ProjectError)(Problem(message)) from None
    except urllib.error.URLError as error:
        raise ProjectError(Problem(f"cannot reach {shown(url)}: {_reason(error.reason)}")) from None
    except (TimeoutError, ConnectionError, http.client.IncompleteRead) as error:
        raise _Passing(f"the connection to {shown(url)} broke: {_reason(error)}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ProjectError(Problem(f"cannot read {shown(url)}: {_reason(error)}")) from None


def _reason(error: Any) -> str:
    return str(getattr(error, "strerror", None) or error) or type(error).__name__


def _open_file(url: str) -> IO[bytes]:
    return file_of(url).open("rb")


def file_of(url: str) -> Path:
    """The file that a `file:` address names. Raises `ProjectError` for one on another machine."""
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        raise ProjectError(Problem(f"{url} names a file on another machine", hint="write file:///path/to/file"))
    return Path(url2pathname(parts.path))


def _open_http(url: str) -> Any:
    import urllib.request
    from urllib.parse import unquote, urlsplit, urlunsplit

    class HttpsStaysHttps(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
            if req.full_url.startswith("https:") and not newurl.startswith("https:"):
                raise ValueError("it leads from https to an address that anybody could change on the way")
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    # Only these handlers: a redirect cannot lead to a file, nor to ftp.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        HttpsStaysHttps(),
    ):
        opener.add_handler(handler)
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("only https, http and file addresses can be read")
    request = urllib.request.Request(urlunsplit(parts._replace(netloc=host, fragment="")))
    request.add_header("User-Agent", "eltbuild")
    if user:
        import base64

        credentials = base64.b64encode(unquote(user).encode("utf-8")).decode("ascii")
        # Not sent on to wherever a redirect leads.
        request.add_unredirected_header("Authorization", f"Basic {credentials}")
    return opener.open(request, timeout=SILENCE_SECONDS)
