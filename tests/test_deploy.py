"""What deploys a project: read by the tools that will read it, without a server."""

import subprocess
import sys
from pathlib import Path

import compose
import kubernetes_validate
import pytest
import yaml

from tests.conftest import Bake
from tests.template import CHOICES

TOOLS = Path(sys.executable).parent
# Its own console script ends with status 0 whatever happens.
COMPOSE = Path(compose.__file__).with_name("docker-compose")
KUBERNETES = "1.37"
DEFAULT = {question: answers[0] for question, answers in CHOICES.items()}


@pytest.fixture(scope="module", params=CHOICES["layout"])
def project(request: pytest.FixtureRequest, bake: Bake) -> Path:
    return bake(DEFAULT | {"layout": request.param})


def _compose(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMPOSE, *arguments], cwd=project, capture_output=True, text=True, check=False)


def test_compose_wants_the_secrets_and_then_understands_all(project: Path) -> None:
    example = (project / ".env.example").read_text(encoding="utf-8")
    (project / ".env").write_text(example, encoding="utf-8")
    refused = _compose(project, "config", "--quiet")
    assert refused.returncode != 0
    assert "make .env first" in refused.stderr
    (project / ".env").write_text(f"{example}POSTGRES_PASSWORD=Ab-_9\n", encoding="utf-8")
    understood = _compose(project, "config")
    assert understood.returncode == 0, understood.stderr
    assert understood.stderr == ""
    services = yaml.safe_load(understood.stdout)["services"]
    for name, service in services.items():
        assert service["mem_limit"], name
        assert service.get("cap_drop") == ["ALL"] or name == "postgres", name
        assert service.get("read_only") or name == "postgres", name
        assert "privileged" not in service, name
    published = {name for name, service in services.items() if "ports" in service}
    assert published == {"proxy"}


def test_dockerfiles_are_sound(project: Path) -> None:
    files = sorted(project.rglob("Dockerfile"))
    assert len(files) == (2 if (project / "services").exists() else 1)
    for file in files:
        done = subprocess.run([TOOLS / "hadolint", file], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "\nUSER 1000:1000\n" in file.read_text(encoding="utf-8")


def test_kubernetes_knows_every_field(project: Path) -> None:
    folder = project / "deploy" / "kubernetes"
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    named = {*kustomization["resources"], "kustomization.yaml"}
    assert {file.name for file in folder.iterdir()} == named
    kinds = []
    for file in kustomization["resources"]:
        for resource in yaml.safe_load_all((folder / file).read_text(encoding="utf-8")):
            kubernetes_validate.validate(resource, KUBERNETES, strict=True)
            kinds.append(resource["kind"])
    programs = 2 if (project / "services").exists() else 1
    for kind in ("HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy", "Service", "Job"):
        assert kinds.count(kind) == programs, kind
    assert kinds.count("Deployment") == 2 * programs


def test_the_shared_settings_of_services_are_all_settings_but_their_own(bake: Bake) -> None:
    one, other = (
        {
            line.removeprefix("# ").partition("=")[0]
            for line in (bake(DEFAULT | {"layout": layout}) / ".env.example").read_text(encoding="utf-8").splitlines()
            if line.removeprefix("# ").partition("=")[0].isupper() and "=" in line
        }
        for layout in CHOICES["layout"]
    )
    assert one - other == {"DATABASE_URL", "PORT"}
    assert other <= one
