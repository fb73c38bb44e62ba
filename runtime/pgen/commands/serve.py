"""``pgen serve``: an HTTP server."""

from typing import Any

import click

from pgen.commands.options import device_options
from pokegan.cli import Command
from pokegan.extras import needs_extra


@click.command("serve", cls=Command)
@click.option("--host", default="127.0.0.1", show_default=True, help="address to listen on; 0.0.0.0: all interfaces")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=8000, show_default=True, help="port to listen on; 0: a free one"
)
@device_options
@click.option("--batch", type=click.IntRange(1, 1024), default=8, show_default=True, help="pictures generated at once")
@click.option(
    "--wait-ms",
    type=click.FloatRange(0, 1000),
    default=3.0,
    show_default=True,
    help="milliseconds that a picture waits for others to share its batch",
)
@click.option(
    "--queue",
    type=click.IntRange(1, 100_000),
    default=128,
    show_default=True,
    help="maximum number of queued pictures; beyond it, 429",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 3600),
    default=30.0,
    show_default=True,
    help="seconds until a request fails with 504",
)
@click.option(
    "--max-body",
    type=click.IntRange(1024, 2**24),
    default=2**16,
    show_default=True,
    help="maximum size of a request in bytes; beyond it, 413",
)
@click.option("--root-path", metavar="PATH", default="", help="path under which a proxy serves this, such as /pokemon")
@click.option(
    "--forwarded-allow-ips",
    metavar="ADDRESSES",
    default="127.0.0.1",
    show_default=True,
    help="trusted proxies (X-Forwarded-* headers), separated by commas; *: all",
)
@click.option("--public-url", metavar="URL", help="address that clients see, for url responses")
@click.option("--cors", metavar="ORIGIN", multiple=True, help="allow pages of this origin, such as https://a.org")
@click.option("--log-prompts", is_flag=True, help="write prompts to the log")
@click.option(
    "--replicated",
    is_flag=True,
    help="one of several replicas: URLs of pictures contain their request, and none are stored",
)
@click.option("--api-key", "with_key", is_flag=True, help="refuse to start without a key in POKEGAN_API_KEY")
def serve(with_key: bool, cors: tuple[str, ...], **options: Any) -> None:
    """Serve pictures, animations, stats and cards over HTTP.

    There is a web page and an API, which is compatible with OpenAI's images API; GET /openapi.json describes it. If
    POKEGAN_API_KEY is set, requests must carry that key. On SIGTERM the server finishes accepted requests; on SIGHUP it
    loads the bundle again.
    """
    with needs_extra("serve"):
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn  # noqa: F401
    from pgen.serve.config import Settings, read_api_key
    from pgen.serve.server import serve as run

    run(Settings(**options, cors=cors, api_key=read_api_key(with_key)))
