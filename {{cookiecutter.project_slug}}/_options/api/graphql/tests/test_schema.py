"""The schema as a file: what clients' tools read, and where a change of it is seen in a diff."""

from pathlib import Path

from app.kit.graphql.controller import sdl
from tests.modules import MODULES


def test_the_schema_is_the_one_in_its_file(project: Path) -> None:
    written = (project / "schema.graphql").read_text(encoding="utf-8")
    assert written == sdl(MODULES), "The schema has changed: run `poe schema`, and look at the difference."
