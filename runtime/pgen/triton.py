"""The Python steps of the Triton ensembles: tokens from a prompt, latents from seeds, PNG from pixels.

They run in Triton's Python backend, with the functions of `pgen image`, and need neither PyTorch nor ONNX Runtime:
Triton's own backends run the networks. ``pgexport --triton`` writes a ``model.py`` per step that names its class, and
copies the files of the bundle that it reads.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pgen.backends.base import with_defaults
from pgen.bundle.reader import Bundle, open_bundle
from pgen.errors import PromptInvalid, RequestInvalid
from pgen.images.model import Picture
from pgen.images.postprocess import Postprocess
from pgen.jobs.job import render
from pgen.latents import latents
from pgen.prompts import check_prompt
from pgen.request import Request
from pgen.text_encoder import TextEncoder
from pokegan.errors import PokeganError

Tensors = dict[str, NDArray[Any]]


class Step:
    """One Python model of the repository: named arrays in, named arrays out, one request at a time."""

    bundle: Bundle
    parameters: dict[str, str]
    """From the model's config.pbtxt."""

    def initialize(self, args: dict[str, str]) -> None:
        """Open the files of the bundle beside model.py; Triton calls this once per instance."""
        self.bundle = open_bundle(Path(args["model_repository"]) / args["model_version"] / "bundle")
        parameters = json.loads(args["model_config"]).get("parameters", {})
        self.parameters = {name: value["string_value"] for name, value in parameters.items()}
        self.prepare()

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer every request; invalid input fails only its own request."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        import triton_python_backend_utils as backend  # exists only inside the server

        try:
            outputs = self.run({tensor.name(): tensor.as_numpy() for tensor in request.inputs()})
        except PokeganError as error:
            failure = backend.TritonError(error.message, backend.TritonError.INVALID_ARG)
            return backend.InferenceResponse(error=failure)
        return backend.InferenceResponse([backend.Tensor(name, values) for name, values in outputs.items()])

    def prepare(self) -> None:
        """Load what `run` needs, so that errors appear when the server starts."""

    def run(self, inputs: Tensors) -> Tensors:
        """Compute the outputs of one request.

        Raises:
            PokeganError: the inputs cannot be used.
        """
        raise NotImplementedError


class Tokenizer(Step):
    """Converts a prompt to the encoder's token ids (1, T), without padding.

    Triton batches only requests of equal shape, so texts of one length share a batch and a text's embedding does not
    depend on the others, as in :class:`pgen.text_encoder.TextEncoder`.
    """

    def prepare(self) -> None:
        """Load the tokenizer."""
        self.encoder = TextEncoder(self.bundle)
        self.dtypes = {tensor.name: tensor.dtype for tensor in self.bundle.model("encoder").inputs}
        self.encoder.tokens(["loads it"])

    def run(self, inputs: Tensors) -> Tensors:
        """Map prompt, bytes (1,), to input_ids and attention_mask (1, T)."""
        ids = np.array(self.encoder.tokens([_prompt(inputs)]), self.dtypes["input_ids"])
        return {"input_ids": ids, "attention_mask": np.ones_like(ids, self.dtypes["attention_mask"])}


class Latents(Step):
    """Converts seeds to the generator's inputs, one row per picture."""

    def prepare(self) -> None:
        """Load the stored embeddings of known names."""
        self.model = self.bundle.manifest.models[self.parameters["generator"]]
        self.most = int(self.parameters["most"])
        self.encoder = TextEncoder(self.bundle)
        self.encoder.stored("loads them")

    def run(self, inputs: Tensors) -> Tensors:
        """Map seed, uint64 (N,), and prompt and sentence_embedding (1, D), to latent (N, L) and text (N, D).

        Further inputs of the generator are zeros, their default. Known names have stored embeddings, as in
        `pgen image`.
        """
        seeds = [int(seed) for seed in inputs["seed"]]
        if not 1 <= len(seeds) <= self.most:
            raise RequestInvalid(f"seed has {len(seeds)} numbers, one per picture; send 1 to {self.most}")
        outputs: Tensors = {"latent": latents(seeds, self.model.settings["latent_dim"])}
        if "prompt" in inputs:
            stored = self.encoder.stored(_prompt(inputs))
            text = inputs["sentence_embedding"][0] if stored is None else stored
            outputs["text"] = np.repeat(text[None], len(seeds), axis=0)
        return with_defaults(self.model, outputs)


class Png(Step):
    """Encodes pictures as PNG files with prompt, seed and bundle, as `pgen image` does."""

    def run(self, inputs: Tensors) -> Tensors:
        """Map pictures, uint8 (N, S, S, C), with their seed (N,) and prompt (1,), to png, bytes (N,)."""
        prompt = _prompt(inputs) if "prompt" in inputs else ""
        rows = zip(inputs["seed"], inputs["pictures"], strict=True)
        pictures = [Picture(Request(prompt, int(seed)), pixels) for seed, pixels in rows]
        files = [render(picture, self.bundle, Postprocess()) for picture in pictures]
        return {"png": np.array(files, np.object_)}


def _prompt(inputs: Tensors) -> str:
    content = inputs["prompt"][0]
    if not isinstance(content, bytes):
        raise PromptInvalid("the prompt is not text; send it as BYTES")
    # Invalid UTF-8 becomes lone surrogates, which check_prompt rejects with their position.
    return check_prompt(content.decode("utf-8", "surrogateescape"))
