"""Text embeddings: stored ones for known names, and the encoder for every other prompt."""

from collections.abc import Sequence
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pgen.backends.base import Session, run
from pgen.backends.cores import physical_cores
from pgen.backends.devices import open_model
from pgen.bundle.reader import Bundle
from pgen.errors import BundleInvalid
from pokegan.errors import one_line

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class TextEncoder:
    """Maps prompts to embeddings; tokenizer and encoder load with the first prompt that is not a known name.

    Threads may share an instance: what is cached without the lock is small, and equal however often it is read.
    """

    def __init__(self, bundle: Bundle, device: str = "auto", threads: int = 0) -> None:
        self.bundle, self.device, self.threads = bundle, device, threads
        self._lock = Lock()
        self._opened: Session | None = None

    def __call__(self, prompts: Sequence[str]) -> NDArray[np.float32]:
        """Embed checked prompts, float32 (N, D). Embeddings of known names are looked up, not computed."""
        stored = [self.stored(prompt) for prompt in prompts]
        unknown = [prompt for prompt, embedding in zip(prompts, stored, strict=True) if embedding is None]
        computed = iter(self.encode(unknown) if unknown else ())
        return np.stack([next(computed) if embedding is None else embedding for embedding in stored])

    def stored(self, prompt: str) -> NDArray[np.float32] | None:
        """Look up the embedding of a known name, float32 (D,); None if `prompt` is not one."""
        row = self.bundle.known_names.get(" ".join(prompt.lower().split()))
        return None if row is None else self.bundle.stored_embeddings[row]

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokenize checked texts; the lists of token ids are not padded."""
        return [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Run the encoder on `texts`, float32 (N, D).

        An embedding depends neither on the other texts nor on the number of threads: texts are encoded one by one,
        unless the bundle allows batches; then texts of equal length share a batch, and none is padded.
        """
        tokens = self.tokens(texts)
        groups: dict[int, list[int]] = {}
        for index, ids in enumerate(tokens):
            groups.setdefault(index if self._alone else len(ids), []).append(index)
        batches = [np.array([tokens[index] for index in indices], np.int64) for indices in groups.values()]
        embeddings = np.concatenate(self._run_all(batches))
        restored = np.empty_like(embeddings)
        restored[[index for indices in groups.values() for index in indices]] = embeddings
        return restored

    def _run_all(self, batches: Sequence[NDArray[np.int64]]) -> list[NDArray[np.float32]]:
        """Run the encoder on batches of tokens, several at once where each has one thread."""
        threads = min(len(batches), self.threads or physical_cores()) if self._alone else 1
        if threads == 1:
            return [self._run(batch) for batch in batches]
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(self._run, batches))

    def _run(self, batch: NDArray[np.int64]) -> NDArray[np.float32]:
        feeds = {"input_ids": batch, "attention_mask": np.ones_like(batch)}
        (embeddings,) = run(self._session(), ["sentence_embedding"], feeds)
        return embeddings  # type: ignore[no-any-return]

    @property
    def _alone(self) -> bool:
        """Whether each text is encoded in a batch of its own.

        The order of ONNX Runtime's sums over tokens depends on the batch size and on the number of threads, which
        changes the last bit of an embedding, and then a pixel. Scales taken from the batch (dynamic int8) differ more.
        """
        return bool(self.bundle.model("encoder").settings.get("alone", True))

    @cached_property
    def _tokenizer(self) -> "Tokenizer":
        from tokenizers import Tokenizer

        content = self.bundle.read("tokenizer.json")
        try:
            tokenizer = Tokenizer.from_str(content.decode())
        except Exception as error:  # tokenizers raises plain ones
            path = self.bundle.folder / "tokenizer.json"
            raise BundleInvalid(f"{path}: cannot be read ({one_line(error)}); export the bundle again") from error
        tokenizer.no_padding()
        tokenizer.enable_truncation(self.bundle.model("encoder").settings["max_tokens"])
        return tokenizer

    def _session(self) -> Session:
        with self._lock:
            if self._opened is None:
                # One text is little work: several threads would wait for each other longer than they compute.
                threads = 1 if self._alone else self.threads
                self._opened = open_model(self.bundle, self.bundle.model("encoder"), self.device, threads)
            return self._opened
