"""The same application as a Ray Serve deployment: replicas behind Ray's proxy, on one machine or many.

``serve run deploy/ray-serve.yaml`` imports :func:`app`, whose ``args`` are those of :class:`Arguments`.
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
from pgen.serve.config import Settings, key_of_environment
from pgen.serve.service import Service

BEYOND = 2
"""Requests, as a multiple of the queue, that Ray hands to a replica: it is the replica that answers 429."""

GRACE_SECONDS = 5.0
"""What a replica that ends is given beyond the time in which its last request is answered."""


class Arguments(BaseModel):
    """The options of ``pgen serve``, but for the address, which is that of Ray's proxy.

    Attributes:
        bundle: a folder on every machine; None is the one of the package.
        threads: CPU threads, and the cores that Ray reserves for a replica.
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
    log_prompts: bool = False
    api_key: bool = False

    def settings(self) -> Settings:
        """Make the settings of a replica, without its key: a key is no part of what Ray passes on and stores.

        Raises:
            ServeInvalid: they do not fit.
            DeviceUnavailable: there is no such device.
        """
        check_device(self.device)
        told = self.model_dump(exclude={"api_key"})
        return Settings(**told | {"bundle": self.bundle or EMBEDDED}, replicated=True)


class Replica:
    """One server without a port: Ray's proxy hands requests to its application."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        told = Arguments(**arguments)
        self.server = create_app(replace(told.settings(), api_key=key_of_environment(told.api_key)))
        _log_to_ray()

    def __serve_build_asgi_app__(self) -> FastAPI:
        """Hand the application to Ray, which starts and ends it."""
        return self.server

    async def check_health(self) -> None:
        """Wait, the first time, until the bundle is warm: only then is the replica sent requests.

        Raises:
            PokeganError: the bundle cannot be used.
        """
        service: Service = self.server.state.service
        await service.started()


DEPLOYMENT = serve.deployment(name="pgen")(serve.ingress()(Replica))


def _log_to_ray() -> None:
    """Write the server's lines where Ray keeps those of its replicas."""
    ours = logging.getLogger("pgen.serve")
    ours.handlers, ours.propagate = logging.getLogger("ray.serve").handlers, False
    ours.setLevel(logging.INFO)


def app(args: dict[str, Any]) -> Application:
    """Build the application from `args`, the options of ``pgen serve``; a configuration's own options for "pgen" win.

    Raises:
        ServeInvalid: an argument is wrong; the message says which.
        DeviceUnavailable: there is no such device.
    """
    try:
        told = Arguments(**args)
    except ValidationError as error:
        first = error.errors()[0]
        raise ServeInvalid(f"args: {'.'.join(map(str, first['loc']))}: {first['msg']}; see docs/serve.md") from None
    told.settings()
    return DEPLOYMENT.options(
        ray_actor_options={"num_cpus": told.threads, "num_gpus": int(told.device in ON_GPUS)},
        max_ongoing_requests=BEYOND * told.queue,
        max_queued_requests=told.queue,
        backpressure_config={"status_code": 429, "retry_after_s": 1},
        graceful_shutdown_timeout_s=told.timeout + GRACE_SECONDS,
    ).bind(told.model_dump())
