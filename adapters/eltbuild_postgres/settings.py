"""What the fields of a profile mean for PostgreSQL. Nothing is connected, the driver is not imported.

The fields are those of dbt-postgres, and what else libpq takes. What is not named is left to libpq, which asks the
environment (`PGHOST`, `PGPASSWORD` ...), the service file and `~/.pgpass`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from eltbuild.adapter import Target
from eltbuild.errors import Problem, did_you_mean
from eltbuild.values import dataclass, field

APPLICATION = "eltbuild"
CONNECT_TIMEOUT = 10
RETRIES = 1

SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
TEXTS = (
    "host", "hostaddr", "user", "password", "dbname", "service", "sslmode", "sslpassword", "sslcrldir",
    "sslnegotiation", "ssl_min_protocol_version", "ssl_max_protocol_version", "channel_binding", "gssencmode",
    "krbsrvname", "target_session_attrs", "load_balance_hosts", "require_auth", "options", "application_name",
)  # fmt: skip
"""Fields that libpq takes as they are."""
FILES = ("sslcert", "sslkey", "sslrootcert", "sslcrl", "passfile")
NUMBERS: Mapping[str, int] = {
    "connect_timeout": 2_147_483, "keepalives": 1, "keepalives_idle": 2_147_483, "keepalives_interval": 2_147_483,
    "keepalives_count": 2_147_483, "tcp_user_timeout": 2_147_483_647,
}  # fmt: skip
"""Fields that hold a number from 0 up to the one given."""
OTHERS = (
    "type", "threads", "port", "schema", "state_schema", "history_runs", "history_days", "database", "pass",
    "role", "search_path", "retries", "autocommit",
)  # fmt: skip
KNOWN: frozenset[str] = frozenset({*TEXTS, *FILES, *NUMBERS, *OTHERS})
MOST_RETRIES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """All that opening a session takes."""

    parameters: Mapping[str, str] = field(default_factory=dict)
    """What libpq is given; passwords are among it."""
    role: str = ""
    search_path: str = ""
    """As it is written in SQL: names separated by commas."""
    retries: int = RETRIES
    secrets: frozenset[str] = frozenset()
    problems: tuple[Problem, ...] = ()


def read_opening(target: Target, working_folder: str) -> Opening:
    """What the target's fields ask for. `problems` says what is wrong with them; nothing is raised."""
    return _Reading(target, working_folder).opening()


class _Reading:
    """One reading of a target's fields, which collects what is wrong in them."""

    def __init__(self, target: Target, working_folder: str) -> None:
        self.target = target
        self.fields: dict[str, Any] = {**target.fields}
        for old, new in (("pass", "password"), ("database", "dbname")):
            if self.fields.get(new) is None and self.fields.get(old) is not None:
                self.fields[new] = self.fields[old]
        self.root = os.path.abspath(os.path.join(working_folder, target.root or "."))
        self.problems: list[Problem] = []

    def opening(self) -> Opening:
        self._unknown()
        parameters = {
            **{name: text for name in TEXTS if (text := self._text(name))},
            **{name: self._file(text) for name in FILES if (text := self._text(name))},
            **{name: number for name in NUMBERS if (number := self._number(name))},
            "port": self._port(),
        }
        # An environment variable of libpq's goes before this name, the profile before both.
        parameters.setdefault("fallback_application_name", APPLICATION)
        if self.fields.get("connect_timeout") is None and "PGCONNECT_TIMEOUT" not in os.environ:
            parameters["connect_timeout"] = str(CONNECT_TIMEOUT)
        if parameters.get("keepalives_idle") == "0":
            del parameters["keepalives_idle"]
        self._ssl_mode(parameters.get("sslmode", ""))
        self._flag("autocommit")
        password = parameters.get("password", "")
        return Opening(
            parameters={name: text for name, text in parameters.items() if text},
            role=self._text("role"),
            search_path=self._search_path(),
            retries=self._retries(),
            secrets=frozenset({*self.target.secrets, *([password] if password else [])}),
            problems=tuple(self.problems),
        )

    # What is wrong

    def _wrong(self, message: str, hint: str = "") -> None:
        where = f"target `{self.target.name}` of profile `{self.target.profile}`"
        self.problems.append(Problem(f"{where}: {message}", hint=hint))

    def _unknown(self) -> None:
        where = f"target `{self.target.name}` of profile `{self.target.profile}`"
        for name in map(str, self.target.fields):
            if name not in KNOWN:
                message = f"{where}: `{name}` is nothing that a PostgreSQL target knows"
                hint = did_you_mean(name, KNOWN)
                self.problems.append(Problem(message, None, hint, "warning", "UnknownProfileField"))

    # Reading one field

    def _text(self, name: str) -> str:
        value = self.fields.get(name)
        if value is None:
            return ""
        if isinstance(value, (dict, list, bool)):
            self._wrong(f"`{name}` must be a text")
            return ""
        text = str(value)
        if "\0" in text:
            self._wrong(f"`{name}` holds a NUL character, which no text of PostgreSQL's can")
            return ""
        return text if name in ("password", "sslpassword") else text.strip()

    def _file(self, path: str) -> str:
        """The path of a file, absolute; `system` stands for the machine's own certificates."""
        if path == "system":
            return path
        return os.path.normpath(os.path.join(self.root, os.path.expanduser(path)))

    def _number(self, name: str) -> str:
        value = self.fields.get(name)
        if value is None or value == "":
            return ""
        text = str(value).strip()
        if isinstance(value, bool) or not text.isdecimal() or int(text) > NUMBERS[name]:
            self._wrong(f"`{name}` must be a whole number from 0 to {NUMBERS[name]}")
            return ""
        return str(int(text))

    def _port(self) -> str:
        """A port, or one for each of several hosts."""
        value = self.fields.get("port")
        if value is None or value == "":
            return ""
        ports = [port.strip() for port in str(value).split(",")]
        if isinstance(value, (bool, dict, list)) or not all(
            not port or (port.isdecimal() and 0 < int(port) < 65536) for port in ports
        ):
            self._wrong("`port` must be a whole number from 1 to 65535", "PostgreSQL's own is 5432")
            return ""
        return ",".join(ports)

    def _retries(self) -> int:
        value = self.fields.get("retries")
        if value is None or value == "":
            return RETRIES
        text = str(value).strip()
        if isinstance(value, bool) or not text.isdecimal() or int(text) > MOST_RETRIES:
            self._wrong(f"`retries` must be a whole number from 0 to {MOST_RETRIES}")
            return RETRIES
        return int(text)

    def _flag(self, name: str) -> None:
        """Transactions are begun where they are needed, whatever this field says."""
        value = self.fields.get(name)
        if value is not None and str(value).strip().lower() not in ("true", "false", "yes", "no", "1", "0", ""):
            self._wrong(f"`{name}` must be true or false")

    def _search_path(self) -> str:
        value = self.fields.get("search_path")
        if isinstance(value, list):
            if not all(isinstance(item, str) for item in value):
                self._wrong("`search_path` must be a text, or a list of names of schemas")
                return ""
            return ", ".join('"' + item.replace('"', '""') + '"' for item in value)
        return self._text("search_path")

    def _ssl_mode(self, mode: str) -> None:
        if mode and mode not in SSL_MODES:
            hint = did_you_mean(mode, SSL_MODES) or f"it can be {', '.join(SSL_MODES)}"
            self._wrong(f"`sslmode` cannot be `{mode}`", hint)
