"""Images from images: ``/v1/images/variations`` and ``/v1/images/edits``.

The networks read no images. The metadata of an image that the served bundle generated contains its request, which is
repeated with other seeds or mixed with another prompt.
"""

from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from fastapi import APIRouter
from fastapi import Request as HTTPRequest
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import UploadFile

from pgen.errors import PictureInvalid
from pgen.images.encoders import encode
from pgen.images.metadata import read_upload
from pgen.morph.interpolation import halfway
from pgen.request import Request
from pgen.serve.bundle_state import LoadedBundle
from pgen.serve.endpoints.images import add_files, image_requests, image_response, postprocess_of
from pgen.serve.endpoints.responses import ERRORS, bundle_for, log_prompts, seeds_of, service_of
from pgen.serve.errors import APIError
from pgen.serve.middleware.routing import MULTIPART
from pgen.serve.schemas import EditRequest, ImageResponse, VariationRequest

router = APIRouter(tags=["images"], responses=ERRORS)

Fields = TypeVar("Fields", bound=VariationRequest)

MAX_FILES = 2
"""The image, and a file in another field such as OpenAI's `mask`, so that the error names that field."""

MAX_FIELDS = 32
MAX_FIELD_BYTES = 2**14
"""Maximum size of a field that is not a file."""


def _form(model: type[VariationRequest]) -> dict[str, Any]:
    """Describe a form with the fields of `model` and an image."""
    schema = model.model_json_schema()
    schema["properties"] |= {"image": {"type": "string", "format": "binary", "description": "A file that pgen wrote."}}
    schema["required"] = ["image", *schema.get("required", [])]
    return {"requestBody": {"content": {MULTIPART: {"schema": schema}}, "required": True}}


@router.post(
    "/v1/images/variations",
    summary="Vary an image",
    response_model_exclude_none=True,
    openapi_extra=_form(VariationRequest),
)
async def create_variations(request: HTTPRequest) -> ImageResponse:
    """Generate images of the prompt of an image that the served bundle generated, with other seeds."""
    service, bundle = service_of(request), bundle_for(request)
    body, own = await _read(request, bundle, VariationRequest)
    variations = [replace(own, seed=seed) for seed in seeds_of(body.seed, body.n or 1)]
    postprocess = postprocess_of(body.size, body.background, body.output_format)
    files = await service.generate_files(bundle, variations, postprocess)
    response = image_response(bundle, variations)
    add_files(response, files, body, request)
    return response


@router.post(
    "/v1/images/edits",
    summary="Mix an image with a prompt",
    response_model_exclude_none=True,
    openapi_extra=_form(EditRequest),
)
async def edit_images(request: HTTPRequest) -> ImageResponse:
    """Generate images halfway between an image that the served bundle generated and a prompt; they have no metadata."""
    service, bundle = service_of(request), bundle_for(request)
    body, own = await _read(request, bundle, EditRequest)
    log_prompts(request, prompt=body.prompt)
    edits = image_requests(bundle, body.prompt, seeds_of(body.seed, body.n or 1), own.model)
    ends = [replace(end, truncation=own.truncation, stage=own.stage) for end in edits]
    pictures = await service.batcher.collect(halfway(bundle.generator, own, ends), len(ends))
    postprocess = postprocess_of(body.size, body.background, body.output_format)

    def encode_all() -> list[bytes]:
        return [encode(postprocess.apply(pixels), postprocess.format, {}) for pixels in pictures]

    response = image_response(bundle, ends)
    add_files(response, await service.run_in_encoder(encode_all), body, request)
    return response


async def _read(request: HTTPRequest, bundle: LoadedBundle, model: type[Fields]) -> tuple[Fields, Request]:
    """Read the fields of a form, and the request of its image.

    Raises:
        APIError: 400, there is no image, or the served bundle did not generate it.
        RequestValidationError: a field is missing, unknown or invalid.
    """
    async with request.form(max_files=MAX_FILES, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES) as form:
        fields = dict(form)
        image = fields.pop("image", None) or fields.pop("image[]", None)
        if not isinstance(image, UploadFile):
            raise APIError(400, "image: missing; send the file of an image", "image", "missing_parameter")
        content = await image.read()
    try:
        body = model.model_validate(fields)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        raise RequestValidationError([{**detail, "loc": ("body", *detail["loc"])} for detail in details]) from error
    template = bundle.request_template(body.model)  # refuses unknown models
    if body.response_format == "url" and service_of(request).settings.replicated:
        raise APIError(400, "response_format: replicas share no files; use b64_json", "response_format")
    try:
        metadata = await service_of(request).run_in_encoder(partial(read_upload, content))
    except PictureInvalid as error:
        raise APIError(400, str(error), "image", error.code) from error
    if metadata.bundle != bundle.generator.bundle.digest or metadata.grid:
        reason = "is a grid; send one image" if metadata.grid else "was generated by another bundle than this server's"
        raise APIError(400, f"image: {reason}", "image", "picture_invalid")
    (own,) = metadata.requests
    if body.model is not None and template.model not in (None, own.model):
        raise APIError(400, f"model: the image is of {own.model}; leave the model out", "model")
    own = replace(own, model=None if own.model == bundle.default_model else own.model)
    bundle.generator.check([own])
    return body, own
