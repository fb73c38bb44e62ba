"""What is deployed beside `pgen serve`: the arguments of the Ray Serve application, and the files in deploy/."""

import re
from pathlib import Path
from typing import Any

import click
import pytest

from pgen.bundle.reader import EMBEDDED
from pgen.commands.serve import serve as command
from pgen.serve.config import API_KEY_VARIABLE, Settings
from pokegan import __version__
from pokegan.errors import PokeganError
from tests.runtime.serve.serving import needs_ray_serve

DEPLOY = Path(__file__).parents[3] / "deploy"
OPTIONS = {option.name: option for option in command.params if isinstance(option, click.Option)}

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.*")


@pytest.fixture(scope="module")
def cluster() -> Any:
    """The module of the deployment."""
    needs_ray_serve()
    import pgen.serve.cluster

    return pgen.serve.cluster


def read_yaml(name: str) -> Any:
    yaml = pytest.importorskip("yaml")
    return yaml.safe_load((DEPLOY / name).read_text("utf-8"))


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"bundel": "mine"}, "args: bundel: "),
        ({"batch": 0}, "args: batch: .* greater than or equal to 1"),
        ({"threads": "many"}, "args: threads: .* integer"),
        ({"device": "tpu"}, "device 'tpu': unknown device"),
        ({"cors": ["example.org"]}, "not an origin"),
    ],
)
def test_invalid_argument_is_named(cluster: Any, args: dict[str, Any], message: str) -> None:
    with pytest.raises(PokeganError, match=message):
        cluster.app(args)


def test_arguments_match_the_options_of_the_command(cluster: Any) -> None:
    options = dict(OPTIONS)
    for name in ("host", "port", "root_path", "forwarded_allow_ips", "replicated"):  # Ray's, and always
        del options[name]
    options["api_key"] = options.pop("with_key")
    assert set(options) == set(cluster.Arguments.model_fields)
    for name in ("batch", "wait_ms", "queue", "timeout", "max_body"):
        kind = options[name].type
        assert isinstance(kind, click.IntRange | click.FloatRange)
        field = cluster.Arguments.model_fields[name]
        least, most = (
            next(filter(None, (getattr(one, end, None) for one in field.metadata)), 0) for end in ("ge", "le")
        )
        assert (least, most, field.default) == (kind.min, kind.max, options[name].default)


def test_api_key_is_not_passed_to_ray(cluster: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(API_KEY_VARIABLE, "a key that nobody may see")
        built = cluster.app({"api_key": True})
    assert "nobody may see" not in repr(built._bound_deployment.init_args)


def test_ray_configuration_is_valid(cluster: Any) -> None:
    from ray.serve.schema import ServeDeploySchema

    schema = ServeDeploySchema.model_validate(read_yaml("ray-serve.yaml"))
    (application,) = schema.applications
    assert application.import_path == "pgen.serve.cluster:app"
    built = cluster.app(application.args)._bound_deployment
    (options,) = application.deployments
    assert options.name == built.name
    scaling = options.autoscaling_config
    assert isinstance(scaling, dict)
    # More than fits into one batch is a reason for another replica, long before one refuses.
    assert scaling["target_ongoing_requests"] <= built.max_ongoing_requests / 2
    assert schema.http_options.host == "127.0.0.1"


def instructions() -> list[tuple[str, str]]:
    """Read the Dockerfile: a keyword and the rest for each instruction."""
    lines = (DEPLOY / "Dockerfile").read_text("utf-8").replace("\\\n", " ").splitlines()
    instruction_lines = [line for line in lines if line and not line.startswith("#")]
    return [(word, " ".join(rest.split())) for word, _, rest in (line.partition(" ") for line in instruction_lines)]


def test_image_is_slim_pinned_and_two_stages() -> None:
    bases = [rest.split()[0] for word, rest in instructions() if word == "FROM"]
    assert len(bases) == 2, "build tools stay in the first"
    for base in bases:
        assert re.fullmatch(r"python:\$\{PYTHON\}-slim-[a-z]+", base)
    assert ("ARG", "PYTHON=3.12") in instructions()
    installed = [rest for word, rest in instructions() if word == "RUN" and "pip" in rest]
    assert len(installed) == 1
    assert re.findall(r"\[([a-z,]+)\]", installed[0]) == ["cpu,serve"]


def test_image_runs_unprivileged_with_a_health_check() -> None:
    last = instructions()[max(i for i, (word, _) in enumerate(instructions()) if word == "FROM") :]
    (user,) = [rest for word, rest in last if word == "USER"]
    assert int(user) >= 1000, "a number, so that Kubernetes can see that it is not root"
    words = [word for word, _ in last]
    assert words.index("USER") < words.index("ENTRYPOINT")
    (health,) = [rest for word, rest in last if word == "HEALTHCHECK"]
    assert f":{Settings().port}/readyz" in health
    assert ("STOPSIGNAL", "SIGTERM") in last
    (entry,) = [rest for word, rest in last if word == "ENTRYPOINT"]
    assert entry.startswith("["), "without a shell, which would keep SIGTERM to itself"


def test_image_copies_exist_and_are_not_ignored() -> None:
    root = DEPLOY.parent
    let_in = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line[0] == "!"}
    copied = [rest.split()[:-1] for word, rest in instructions() if word == "COPY" and "--from" not in rest]
    sources = {source for line in copied for source in line}
    assert sources == let_in
    for source in sources:
        assert (root / source).exists()
    for folder in ("training", "export", "runtime"):
        assert folder in sources, "pyproject.toml names packages in it"


def test_compose_restricts_the_container() -> None:
    compose = read_yaml("compose.yaml")
    (service,) = compose["services"].values()
    assert service["image"] == f"pokegan-serve:{__version__}"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["mem_limit"]
    assert "/readyz" in service["healthcheck"]["test"][-1]
    (port,) = service["ports"]
    assert port.startswith("127.0.0.1:")
    options = {name for option in OPTIONS.values() for name in option.opts}
    assert {word for word in service["command"] if word.startswith("--")} <= options
    assert float(service["stop_grace_period"].removesuffix("s")) > Settings().timeout
    (volume,) = service["volumes"]
    source, target, access = re.fullmatch(r"\$\{BUNDLE:-(.+)\}:(.+):(.+)", volume).groups()  # type: ignore[union-attr]
    assert (DEPLOY / source).resolve() == EMBEDDED.resolve()
    assert (target in service["command"], access) == (True, "ro")


@pytest.mark.parametrize("name", ["Dockerfile", "compose.yaml", "ray-serve.yaml"])
def test_deploy_files_have_no_latest_tag_and_no_secret(name: str) -> None:
    text = (DEPLOY / name).read_text("utf-8")
    assert ":latest" not in text
    assert not re.search(rf"{API_KEY_VARIABLE}\s*[=:]\s*\S", text)
