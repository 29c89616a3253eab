"""Settings: read from the environment and from `.env`, typed and checked once, at start."""

import os
import secrets
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin
from urllib.parse import urlsplit

import msgspec
from dotenv import dotenv_values

ENV_FILE = Path(".env")

Practice = Literal["batch", "cache", "compress", "fields", "jobs", "query_log", "throttle"]
"""A sustainability practice that PRACTICES_OFF can switch off; `docs/practices.md` describes each."""


class SettingsError(Exception):
    """A setting is missing or wrong; the message names it and says what to do."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, rename=str.upper):
    """What a process needs to know from outside; each field is the environment variable of that name."""

    api_token: Annotated[str, msgspec.Meta(min_length=16)]
    database_url: str = "sqlite:///library.db"
    cache_url: str = ""
    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 8000
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    rate_limit: Annotated[str, msgspec.Meta(pattern=r"^[1-9][0-9]{0,8}/(second|minute|hour)$")] = "600/minute"
    request_seconds: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 10
    trusted_proxies: frozenset[str] = frozenset()
    worker_inside: bool = False
    job_lease_seconds: Annotated[float, msgspec.Meta(ge=1, le=3600)] = 30
    practices_off: frozenset[Practice] = frozenset()

    def __post_init__(self) -> None:
        """Refuse addresses that are none, which no type shows; raise SettingsError."""
        if self.cache_url and not _is_cache_address(self.cache_url):
            raise SettingsError(
                "CACHE_URL is not an address this project knows: write redis://host:6379 or valkey://host:6379 "
                "(rediss:// or valkeys:// for TLS), or leave it empty for the memory of the process"
            )
        for proxy in self.trusted_proxies:
            try:
                ip_network(proxy)
            except ValueError as error:
                raise SettingsError(f"TRUSTED_PROXIES is wrong in .env or the environment: {error}") from None

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Return the settings of `environment`, by default those of `.env` overruled by the process's own.

        An empty value counts as not set; a setting that is a list takes commas. Raises SettingsError.
        """
        if environment is None:
            environment = {**_read_env_file(), **os.environ}
        given: dict[str, Any] = {
            field.encode_name: _split(value) if get_origin(field.type) is frozenset else value
            for field in msgspec.structs.fields(cls)
            if (value := environment.get(field.encode_name))
        }
        try:
            return msgspec.convert(given, cls, strict=False)
        except msgspec.ValidationError as error:
            raise SettingsError(_explain(str(error))) from None


def make_env_file(example: Path = Path(".env.example")) -> bool:
    """Write `.env` from `example` with a fresh API token, readable by its owner only; return whether it was made.

    An existing file, or a token in the environment, is left alone. Raises SettingsError where the file can't
    be written.
    """
    if os.environ.get("API_TOKEN") or ENV_FILE.exists():
        return False
    template = example.read_text(encoding="utf-8") if example.exists() else "API_TOKEN=\n"
    text = template.replace("API_TOKEN=\n", f"API_TOKEN={secrets.token_urlsafe(32)}\n", 1)
    try:
        # O_EXCL: of two processes that start at once, one makes the file and the other reads it.
        descriptor = os.open(ENV_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    except OSError as error:
        raise SettingsError(f".env can't be written ({error.strerror}): set API_TOKEN in the environment") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return True


def _read_env_file() -> dict[str, str]:
    try:
        return {name: value for name, value in dotenv_values(ENV_FILE).items() if value is not None}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f".env can't be read: {error}") from None


def _is_cache_address(url: str) -> bool:
    try:
        address = urlsplit(url)
        return (
            address.scheme in {"redis", "rediss", "valkey", "valkeys"}
            and bool(address.hostname)
            and address.port != 0
            and (address.path.strip("/") or "0").isdecimal()  # the number of a database
        )
    except ValueError:  # a port that is no number
        return False


def _split(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


def _explain(error: str) -> str:
    """Turn msgspec's sentence into one that names the variable and never its value."""
    reason, _, path = error.partition(" - at `$.")
    if path:
        name = path.rstrip("`").partition("[")[0]
        return f"{name} is wrong in .env or the environment: {reason[:1].lower()}{reason[1:]}"
    name = reason.rpartition("`")[0].rpartition("`")[2]
    return f"{name} is not set: put it in .env or the environment (.env.example lists all settings)"
