"""The application as a Ray Serve deployment: replicas behind Ray's proxy, on one machine or many.

``serve run deploy/ray-serve.yaml`` calls :func:`app` with ``args`` as in :class:`Arguments`.
"""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ray import serve
from ray.serve import Application

from pgen.backends.devices import check_device
from pgen.bundle.reader import EMBEDDED
from pgen.errors import ServeInvalid
from pgen.jobs.ray import ON_GPUS
from pgen.serve.app import create_app
from pgen.serve.config import Settings, read_api_key
from pgen.serve.service import Service

ONGOING_PER_QUEUE = 2
"""Ray forwards this multiple of the queue to a replica, so that the replica itself answers 429."""

GRACE_SECONDS = 5.0
"""Time to shut down a replica, beyond the timeout of its last request."""


class Arguments(BaseModel):
    """The options of ``pgen serve`` except those of the port and the proxy, which Ray Serve provides.

    Attributes:
        bundle: a folder that exists on every machine; None for the embedded bundle.
        threads: CPU threads of a replica, and the cores that Ray reserves for it.
        public_url: the address that clients see, for `url` responses.
        api_key: refuse to start without a key in the environment of the replica.
    """

    model_config = ConfigDict(extra="forbid")

    bundle: Path | None = None
    device: str = "auto"
    threads: int = Field(2, ge=1, le=1024)
    batch: int = Field(8, ge=1, le=1024)
    wait_ms: float = Field(3.0, ge=0, le=1000)
    queue: int = Field(128, ge=1, le=100_000)
    timeout: float = Field(30.0, ge=0.1, le=3600)
    max_body: int = Field(2**16, ge=1024, le=2**24)
    cors: tuple[str, ...] = ()
    public_url: str | None = None
    log_prompts: bool = False
    api_key: bool = False

    def settings(self) -> Settings:
        """Build the settings of a replica without its API key, which Ray must neither transmit nor store.

        Raises:
            ServeInvalid: an origin is malformed.
            DeviceUnavailable: the device does not exist.
        """
        check_device(self.device)
        options = self.model_dump(exclude={"api_key"})
        return Settings(**options | {"bundle": self.bundle or EMBEDDED}, replicated=True)


class Replica:
    """One server without a port: Ray's proxy forwards requests to its application."""

    def __init__(self, args: dict[str, Any]) -> None:
        arguments = Arguments(**args)
        self.server = create_app(replace(arguments.settings(), api_key=read_api_key(arguments.api_key)))
        _log_to_ray()

    def __serve_build_asgi_app__(self) -> FastAPI:
        """Return the application, whose lifespan Ray manages."""
        return self.server

    async def check_health(self) -> None:
        """Wait until the bundle is warm; Ray sends requests after the first successful check.

        Raises:
            PokeganError: the bundle cannot be used.
        """
        service: Service = self.server.state.service
        await service.started()


DEPLOYMENT = serve.deployment(name="pgen")(serve.ingress()(Replica))


def _log_to_ray() -> None:
    """Write the server's log to the log of the replica."""
    logger = logging.getLogger("pgen.serve")
    logger.handlers, logger.propagate = logging.getLogger("ray.serve").handlers, False
    logger.setLevel(logging.INFO)


def app(args: dict[str, Any]) -> Application:
    """Build the application from `args`; deployment options in the configuration file override those set here.

    Raises:
        ServeInvalid: an argument is invalid; the message names it.
        DeviceUnavailable: the device does not exist.
    """
    try:
        arguments = Arguments(**args)
    except ValidationError as error:
        first = error.errors()[0]
        raise ServeInvalid(f"args: {'.'.join(map(str, first['loc']))}: {first['msg']}; see docs/serve.md") from None
    arguments.settings()
    return DEPLOYMENT.options(
        ray_actor_options={"num_cpus": arguments.threads, "num_gpus": int(arguments.device in ON_GPUS)},
        max_ongoing_requests=ONGOING_PER_QUEUE * arguments.queue,
        max_queued_requests=arguments.queue,
        backpressure_config={"status_code": 429, "retry_after_s": 1},
        graceful_shutdown_timeout_s=arguments.timeout + GRACE_SECONDS,
    ).bind(arguments.model_dump())
