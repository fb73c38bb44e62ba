"""pgen serve: responses conform to the OpenAPI description."""

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.runtime.serve.serving import PATIENCE

schemathesis = pytest.importorskip("schemathesis", minversion="4", reason="needs schemathesis 4")
from schemathesis.checks import not_a_server_error  # noqa: E402
from schemathesis.specs.openapi.checks import (  # noqa: E402
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

WITH_FIELDS = [
    "POST /v1/images/generations",
    "GET /v1/images",
    "POST /v1/morph",
    "POST /v1/stats",
    "POST /v1/dex",
    "POST /v1/notes",
]
OTHERS = ["GET /v1/models", "GET /v1/models/{name}", "GET /v1/images/files/{name}", "GET /v1/names", "GET /v1/about"]
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.mark.parametrize(
    ("operation", "mode"),
    [(one, schemathesis.GenerationMode.POSITIVE) for one in (*WITH_FIELDS, *OTHERS)]
    + [(one, schemathesis.GenerationMode.NEGATIVE) for one in WITH_FIELDS],
)
def test_responses_conform_to_openapi(url: str, operation: str, mode: object) -> None:
    method, path = operation.split()
    described = schemathesis.openapi.from_url(f"{url}/openapi.json")[path][method]

    @given(data=st.data())
    @hypothesis_settings(max_examples=6, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def conforms(data: st.DataObject) -> None:
        case = data.draw(described.as_strategy(generation_mode=mode))
        case.call_and_validate(checks=CHECKS, timeout=PATIENCE)

    conforms()
