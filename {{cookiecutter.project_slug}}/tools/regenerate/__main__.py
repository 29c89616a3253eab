"""`uv run poe regenerate`: bring other answers, or another version of the template, into this project.

The project is rendered twice, as it was made and as it is wanted; git brings the difference onto the branch.
Exit status: 0 nothing is left to do, 1 something is left to resolve, 2 refused or failed, and all is as it was.
"""

import argparse
import sys
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path

from tools.regenerate import answers
from tools.regenerate.git import GitFailed, Refused, Stuck
from tools.regenerate.plan import Plan, plan
from tools.regenerate.project import Project
from tools.regenerate.template import Template, open_template

INTERRUPTED = 130  # what shells call a program that Ctrl-C ended
HERE = Path(__file__).resolve().parents[2]


def main() -> int:
    """Do what the command line says; return the exit status."""
    parser = argparse.ArgumentParser(prog="poe regenerate", description=__doc__, allow_abbrev=False)
    parser.add_argument("answers", nargs="*", metavar="key=value", help="an answer to a question of the template")
    parser.add_argument(
        "--to", type=_named, metavar="VERSION", help="a tag, commit or branch; else the recorded version"
    )
    parser.add_argument(
        "--template", type=_named, metavar="PATH_OR_URL", help="where the template is; else the recorded place"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")
    parser.add_argument("--abort", action="store_true", help="undo the regeneration that is under way")
    arguments = parser.parse_args()
    try:
        if arguments.abort:
            print(Project(HERE).undo())
            return 0
        return regenerate(answers.parse(arguments.answers), arguments.to, arguments.template, dry=arguments.dry_run)
    except KeyboardInterrupt:
        print("Interrupted: nothing was changed.", file=sys.stderr)
        return INTERRUPTED
    except Stuck as stuck:
        print(stuck, file=sys.stderr)
    except (Refused, GitFailed, OSError) as error:
        print(f"{error}\nNothing was changed.", file=sys.stderr)
    return 2


def _named(text: str) -> str:
    """Return `text`, an argument that must not be empty."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty: leave it out, or name one")
    return text


def regenerate(given: Mapping[str, str], to: str | None, place: str | None, *, dry: bool) -> int:
    """Bring the `given` answers, and the version `to` of the template at `place`, into the project."""
    project = Project(HERE)
    head = project.check()
    record = answers.read((HERE / answers.FILE).read_bytes())
    if given.items() <= record.answers.items() and to in {None, record.version}:
        print(f"Nothing to do: the project has these answers, at version {record.version} of its template.")
        return 0
    with tempfile.TemporaryDirectory(prefix="regenerate-") as name:
        work = Path(name).resolve()
        template = _template(record, place, [record.version, to or record.version], work)
        old, new = template.commit(record.version), template.commit(to or record.version)
        questions = template.questions(new)
        wanted = {key: value for key, value in {**record.answers, **given}.items() if key in questions or key in given}
        answers.check(wanted, questions)
        if wanted == record.answers and old == new:
            print(f"Nothing to do: the project has these answers, at version {record.version} of its template.")
            return 0
        known = template.questions(old)
        renders = (
            template.render(old, {key: value for key, value in record.answers.items() if key in known}),
            template.render(new, wanted),
        )
        what = " ".join([*(f"{key}={value}" for key, value in given.items()), f"version {to or record.version}"])
        change = plan(project, renders, what, work, dry=dry)
        print(f"Template: {template.source}", *change.summary, sep="\n")
        if dry:
            print("Dry run: nothing was changed.")
            return 1 if change.conflicts else 0
        return _apply(project, head, change)


def _template(record: answers.Record, place: str | None, versions: Collection[str], work: Path) -> Template:
    """Return the template: at `place`, else where it lies on this machine, else at its recorded address."""
    if place:
        source = str(Path(place).expanduser().resolve()) if Path(place).expanduser().is_dir() else place
        address = record.template if source != place or Path(source).is_dir() else place
        return open_template([source], address, versions, work)
    local = answers.local_template(HERE)
    sources = [str(local)] if local else []
    return open_template([*sources, *([record.template] if record.template else [])], record.template, versions, work)


def _apply(project: Project, head: str, change: Plan) -> int:
    """Do what is planned, say how it ended and how to go on; return the exit status."""
    complaint = project.pick(change.commit, change.paths)
    if complaint is None:
        print(f"Committed. Next: uv run poe check. To undo it: git reset --keep {head[:12]}")
        return 0
    if project.git.list("ls-files", "--unmerged", "-z"):
        print("Not committed: the conflicts are marked in these files. Resolve them, `git add` them, then")
    else:
        print(f"All is merged, and git did not commit it: {complaint}\nWhen that is settled, go on with")
    # Where the conflict is in what `uv run poe regenerate` is made of, it can't run; this is the same then.
    needed = [path for path in change.conflicts if "pyproject.toml" in path or "tools/regenerate/" in path]
    back = "git cherry-pick --abort" if needed else "uv run poe regenerate --abort"
    print(f"  git cherry-pick --continue\nor go back to where you were with\n  {back}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
