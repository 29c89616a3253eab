"""Settings: read from the environment and from `.env`, typed and checked once, at start."""

import os
import secrets
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_origin
from urllib.parse import urlsplit

import msgspec
from dotenv import dotenv_values

ENV_FILE = Path(".env")
SECRET_LENGTH = 16
SECRETS = ("API_TOKEN", "EVENTS_SECRET", "POSTGRES_PASSWORD")
"""What `make_env_file` fills in where the example leaves it empty."""

Practice = Literal[
    "batch", "breaker", "cache", "compress", "deferrable", "fields", "jobs", "pages", "query_log", "retry", "throttle"
]
"""A sustainability practice that PRACTICES_OFF can switch off; `docs/practices.md` describes each."""

GridProvider = Literal["profile", "carbon_intensity", "electricity_maps", "carbon_aware_sdk"]
"""Who says how clean the electricity will be: `kit/grid.py` describes each."""


class SettingsError(Exception):
    """A setting is missing or wrong; the message names it and says what to do."""


class Environment(msgspec.Struct, frozen=True, kw_only=True, rename=str.upper):
    """Settings; each field is the environment variable of that name."""

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None) -> Self:
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


class Settings(Environment, frozen=True, kw_only=True):
    """What a process needs to know from outside."""

    api_token: Annotated[str, msgspec.Meta(min_length=SECRET_LENGTH)]
    database_url: str = "sqlite:///app.db"
    cache_url: str = ""
    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 8000
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    rate_limit: Annotated[str, msgspec.Meta(pattern=r"^[1-9][0-9]{0,8}/(second|minute|hour)$")] = "600/minute"
    request_seconds: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 10
    trusted_proxies: frozenset[str] = frozenset()
    log_every: Annotated[int, msgspec.Meta(ge=1)] = 10
    slow_query_ms: Annotated[int, msgspec.Meta(ge=0)] = 100
    repeated_statement: Literal["warn", "fail"] = "warn"
    grid_provider: GridProvider = "profile"
    grid_zone: str = ""
    grid_signal: Literal["average", "marginal"] = "average"
    grid_url: str = ""
    grid_token: str = ""
    open_library_url: str = ""
    pages_dir: str = ""
    worker_inside: bool = False
    events_secret: str = ""
    events_to: frozenset[str] = frozenset()
    job_lease_seconds: Annotated[float, msgspec.Meta(ge=1, le=3600)] = 30
    practices_off: frozenset[Practice] = frozenset()

    def __post_init__(self) -> None:
        """Refuse addresses that are none, which no type shows; raise SettingsError."""
        if self.cache_url and not _is_cache_address(self.cache_url):
            raise SettingsError(
                "CACHE_URL is not an address this project knows: write redis://host:6379 or valkey://host:6379 "
                "(rediss:// or valkeys:// for TLS), or leave it empty for the memory of the process"
            )
        for name, url in (("GRID_URL", self.grid_url), ("OPEN_LIBRARY_URL", self.open_library_url)):
            if url and not _is_web_address(url):
                raise SettingsError(
                    f"{name} is no address of a web service: write https://host/path, or leave it empty"
                )
        self._check_grid()
        self._check_events()
        for proxy in self.trusted_proxies:
            try:
                ip_network(proxy)
            except ValueError as error:
                raise SettingsError(f"TRUSTED_PROXIES is wrong in .env or the environment: {error}") from None

    def _check_grid(self) -> None:
        if self.grid_provider != "profile" and not self.grid_zone:
            raise SettingsError(f"GRID_ZONE is not set: GRID_PROVIDER={self.grid_provider} wants one, such as GB or DE")
        if self.grid_provider == "carbon_intensity" and self.grid_zone != "GB":
            raise SettingsError("GRID_ZONE is wrong: GRID_PROVIDER=carbon_intensity knows GB only")
        if self.grid_provider == "electricity_maps" and not self.grid_token:
            raise SettingsError("GRID_TOKEN is not set: GRID_PROVIDER=electricity_maps wants the token of your account")
        if self.grid_provider == "carbon_aware_sdk" and not self.grid_url:
            raise SettingsError("GRID_URL is not set: GRID_PROVIDER=carbon_aware_sdk runs at an address of yours")
        if self.grid_signal == "marginal" and self.grid_provider != "carbon_aware_sdk":
            raise SettingsError(f"GRID_SIGNAL is wrong: GRID_PROVIDER={self.grid_provider} gives averages only")

    def _check_events(self) -> None:
        for consumer in self.events_to:
            name, _, url = consumer.partition("=")
            if not name.isidentifier() or not _is_web_address(url):
                raise SettingsError(
                    "EVENTS_TO is wrong in .env or the environment: write name=http://host:port of each service "
                    "that hears of what happens here, with commas in between"
                )
        if self.events_to and not self.events_secret:
            raise SettingsError("EVENTS_SECRET is not set: EVENTS_TO wants the secret that all services share")
        if self.events_secret and len(self.events_secret) < SECRET_LENGTH:
            raise SettingsError(f"EVENTS_SECRET is wrong: it has less than {SECRET_LENGTH} characters")


def make_env_file(example: Path = Path(".env.example")) -> bool:
    """Write `.env` from `example` with fresh secrets, readable by its owner only; return whether it was made.

    An existing file, a token in the environment and a folder without `example`, which is no project's, are left
    alone. Raises SettingsError where the file can't be written.
    """
    if os.environ.get("API_TOKEN") or ENV_FILE.exists() or not example.exists():
        return False
    try:
        text = example.read_text(encoding="utf-8")
        for name in SECRETS:
            text = text.replace(f"\n{name}=\n", f"\n{name}={secrets.token_urlsafe(32)}\n", 1)
        draft = ENV_FILE.with_name(f".env.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        try:
            # Of two processes that start at once, one makes the file, complete as it is, and the other reads it.
            ENV_FILE.hardlink_to(draft)
        finally:
            draft.unlink()
    except FileExistsError:
        return False
    except OSError as error:
        raise SettingsError(f".env can't be written ({error.strerror}): set API_TOKEN in the environment") from None
    return True


def _read_env_file() -> dict[str, str]:
    if ENV_FILE.is_dir():
        raise SettingsError(".env is a folder: move it away, and the next start makes the file")
    try:
        return {name: value for name, value in dotenv_values(ENV_FILE).items() if value is not None}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f".env can't be read: {error}") from None


def _is_web_address(url: str) -> bool:
    try:
        address = urlsplit(url)
        return address.scheme in {"http", "https"} and bool(address.hostname) and address.port != 0
    except ValueError:  # a port that is no number
        return False


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
