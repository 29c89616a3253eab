"""The template: found on this machine or fetched, and rendered at one of its versions."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from tools.regenerate.answers import as_data
from tools.regenerate.git import Git, GitFailed, Refused


class Template:
    """A clone of the template that can be thrown away."""

    def __init__(self, source: str, place: str, address: str | None, folder: Path) -> None:
        """Clone the folder `place` of `source` into the new `folder`; renders record `address`. Raise Refused."""
        self.source = source
        try:
            Git(folder.parent)("clone", "--quiet", "--shared", "--no-checkout", "--", place, str(folder))
        except GitFailed as error:
            raise Refused(f"The template {source} is no git repository that can be cloned ({error})") from None
        self._git = Git(folder)
        self._folder = folder
        if address:
            self._git("remote", "set-url", "origin", address)
        else:
            self._git("remote", "remove", "origin")

    def commit(self, version: str) -> str:
        """Return the commit of `version`, a tag (with or without its "v"), a commit or a branch. Raise Refused."""
        for name in (version, f"v{version}", f"origin/{version}"):
            if commit := self._git.has("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"):
                return commit
        raise Refused(f"The template {self.source} has no version {version}")

    def questions(self, commit: str) -> dict[str, object]:
        """Return what the template asks at `commit`: by name, the default or a list of choices. Raise Refused."""
        try:
            context = json.loads(self._git("show", f"{commit}:cookiecutter.json"))
        except (GitFailed, ValueError) as error:
            raise Refused(f"{self.source} at {commit[:12]} is no cookiecutter template: {error}") from None
        return {name: value for name, value in context.items() if not name.startswith("_")}

    def render(self, commit: str, answers: Mapping[str, str]) -> Path:
        """Return a new folder with the project of `answers` at `commit`. Raise Refused.

        Nothing of the user's cookiecutter counts: not its configuration, not what it replays.
        """
        self._git("-c", "core.autocrlf=false", "checkout", "--quiet", "--force", "--detach", commit)
        work = Path(tempfile.mkdtemp(dir=self._folder.parent))
        (work / "config.yaml").write_text(json.dumps({"replay_dir": str(work), "cookiecutters_dir": str(work)}))
        texts = {key for key, default in self.questions(commit).items() if isinstance(default, str)}
        context = [f"{key}={as_data(value) if key in texts else value}" for key, value in answers.items()]
        done = subprocess.run(
            [
                *(sys.executable, "-m", "cookiecutter", "--no-input", "--config-file", work / "config.yaml"),
                *("--output-dir", work / "out", self._folder, *context),
            ],
            cwd=work,
            env={**os.environ, "PYTHONUTF8": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["it said nothing"]
            raise Refused(f"The template at {commit[:12]} can't be rendered with these answers: {said[-1]}")
        (project,) = (work / "out").iterdir()
        return project


def open_template(sources: Iterable[str], address: str | None, versions: Collection[str], folder: Path) -> Template:
    """Return the first of `sources`, folders and addresses, that has all `versions`; raise Refused.

    An address is cloned into the user's cache, and fetched again only for a version that isn't there.
    """
    complaints = []
    for number, source in enumerate(sources):
        try:
            place = source if Path(source).is_dir() else _mirror(source, versions)
            template = Template(source, place, address, folder / f"template{number}")
            for version in versions:
                template.commit(version)
        except Refused as refused:
            complaints.append(str(refused))
        else:
            return template
    complaint = ". ".join(complaints) or "It is not recorded where the template is"
    raise Refused(f"{complaint}: name a repository that has it with --template PATH_OR_URL")


def _mirror(address: str, versions: Iterable[str]) -> str:
    """Return the clone of `address` in the user's cache, with `versions` as far as they are there; raise Refused."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "evergreen"
    mirror = cache / f"{hashlib.sha256(address.encode()).hexdigest()[:20]}.git"
    try:
        if not mirror.exists():
            cache.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=cache) as work:
                Git(cache)("clone", "--quiet", "--mirror", "--", address, f"{work}/new")
                Path(work, "new").rename(mirror)  # whole, or not at all
        elif any(_moves(Git(mirror), version) for version in versions):
            Git(mirror)("fetch", "--quiet", "--tags", "--force")
    except (GitFailed, OSError) as error:
        if not mirror.exists():
            raise Refused(f"The template {address} can't be reached ({error})") from None
        print(f"The template {address} can't be reached ({error}): using what was fetched before", file=sys.stderr)
    return str(mirror)


def _moves(git: Git, version: str) -> bool:
    """Whether `version` is unknown, or may be another commit tomorrow, as a branch is."""
    tags = [f"refs/tags/{version}", f"refs/tags/v{version}"]
    named = any(git.has("rev-parse", "--verify", "--quiet", tag) for tag in tags)
    commit = git.has("rev-parse", "--verify", "--quiet", "--end-of-options", f"{version}^{{commit}}") or ""
    return not named and not (commit and commit.startswith(version))
