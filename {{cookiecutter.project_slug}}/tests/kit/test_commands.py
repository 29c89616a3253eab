"""The commands, as processes of their own."""

import json
import shutil
import socket
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.conftest import TOKEN
from tests.door import BOOKS, DOOR, adding_book, bearing, book_at, said
from tests.modules import MODULES
from tests.polling import until
from tests.server import PROJECT, free_port, run, serving


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder like a fresh clone's: what the commands read there, and no `.env` or database yet."""
    shutil.copy(PROJECT / ".env.example", tmp_path)
    return tmp_path


def token_of(folder: Path) -> str:
    lines = (folder / ".env").read_text(encoding="utf-8").splitlines()
    return next(line.removeprefix("API_TOKEN=") for line in lines if line.startswith("API_TOKEN="))


def test_the_first_start_makes_everything_and_the_second_keeps_it(folder: Path) -> None:
    with serving("dev", folder) as server:
        books = said(httpx.get(server.address + BOOKS))
        assert len(books) == 20
        header = {"Authorization": f"Bearer {token_of(folder)}"}
        with httpx.Client(base_url=server.address) as client:
            added = said(client.request(**bearing(adding_book(title="Kept", author="Somebody"), header)))
    env_file = (folder / ".env").read_bytes()
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    with serving("dev", folder) as server:
        assert said(httpx.get(server.address + BOOKS)) == books
        kept = said(httpx.get(server.address + book_at(added["id"])))
        assert kept == {name: added[name] for name in kept}
    assert (folder / ".env").read_bytes() == env_file


def test_dev_prints_its_addresses_and_ends_well_on_ctrl_c(folder: Path) -> None:
    with serving("dev", folder) as server:
        assert server.interrupt() == 0
        output = server.output()
    for path in (DOOR, "/docs", "/health/ready"):
        assert f"{server.address}{path}" in output


async def test_a_server_ends_with_the_process_that_watches_its_code(folder: Path) -> None:
    with serving("dev", folder) as server:
        server.process.kill()

        async def is_gone() -> bool:
            return not listens(server.address)

        await until(is_gone)


def listens(address: str) -> bool:
    """Return whether somebody answers there."""
    try:
        return httpx.get(f"{address}/health/live").is_success
    except httpx.TransportError:
        return False


def test_of_two_first_starts_at_once_both_find_complete_settings(folder: Path) -> None:
    with ThreadPoolExecutor() as both:
        ended = [both.submit(run, "jobs", folder=folder) for _ in range(2)]
    assert [start.result()[2] for start in ended if "API_TOKEN" in start.result()[2]] == []
    assert sum("Made .env" in start.result()[1] for start in ended) == 1
    assert [path.name for path in folder.glob(".env*")] in ([".env", ".env.example"], [".env.example", ".env"])


def test_the_production_server_ends_well_on_ctrl_c(sqlite_database_url: str) -> None:
    with serving("serve", API_TOKEN=TOKEN, DATABASE_URL=sqlite_database_url) as server:
        assert server.interrupt() == 0


def test_the_production_server_wants_its_tables_first(folder: Path) -> None:
    settings = {"API_TOKEN": TOKEN, "PORT": str(free_port())}
    names = ", ".join(["kit", *(module.name for module in MODULES)])
    status, _, errors = run("serve", folder=folder, **settings)
    assert (status, errors) == (
        1,
        f"error: the tables of {names} are not at their newest version: run `poe migrate`\n",
    )
    assert run("migrate", folder=folder, **settings)[0] == 0
    with serving("serve", folder, API_TOKEN=TOKEN) as server:
        assert said(httpx.get(server.address + BOOKS)) == []
    assert run("seed", folder=folder, **settings)[1] == "Added the sample data.\n"
    assert run("seed", folder=folder, **settings)[1] == "There is data already: nothing was added.\n"


@pytest.mark.parametrize("verb", ["dev", "serve"])
def test_a_taken_port_is_one_clear_line(folder: Path, verb: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, _, errors = run(verb, folder=folder, PORT=str(port))
    assert status == 1
    assert errors.startswith(f"error: can't listen on http://127.0.0.1:{port} (")
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"DATABASE_URL": "app.db"}, "DATABASE_URL is not an address this project knows"),
        ({"DATABASE_URL": "mysql://localhost/library"}, "DATABASE_URL is not an address this project knows"),
        ({"DATABASE_URL": "postgresql://h:port/x"}, "DATABASE_URL is not an address this project knows"),
        ({"DATABASE_URL": "sqlite://"}, "DATABASE_URL names no file"),
        ({"DATABASE_URL": "sqlite:////no/such/folder/app.db"}, "the database of DATABASE_URL can't be used"),
        ({"DATABASE_URL": "postgresql://127.0.0.1:1/library"}, "the database of DATABASE_URL can't be used"),
        ({"PORT": "eighty"}, "PORT is wrong"),
        ({"PORT": "65536"}, "PORT is wrong"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL is wrong"),
        ({"LOG_EVERY": "0"}, "LOG_EVERY is wrong"),
        ({"SLOW_QUERY_MS": "-1"}, "SLOW_QUERY_MS is wrong"),
        ({"REPEATED_STATEMENT": "ignore"}, "REPEATED_STATEMENT is wrong"),
        ({"PRACTICES_OFF": "cache, sleep"}, "PRACTICES_OFF is wrong in .env or the environment: invalid enum value"),
        ({"API_TOKEN": "short"}, "API_TOKEN is wrong"),
        ({"CACHE_URL": "localhost:6379"}, "CACHE_URL is not an address this project knows"),
        ({"CACHE_URL": "redis://localhost:port"}, "CACHE_URL is not an address this project knows"),
        ({"RATE_LIMIT": "often"}, "RATE_LIMIT is wrong"),
        ({"RATE_LIMIT": "0/minute"}, "RATE_LIMIT is wrong"),
        ({"REQUEST_SECONDS": "0"}, "REQUEST_SECONDS is wrong"),
        ({"TRUSTED_PROXIES": "10.0.0.0/8, proxy"}, "TRUSTED_PROXIES is wrong in .env or the environment: 'proxy' does"),
        ({"EVENTS_TO": "http://127.0.0.1:8001"}, "EVENTS_TO is wrong in .env or the environment: write name=http://"),
        ({"EVENTS_TO": "search=127.0.0.1"}, "EVENTS_TO is wrong in .env or the environment: write name=http://"),
        ({"EVENTS_TO": "search=http://127.0.0.1", "EVENTS_SECRET": "short"}, "EVENTS_SECRET is wrong"),
        ({"DATABASE_URL": "sqlite:///app.db?mode=ro"}, "DATABASE_URL of SQLite takes nothing after `?`"),
        ({"DATABASE_URL": "sqlite:///.env.example"}, "the database of DATABASE_URL can't be used: (sqlite3.Database"),
        ({"HOST": "badhostä.."}, "can't listen on http://badhostä.."),
        ({"HOST": "no.such.host.invalid"}, "can't listen on http://no.such.host.invalid"),
    ],
)
def test_a_setting_that_can_not_work_is_one_clear_line(folder: Path, settings: dict[str, str], error: str) -> None:
    status, _, errors = run("dev", folder=folder, **{"PORT": str(free_port())} | settings)
    assert status == 1
    assert errors.startswith(f"error: {error}")
    assert errors.count("\n") == 1
    assert "Traceback" not in errors


def test_an_env_file_without_a_token_is_left_alone_and_named(folder: Path) -> None:
    (folder / ".env").write_text("PORT=8000\n", encoding="utf-8")
    status, _, errors = run("serve", folder=folder)
    assert (status, errors.split(" is not set")[0]) == (1, "error: API_TOKEN")
    assert (folder / ".env").read_text(encoding="utf-8") == "PORT=8000\n"


def test_a_request_under_way_is_answered_before_the_server_ends(sqlite_database_url: str) -> None:
    with serving("serve", API_TOKEN=TOKEN, DATABASE_URL=sqlite_database_url) as server:
        url = httpx.URL(server.address)
        with socket.create_connection((url.host, url.port or 80)) as connection:
            body = json.dumps(adding_book(title="Late", author="Somebody")["json"]).encode()
            headers = (
                f"Authorization: Bearer {TOKEN}",
                "Content-Type: application/json",
                f"Content-Length: {len(body)}",
            )
            head = (f"POST {DOOR} HTTP/1.1", "Host: x", *headers, "", "")
            connection.sendall("\r\n".join(head).encode())
            server.process.terminate()
            connection.sendall(body)
            assert connection.recv(1000).startswith(b"HTTP/1.1 20")


def test_a_broken_command_line_says_what_there_is() -> None:
    status, _, errors = run("fly")
    assert status == 2
    assert "dev" in errors


@pytest.mark.parametrize("command", [["serve"], ["migrate"], ["seed"], ["revision", "catalog", "nothing"]])
def test_a_file_that_is_no_database_is_one_clear_line(folder: Path, command: list[str]) -> None:
    (folder / "app.db").write_bytes(b"no database" * 100)
    status, _, errors = run(*command, folder=folder, PORT=str(free_port()))
    assert (status, errors.count("\n")) == (1, 1)
    assert errors.startswith("error: the database of DATABASE_URL can't be used: ")


@pytest.mark.parametrize("verb", ["dev", "seed"])
def test_a_database_that_somebody_else_writes_to_is_one_clear_line(folder: Path, verb: str) -> None:
    assert run("migrate", folder=folder)[0] == 0
    with closing(sqlite3.connect(folder / "app.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        status, _, errors = run(verb, folder=folder, PORT=str(free_port()))
    assert (status, errors.count("\n")) == (1, 1)
    assert errors.startswith("error: the database of DATABASE_URL can't be used: ")
    assert "locked" in errors


def test_of_two_who_add_the_sample_data_at_once_one_finds_it_there(database_url: str) -> None:
    def seed() -> tuple[int, str, str]:
        return run("seed", API_TOKEN=TOKEN, DATABASE_URL=database_url)

    with ThreadPoolExecutor() as both:
        ended = [both.submit(seed) for _ in range(2)]
    assert sorted(seeding.result() for seeding in ended) == [
        (0, "Added the sample data.\n", ""),
        (0, "There is data already: nothing was added.\n", ""),
    ]


def test_a_folder_in_place_of_the_env_file_is_one_clear_line(folder: Path) -> None:
    (folder / ".env").mkdir()
    status, _, errors = run("migrate", folder=folder)
    assert (status, errors) == (1, "error: .env is a folder: move it away, and the next start makes the file\n")


def test_nothing_is_made_in_a_folder_that_is_no_project(tmp_path: Path) -> None:
    status, _, errors = run("migrate", folder=tmp_path)
    assert (status, errors.count("\n")) == (1, 1)
    assert errors.startswith("error: API_TOKEN is not set")
    assert list(tmp_path.iterdir()) == []


def test_migrations_are_found_from_any_folder(tmp_path: Path) -> None:
    status, output, _ = run("migrate", folder=tmp_path, API_TOKEN=TOKEN)
    assert (status, output) == (0, "The tables are at their newest version.\n")
