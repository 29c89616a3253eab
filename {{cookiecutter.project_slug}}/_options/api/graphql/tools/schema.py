"""Writes `schema.graphql`, what the schema is for people and their tools: `poe schema`."""

from pathlib import Path

from app.kit.graphql.controller import sdl
from tests.modules import MODULES

FILE = Path("schema.graphql")

if __name__ == "__main__":
    FILE.write_text(sdl(MODULES), encoding="utf-8")
