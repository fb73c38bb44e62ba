"""What requests and answers hold. Fields are strict: text is no number, and 1.5 is no count."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pgen.images.postprocess import MIN_SIZE
from pgen.latents import MAX_SEED
from pgen.prompts import MAX_PROMPT
from pgen.serve.config import MAX_CARDS, MAX_FRAMES, MAX_PICTURES, MAX_ROWS, MAX_SIDE

SIZE = r"^(auto|[1-9][0-9]{0,3}x[1-9][0-9]{0,3})$"


def _square(size: str) -> str:
    """Check a size such as "256x256"."""
    found = re.fullmatch(r"(\d+)x(\d+)", size)
    if found and not (found[1] == found[2] and MIN_SIZE <= int(found[1]) <= MAX_SIDE):
        raise ValueError(f"pictures are square, of {MIN_SIZE} to {MAX_SIDE} pixels a side: write 256x256, or auto")
    return size


Size = Annotated[str, Field(pattern=SIZE), AfterValidator(_square)]
Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]
Prompt = Annotated[str, Field(max_length=MAX_PROMPT)]
Word = Annotated[str, Field(max_length=40)]


def side_of(size: str | None) -> int | None:
    """Read the pixels a side of a size; None is the model's own."""
    return None if size in (None, "auto") else int(size.split("x")[0])


class Asked(BaseModel):
    """The body of a request: no field that is not known, so that a misspelt one is not ignored."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ImagesAsked(Asked):
    """What ``POST /v1/images/generations`` takes."""

    prompt: Annotated[Prompt, Field(description="A name or a sentence; empty for a model that reads no text.")]
    n: Annotated[int | None, Field(ge=1, le=MAX_PICTURES, description="Pictures, with seeds that count up.")] = 1
    size: Annotated[Size | None, Field(description="The model's own, or square: 256x256.")] = None
    seed: Annotated[Seed | None, Field(description="Of the first picture; by default one is drawn and told.")] = None
    response_format: Literal["b64_json", "url"] | None = "b64_json"
    model: Annotated[str | None, Field(max_length=100, description="One that GET /v1/models lists.")] = None
    output_format: Literal["png", "webp"] | None = "png"
    background: Literal["transparent", "opaque", "auto"] | None = None
    stream: Annotated[Literal[False] | None, Field(description="Answers come whole.")] = None
    user: Annotated[Any, Field(description="Ignored, as the fields below are, which OpenAI's clients send.")] = None
    quality: Any = None
    style: Any = None
    moderation: Any = None
    output_compression: Any = None
    partial_images: Any = None
    safety_identifier: Any = None

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"prompt": "Charizard", "n": 2, "seed": 7, "size": "256x256"}]}
    )


class MorphAsked(Asked):
    """What ``POST /v1/morph`` takes."""

    start: Annotated[Prompt, Field(description="Prompt of the first frame.")]
    end: Annotated[Prompt, Field(description="Prompt of the last.")]
    frames: Annotated[int, Field(ge=2, le=MAX_FRAMES)] = 24
    seed: Seed = 0
    to_seed: Annotated[Seed | None, Field(description="Of the last frame; by default the same.")] = None
    loop: Annotated[bool, Field(description="Lead back to the first frame.")] = False
    format: Literal["gif", "webp", "frames"] = "gif"

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"start": "Charizard", "end": "Blastoise", "frames": 8, "loop": True}]}
    )


class RowsWanted(Asked):
    """What rows of numbers can be asked to have."""

    type: Annotated[
        Word | Annotated[list[Word], Field(max_length=2)] | None, Field(description="One type, or two.")
    ] = None
    total: Annotated[int | None, Field(ge=0, le=10_000, description="What the stats sum to, exactly.")] = None
    rarity: Annotated[Word | None, Field(description="ordinary, legendary, mythical or baby.")] = None
    legendary: Annotated[bool | None, Field(description="Short for that rarity.")] = False


class StatsAsked(RowsWanted):
    """What ``POST /v1/stats`` takes."""

    n: Annotated[int, Field(ge=1, le=MAX_ROWS)] = 1
    seed: Seed = 0

    model_config = ConfigDict(json_schema_extra={"examples": [{"n": 3, "seed": 7, "type": ["fire"], "total": 500}]})


class DexAsked(RowsWanted):
    """What ``POST /v1/dex`` takes."""

    n: Annotated[int, Field(ge=1, le=MAX_CARDS)] = 1
    seed: Annotated[Seed | None, Field(description="Of the first; by default one is drawn and told.")] = None

    model_config = ConfigDict(json_schema_extra={"examples": [{"n": 1, "seed": 7, "type": "water"}]})


class Encoded(BaseModel):
    """A file in base64."""

    b64_json: str


class ImageTold(BaseModel):
    """A picture, in one of two ways."""

    b64_json: str | None = None
    url: str | None = None
    seed: int
    prompt: str


class ImagesTold(BaseModel):
    """Pictures."""

    created: int
    model: str
    data: list[ImageTold]


class FramesTold(BaseModel):
    """The frames of a film."""

    data: list[Encoded]


class RowTold(BaseModel):
    """One Pokémon as numbers: beside these, each stat by its name."""

    seed: int
    total: int
    types: list[str]
    rarity: str

    model_config = ConfigDict(extra="allow")


class RowsTold(BaseModel):
    """Rows of numbers."""

    data: list[RowTold]


class CardTold(BaseModel):
    """A whole new Pokémon."""

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
    seed: int
    words_by: str
    bundle: str
    picture: Encoded
    card: Encoded


class CardsTold(BaseModel):
    """Whole new Pokémon."""

    data: list[CardTold]


class ModelTold(BaseModel):
    """A model that draws pictures."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: Literal["pokegan"] = "pokegan"
    kind: str
    size: int
    reads_text: bool
    default: bool


class ModelsTold(BaseModel):
    """The models that draw pictures."""

    object: Literal["list"] = "list"
    data: list[ModelTold]


class NamesTold(BaseModel):
    """The names that the bundle knows."""

    names: list[str]


class State(BaseModel):
    """How the server is."""

    status: str


class Fault(BaseModel):
    """What went wrong."""

    message: str
    type: str
    param: str | None
    code: str


class FaultTold(BaseModel):
    """An error, as OpenAI's API tells it."""

    error: Fault
