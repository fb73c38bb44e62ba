"""Models of requests and responses. Validation is strict: "2" is not an integer."""

import re
from base64 import b64encode
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer

from pgen.images.postprocess import MIN_SIZE
from pgen.latents import MAX_SEED
from pgen.prompts import MAX_PROMPT
from pgen.request import MAX_PARENTS
from pgen.serve.config import MAX_CARDS, MAX_FRAMES, MAX_IMAGES, MAX_ROWS, MAX_SIDE

SIZE = r"^(auto|[1-9][0-9]{0,3}x[1-9][0-9]{0,3})$"


def _square(size: str) -> str:
    """Check a size such as "256x256"."""
    width, _, height = size.partition("x")
    is_size = re.fullmatch(SIZE, size) is not None
    if not is_size or (size != "auto" and not (width == height and MIN_SIZE <= int(width) <= MAX_SIDE)):
        raise ValueError(f"images are square, {MIN_SIZE} to {MAX_SIDE} pixels a side; write 256x256, or auto")
    return size


Size = Annotated[str, Field(json_schema_extra={"pattern": SIZE}), AfterValidator(_square)]
Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]
Prompt = Annotated[str, Field(max_length=MAX_PROMPT)]
Colors = Annotated[Prompt, Field(description="A name or a sentence whose colors are used instead.")]
Shiny = Annotated[bool, Field(description="Clearly other colors, chosen by the seed.")]
Word = Annotated[str, Field(max_length=40)]
Ignored = Annotated[Any, Field(description="Ignored; OpenAI's clients send it.")]
Base64 = Annotated[bytes, PlainSerializer(lambda file: b64encode(file).decode(), return_type=str)]


class RequestBody(BaseModel):
    """The body of a request; unknown fields are rejected, so that misspelled ones are not ignored."""

    model_config = ConfigDict(extra="forbid", strict=True)


class OpenAIRequest(BaseModel):
    """The fields that the requests of OpenAI's images API share."""

    n: Annotated[int | None, Field(ge=1, le=MAX_IMAGES, description="Number of images, with consecutive seeds.")] = 1
    size: Annotated[Size | None, Field(description="Square, such as 256x256, or the model's own.")] = None
    seed: Annotated[Seed | None, Field(description="Seed of the first image; random by default, and returned.")] = None
    response_format: Literal["b64_json", "url"] | None = "b64_json"
    output_format: Literal["png", "webp", "jpeg"] | None = "png"
    background: Literal["transparent", "opaque", "auto"] | None = None
    user: Ignored = None
    quality: Ignored = None
    style: Ignored = None
    moderation: Ignored = None
    output_compression: Ignored = None
    safety_identifier: Ignored = None

    model_config = ConfigDict(extra="forbid")


class ImageRequest(OpenAIRequest):
    """Body of ``POST /v1/images/generations``."""

    prompt: Annotated[Prompt, Field(description="A name or a sentence; empty for a model without text input.")]
    model: Annotated[str | None, Field(max_length=100, description="A model that GET /v1/models lists.")] = None
    colors: Colors = ""
    shiny: Shiny = False
    stream: Annotated[Literal[False] | None, Field(description="Streaming is not supported.")] = None
    partial_images: Annotated[Literal[0] | None, Field(description="Belongs to streaming.")] = None

    model_config = ConfigDict(
        strict=True, json_schema_extra={"examples": [{"prompt": "Charizard", "n": 2, "seed": 7, "size": "256x256"}]}
    )


class VariationRequest(OpenAIRequest):
    """Fields of the form of ``POST /v1/images/variations``, beside the image; numbers come as text."""

    model: Annotated[
        str | None,
        Field(max_length=100, description="Name of the model that generated the image, or one of OpenAI's names."),
    ] = None
    input_fidelity: Ignored = None


class EditRequest(VariationRequest):
    """Fields of the form of ``POST /v1/images/edits``, beside the image."""

    prompt: Annotated[Prompt, Field(description="A name or a sentence, mixed with the prompt of the image.")]


class FuseRequest(RequestBody):
    """Body of ``POST /v1/fuse``."""

    parents: Annotated[list[Prompt], Field(min_length=2, max_length=MAX_PARENTS, description="Names or sentences.")]
    n: Annotated[int, Field(ge=1, le=MAX_IMAGES, description="Number of images, with consecutive seeds.")] = 1
    size: Annotated[Size | None, Field(description="Square, such as 256x256, or the model's own.")] = None
    seed: Annotated[Seed | None, Field(description="Seed of the first image; random by default, and returned.")] = None
    colors: Colors = ""
    shiny: Shiny = False
    output_format: Literal["png", "webp", "jpeg"] = "png"
    background: Literal["transparent", "opaque"] = "transparent"

    model_config = ConfigDict(json_schema_extra={"examples": [{"parents": ["Charizard", "Gengar"], "n": 2, "seed": 7}]})


class NotesRequest(RequestBody):
    """Body of ``POST /v1/notes``."""

    texts: Annotated[list[Prompt], Field(max_length=MAX_PARENTS, description="Names or sentences.")]

    model_config = ConfigDict(json_schema_extra={"examples": [{"texts": ["Charzard", "Mew"]}]})


class SpriteRequest(RequestBody):
    """Body of ``POST /v1/sprite``."""

    prompt: Annotated[Prompt, Field(description="A name or a sentence.")]
    seed: Seed = 0
    colors: Colors = ""
    format: Annotated[Literal["png", "pokeemerald", "essentials", "rpgmaker"], Field(description="For which tool.")] = (
        "png"
    )

    model_config = ConfigDict(json_schema_extra={"examples": [{"prompt": "Charizard", "format": "pokeemerald"}]})


class MorphRequest(RequestBody):
    """Body of ``POST /v1/morph``."""

    start: Annotated[Prompt, Field(description="Prompt of the first frame.")]
    end: Annotated[Prompt, Field(description="Prompt of the last frame.")]
    frames: Annotated[int, Field(ge=2, le=MAX_FRAMES)] = 24
    seed: Seed = 0
    to_seed: Annotated[Seed | None, Field(description="Seed of the last frame; by default the same.")] = None
    colors: Colors = ""
    shiny: Shiny = False
    loop: Annotated[bool, Field(description="Return to the first frame.")] = False
    format: Literal["gif", "webp", "frames"] = "gif"

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"start": "Charizard", "end": "Blastoise", "frames": 8, "loop": True}]}
    )


class StatsConditions(RequestBody):
    """Conditions that every row must satisfy."""

    type: Annotated[
        Word | Annotated[list[Word], Field(max_length=2)] | None, Field(description="One type, or two.")
    ] = None
    total: Annotated[int | None, Field(ge=0, le=10_000, description="Exact sum of the stats.")] = None
    rarity: Annotated[Word | None, Field(description="ordinary, legendary, mythical or baby.")] = None
    legendary: Annotated[bool | None, Field(description="Short for rarity legendary.")] = False


class StatsRequest(StatsConditions):
    """Body of ``POST /v1/stats``."""

    n: Annotated[int, Field(ge=1, le=MAX_ROWS)] = 1
    seed: Seed = 0

    model_config = ConfigDict(json_schema_extra={"examples": [{"n": 3, "seed": 7, "type": ["fire"], "total": 500}]})


class DexRequest(StatsConditions):
    """Body of ``POST /v1/dex``."""

    n: Annotated[int, Field(ge=1, le=MAX_CARDS)] = 1
    seed: Annotated[Seed | None, Field(description="Seed of the first entry; random by default, and returned.")] = None

    shiny: Shiny = False
    family: Annotated[int | None, Field(ge=2, le=3, description="Stages of evolution lines; n is their number.")] = None

    model_config = ConfigDict(json_schema_extra={"examples": [{"n": 1, "seed": 7, "type": "water"}]})


class EncodedFile(BaseModel):
    """A file in base64."""

    b64_json: Base64


class ImageData(BaseModel):
    """An image, as base64 or as a URL."""

    b64_json: Base64 | None = None
    url: str | None = None
    seed: int
    prompt: str
    note: Annotated[
        str | None, Field(description="Warning about the prompt: a misspelled name, or a prompt without known words.")
    ] = None


class FusionData(ImageData):
    """An image of a fusion."""

    name: Annotated[str, Field(description="A new name, blended from those of the parents.")]
    fused: Annotated[list[str], Field(description="The parents after the first, which is the prompt.")]


class ImageResponse(BaseModel):
    """Generated images."""

    created: int
    model: str
    data: list[ImageData]


class FuseResponse(BaseModel):
    """Generated fusions."""

    data: list[FusionData]


class FramesResponse(BaseModel):
    """The frames of an animation."""

    data: list[EncodedFile]


class StatsRow(BaseModel):
    """One Pokémon: these fields, and a field for each stat."""

    seed: int
    total: int
    types: list[str]
    rarity: str

    model_config = ConfigDict(extra="allow")


class StatsResponse(BaseModel):
    """Generated rows of stats."""

    data: list[StatsRow]


class DexEntry(BaseModel):
    """A new Pokémon with its picture and card."""

    name: str
    genus: str
    types: list[str]
    rarity: str
    stats: dict[str, int]
    total: int
    description: str
    color: str
    shape: str
    prompt: str
    fused: list[str]
    colors: str
    shiny: bool
    seed: int
    family: list[str]
    words_by: str
    bundle: str
    picture: EncodedFile
    card: EncodedFile


class DexSheet(EncodedFile):
    """The sheet of an evolution line."""

    family: Annotated[list[str], Field(description="The names of its stages.")]
    seed: int


class DexResponse(BaseModel):
    """Generated dex entries."""

    data: list[DexEntry]
    sheets: Annotated[list[DexSheet] | None, Field(description="The cards of each evolution line side by side.")] = None


class ModelInfo(BaseModel):
    """A model that generates images."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: Literal["pokegan"] = "pokegan"
    kind: str
    size: int
    reads_text: bool
    default: bool


class ModelList(BaseModel):
    """The models that generate images."""

    object: Literal["list"] = "list"
    data: list[ModelInfo]


class NamesResponse(BaseModel):
    """The names whose embeddings the bundle stores."""

    names: list[str]


class NotesResponse(BaseModel):
    """Problems of texts: misspelled names, or unreadable ones."""

    notes: Annotated[list[str | None], Field(description="In the order of the texts; null where there is none.")]


class HealthStatus(BaseModel):
    """The state of the server."""

    status: str


class ErrorDetail(BaseModel):
    """The details of an error."""

    message: str
    type: str
    param: str | None
    code: str


class ErrorResponse(BaseModel):
    """An error in the shape of OpenAI's API."""

    error: ErrorDetail
