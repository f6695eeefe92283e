"""What must not be shown: which names tell of a secret, the forms in which one can appear, and the mask over them.

Nothing is read or written here. A secret is a value of the profile whose field is named as one, what such a value
holds as a password (`postgres://user:password@host`), or the value of an environment variable `*_ENV_SECRET_*`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, TypeAlias

STARS = "*****"
SHORTEST = 3
"""Shorter ones are not looked for in texts: whatever is written would be full of holes."""
WORD = 6
"""Shorter ones are looked for as whole words only."""
LINE = 8
"""The lines of a longer secret, such as a private key, are looked for one by one from this length on."""

_VARIABLE = re.compile(r"(?:^|_)ENV_SECRET(?:_|$)|^(?:DBT|ELTBUILD)_ENV_SECRET", re.IGNORECASE)
_FIELD = re.compile(
    r"(?:password|passwords|passphrase|passwd|passcode|token|tokens|secret|secrets|credential|credentials"
    r"|private_?key|api_?key|secret_?key|access_?key|account_?key|encryption_?key|signing_?key|master_?key|shared_?key"
    r"|connection_?string|keyfile_?json|service_?account_?json|authorization"
    r"|(?:^|_)(?:pass|pwd|sas|dsn|jwt|pat))$"
)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_USER_INFO = re.compile(r"(?<=://)(?P<user>[^/@\s:'\"`]*):(?P<password>[^/@\s'\"`]+)@")
_PAIR = re.compile(
    r"""(?P<name>\w*(?:password|passwd|pwd|passphrase|token|secret|secret_?key|access_?key|api_?key|account_?key))
        \s*=\s*(?P<value>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s;&'"]+)""",
    re.IGNORECASE | re.VERBOSE,
)
"""`password=...` in a connection string or in the query of an address."""

_SCHEME = re.compile(r"^(?:Bearer|Basic|Token)\s+(\S+)$", re.IGNORECASE)
"""The header of a request."""

Mask: TypeAlias = Callable[[str], str]


def is_secret_variable(name: str) -> bool:
    """Whether an environment variable of that name may be read in profiles and package lists only."""
    return _VARIABLE.search(name) is not None


@lru_cache(maxsize=4096)
def is_secret_field(name: str) -> bool:
    """Whether a field of a profile holds a secret, as its name tells: `password`, `api_token`, `secretKey` ..."""
    plain = _HUMP.sub("_", str(name)).lower().replace("-", "_")
    return _FIELD.search(plain) is not None


def secret_texts(value: Any, secret: bool = False) -> Iterator[str]:
    """The secrets in the fields of a profile, however deep: whole values by their name, passwords inside of others.

    Of `secrets: [{type: s3, secret: ...}]` only the inner one is secret.
    """
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from secret_texts(item, is_secret_field(str(key)))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from secret_texts(item, secret and not isinstance(item, Mapping))
    elif secret and isinstance(value, (str, int, float)) and not isinstance(value, bool):
        yield str(value)
        yield from embedded(str(value))
    elif isinstance(value, str):
        yield from embedded(value)


def embedded(text: str) -> Iterator[str]:
    """The passwords that an address or a connection string holds, as written and as meant."""
    from urllib.parse import unquote

    found = [match["password"] for match in _USER_INFO.finditer(text)] if "://" in text else []
    found += _SCHEME.findall(text)
    if "=" in text:
        found += [match["value"].strip("'\"") for match in _PAIR.finditer(text)]
    for password in found:
        yield password
        if "%" in password:
            yield unquote(password)
        if "\\" in password:
            yield re.sub(r"\\(.)", r"\1", password)


def without_secrets(fields: Mapping[str, Any], secrets: Iterable[str]) -> dict[str, Any]:
    """The fields of a profile for those who may not know its secrets.

    Fields that are named as secrets are gone, and texts in which a secret stands have stars in its place. A user that
    is spelled like the password is still told. The mappings and lists are new ones.
    """
    bare: dict[str, Any] = _bare(fields, frozenset(secrets) - frozenset(_named(fields)))
    return bare


def _named(value: Any, secret: bool = False) -> Iterator[str]:
    """The values of fields that are named as secrets."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _named(item, is_secret_field(str(key)))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _named(item, secret)
    elif secret:
        yield str(value)


def _bare(value: Any, secrets: frozenset[str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _bare(item, secrets) for key, item in value.items() if not is_secret_field(str(key))}
    if isinstance(value, (list, tuple)):
        return [_bare(item, secrets) for item in value]
    if isinstance(value, str):
        return mask_secrets({*secrets, *embedded(value)})(value)
    return value


def secrets_of(target: Any, environment: Mapping[str, str], vars: Mapping[str, Any]) -> frozenset[str]:
    """Every secret that a call knows: of its target, of the environment, and vars that are named as secrets."""
    return frozenset(secret for secret in target.secrets if secret.strip()) | given_secrets(environment, vars)


def given_secrets(environment: Mapping[str, str], vars: Mapping[str, Any]) -> frozenset[str]:
    """The secrets of the environment, and vars that are named as secrets."""
    variables = (value for name, value in environment.items() if is_secret_variable(name))
    return frozenset(secret for secret in (*variables, *secret_texts(vars)) if secret.strip())


# Forms and masks --------------------------------------------------------------------------------------------


def forms(secret: str) -> frozenset[str]:
    """The texts in which a secret can appear: as it is, escaped as JSON, SQL, Python and addresses do, line by line."""
    texts = {secret, secret.strip(), *embedded(secret)}
    lines = [line.strip() for line in secret.splitlines()]
    if len(lines) > 1:
        texts |= {line for line in lines if len(line) >= LINE and not line.startswith("-----")}
        texts |= {"".join(lines), " ".join(lines)}
    found: set[str] = set()
    for text in texts:
        if len(text) >= SHORTEST:
            found |= {text, *_escaped(text), *_encoded(text)}
    return frozenset(form for form in found if len(form) >= SHORTEST)


def _escaped(text: str) -> Iterator[str]:
    import json
    from html import escape
    from urllib.parse import quote, quote_plus

    if text.isalnum() and text.isascii():
        return
    data = text.encode("utf-8", "surrogatepass")
    yield from (quote(data), quote(data, safe=""), quote_plus(data), quote(data, safe="").lower())
    yield from (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
    yield from (repr(text)[1:-1], repr(data)[2:-1], escape(text))
    slashes = text.replace("\\", "\\\\")
    yield from (slashes, slashes.replace("'", "\\'"), slashes.replace('"', '\\"'))
    yield from (text.replace("'", "''"), text.replace('"', '""'), slashes.replace("'", "''"))


def _encoded(text: str) -> Iterator[str]:
    """Base 64 at each of the three offsets at which a text can stand in a longer one, and hexadecimal."""
    from base64 import b64encode

    data = text.encode("utf-8", "surrogatepass")
    if len(data) < WORD:
        return
    for before in range(3):
        whole = b64encode(b"\0" * before + data).decode("ascii")
        # The characters at both ends hold bits of the neighbours too.
        first = (before * 8 + 5) // 6
        inner = whole[first : (before + len(data)) * 8 // 6]
        yield from (inner, inner.replace("+", "-").replace("/", "_"))
    yield from (data.hex(), data.hex().upper())


class Hider:
    """Puts stars in the place of every form of some secrets, the longest first.

    `names` are words that anybody may read, though a secret stands in them: where `shop` is the password of a database
    `shop_dev`, that name is left as it is.
    """

    __slots__ = ("_forms", "_names", "_pattern")

    def __init__(self, secrets: Iterable[str], names: Iterable[str] = ()) -> None:
        found = {form for secret in secrets for form in forms(secret)}
        ordered = sorted(found, key=lambda form: (-len(form), form))
        self._forms = tuple({form.encode("utf-8", "surrogatepass") for form in ordered})
        whole = {name for name in names if name not in found and any(form in name for form in ordered)}
        known = "|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in sorted(whole, key=lambda n: (-len(n), n)))
        self._names = re.compile(known.encode("utf-8", "surrogatepass")) if known else None
        self._pattern = re.compile("|".join([*([f"(?P<name>{known})"] if known else []), *map(_pattern, ordered)]))

    def __call__(self, text: str) -> str:
        return self._pattern.sub(_starred, text)

    def in_bytes(self, data: bytes) -> bool:
        """Whether any of the secrets may stand in an encoded text; cheap where none does."""
        if not any(form in data for form in self._forms):
            return False
        if self._names is None:
            return True
        rest = self._names.sub(b" ", data)
        return any(form in rest for form in self._forms)

    def in_value(self, value: Any) -> Any:
        """The value with every text in it masked, keys and numbers too, so that JSON it stays."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, Mapping):
            return {self.in_value(key): self.in_value(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.in_value(item) for item in value]
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return STARS if self(str(value)) == STARS else value
        return value


def _starred(found: re.Match[str]) -> str:
    return found[0] if found.lastgroup == "name" else STARS


def _pattern(form: str) -> str:
    escaped = re.escape(form)
    return escaped if len(form) >= WORD else rf"(?<!\w){escaped}(?!\w)"


def unmasked(text: str) -> str:
    """The text as it is: the mask where there is nothing to hide."""
    return text


def mask_secrets(secrets: Iterable[str], names: Iterable[str] = ()) -> Mask:
    """A function that puts stars in the place of every form of every secret, but in words that are among `names`."""
    hidden = frozenset(secret for secret in secrets if len(secret.strip()) >= SHORTEST)
    known = frozenset(name for name in names if any(secret in name for secret in hidden)) if hidden else frozenset()
    return _hider(hidden, known) or unmasked


@lru_cache(maxsize=64)
def _hider(secrets: frozenset[str], names: frozenset[str]) -> Hider | None:
    return Hider(secrets, names) if secrets else None


def hide_addresses(text: str) -> str:
    """The text with stars in the place of passwords in addresses, whoever wrote them there."""
    return _USER_INFO.sub(rf"\g<user>:{STARS}@", text) if "://" in text else text


# What a call has met ----------------------------------------------------------------------------------------

_MET: ContextVar[set[str] | None] = ContextVar("eltbuild_secrets_met", default=None)
"""Errors can leave a command from anywhere; whoever tells them at its very end knows of no profile."""


@contextmanager
def remembering(environment: Mapping[str, str]) -> Iterator[None]:
    """Inside of it, `hidden` knows the secrets of the environment and all that `remember` was told."""
    token = _MET.set({value for name, value in environment.items() if is_secret_variable(name)})
    try:
        yield
    finally:
        _MET.reset(token)


def remember(secrets: Iterable[str]) -> None:
    """Note secrets for `hidden`; outside of `remembering` nothing is noted."""
    met = _MET.get()
    if met is not None:
        met.update(secrets)


def hidden(text: str) -> str:
    """The text without what was remembered, and without passwords in addresses."""
    return hide_addresses(mask_secrets(_MET.get() or ())(text))
