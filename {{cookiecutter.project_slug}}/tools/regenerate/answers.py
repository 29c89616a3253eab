"""What a project was made from: the template's address, its version and the answers, in one file."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from tools.regenerate.git import Refused

FILE = ".evergreen.json"
LOCAL = ".evergreen.local"
"""Where the template lies on this machine; git ignores it."""


class Record(msgspec.Struct, frozen=True):
    """What the file says."""

    template: str | None
    """Its address; None where it was a folder without one."""
    version: str
    """A commit or a tag of the template."""
    answers: dict[str, str]


def read(content: bytes) -> Record:
    """Return what the content of the file says; raise Refused."""
    try:
        return msgspec.json.decode(content, type=Record)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(f"{FILE} can't be read ({error}): `git log -p -- {FILE}` shows it as it was") from None


def local_template(project: Path) -> Path | None:
    """Return where the template lies on this machine, as far as `project` knows and it is still there."""
    try:
        folder = Path((project / LOCAL).read_text(encoding="utf-8").strip())
    except OSError:
        return None
    return folder if folder.is_absolute() and folder.is_dir() else None


def parse(arguments: Sequence[str]) -> dict[str, str]:
    """Return the answers given as `key=value`; raise Refused."""
    answers: dict[str, str] = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals:
            raise Refused(f"{argument!r} is no answer: write key=value, for example api=rest")
        if key in answers:
            raise Refused(f"{key} is answered twice: give one answer")
        answers[key] = value
    return answers


def check(answers: Mapping[str, str], questions: Mapping[str, object]) -> None:
    """Raise Refused where one of `answers` answers no question, or isn't one of those offered."""
    for key, value in answers.items():
        if key not in questions:
            raise Refused(f"{key} is no question of the template at this version: it asks {', '.join(questions)}")
        offered = questions[key]
        if isinstance(offered, list) and value not in offered:
            raise Refused(f"{key} can't be {value!r} at this version of the template: choose {' or '.join(offered)}")


def as_data(answer: str) -> str:
    """Return the template code that renders to `answer` itself, whatever braces are in it."""
    return "{{ '" + "".join(f"\\U{ord(character):08x}" for character in answer) + "' }}"
