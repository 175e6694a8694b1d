"""deploy/Dockerfile and the compose files: read by their own tools, and held against the tree that they are made of."""

from __future__ import annotations

import fnmatch
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from ruamel.yaml import YAML

from bot.config import PREFIX, Config
from tests.bot.commandline import ROOT, closed_port
from tests.fakes.served import Served
from tests.house import PACKAGES

if TYPE_CHECKING:
    from collections.abc import Sequence

DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = ("compose.yaml", "compose.postgres.yaml")
HADOLINT = Path(sys.prefix) / "bin" / "hadolint"
needs_hadolint = pytest.mark.skipif(
    not HADOLINT.exists(), reason="hadolint is not here: it has no build for this system"
)


def hadolint(text: str) -> str:
    return subprocess.run([HADOLINT, "-"], input=text, capture_output=True, text=True, check=False).stdout


@needs_hadolint
@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(DOCKERFILE, "", id="as it is"),
        pytest.param(DOCKERFILE + "USER root\nCMD run\n", "DL3002", id="a fault is found"),
    ],
)
def test_the_dockerfile_is_in_order(text: str, said: str) -> None:
    found = hadolint(text)
    assert (said in found) if said else found == ""


def checked(*files: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", *files]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_compose_files_are_what_compose_reads(tmp_path: Path) -> None:
    done = checked(*(DEPLOY / name for name in COMPOSE))
    assert done.returncode == 0, done.stdout + done.stderr
    wrong = tmp_path / "compose.yaml"
    wrong.write_text((DEPLOY / "compose.yaml").read_text("utf-8").replace("read_only:", "readonly:"), encoding="utf-8")
    assert checked(wrong).returncode == 1, "a misspelt key is found"


def test_the_image_holds_every_room_and_nothing_private() -> None:
    """What is copied is there, and reaches whoever builds; what is private does not."""
    copied = re.findall(r"^COPY (?!--from)(\S+)", DOCKERFILE, re.MULTILINE)
    assert set(PACKAGES) < set(copied)
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    sent = [line[1:] for line in lines if line.startswith("!")]
    assert "*" in lines
    assert set(sent) == set(copied)
    assert all((ROOT / name).exists() for name in copied)
    for private in ("config.toml", "data/perpulse.db", ".git/config", "deploy/config.toml", "deploy/postgres.password"):
        assert not any(fnmatch.fnmatch(private, name) or private.startswith(f"{name}/") for name in sent)


def service(file: str, name: str = "perpulse") -> Any:
    return YAML(typ="safe").load(DEPLOY / file)["services"][name]


def test_it_runs_as_nobody_on_a_root_that_is_read_only() -> None:
    users = re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE)
    assert users == ["10001:10001"]
    found = service("compose.yaml")
    assert (found["read_only"], found["cap_drop"]) == (True, ["ALL"])
    assert "no-new-privileges:true" in found["security_opt"]
    assert "ports" not in found, "nothing is reached from outside"


@pytest.mark.parametrize("file", [*COMPOSE, "Dockerfile"])
def test_every_variable_is_a_setting(file: str) -> None:
    named = set(re.findall(rf"{PREFIX}[A-Z_]+", (DEPLOY / file).read_text(encoding="utf-8")))
    assert named
    for variable in named:
        section, _, key = variable.removeprefix(PREFIX).lower().partition("__")
        assert section in Config.model_fields
        assert not key or key in type(getattr(Config(), section)).model_fields


class Health(Served):
    """Answers /healthz."""

    def __init__(self, status: int, said: str) -> None:
        self._status, self._said = status, said

    def routes(self) -> Sequence[web.RouteDef]:
        async def answer(_: web.Request) -> web.Response:
            return web.Response(status=self._status, text=self._said)

        return [web.get("/healthz", answer)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "said", "code"),
    [
        pytest.param(200, '{"ready": true}', 0, id="well"),
        pytest.param(503, '{"ready": false, "why": ["no figures"]}', 1, id="not well"),
        pytest.param(None, "perpulse does not answer at", 1, id="nobody is there"),
    ],
)
def test_the_health_check_says_what_is_wrong(status: int | None, said: str, code: int) -> None:
    def asked(port: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-I", DEPLOY / "healthcheck.py"],
            env={"PERPULSE_WATCH__LISTEN": f"127.0.0.1:{port}"},
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )

    if status is None:
        done = asked(closed_port())
    else:
        with Health(status, said).in_thread() as fake:
            done = asked(fake.port)
    assert (done.returncode, done.stderr) == (code, "")
    assert said in done.stdout


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(shutil.which("docker") is None, reason="docker is not here")
def test_the_image_is_built(tmp_path: Path) -> None:
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        pytest.skip("no docker daemon answers here")
    built = subprocess.run(
        ["docker", "build", "--quiet", "-f", DEPLOY / "Dockerfile", "-t", "perpulse:test", ROOT],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    read_only = ("--read-only", "--tmpfs", "/tmp:mode=1777")  # noqa: S108 - of the container
    ran = subprocess.run(
        ["docker", "run", "--rm", *read_only, "perpulse:test", "say", "/liq 95000 25x long"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "91,566.27" in ran.stdout, ran.stderr
