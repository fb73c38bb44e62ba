"""From a prompt to its embedding: checks, the stored names, and the encoder for everything else."""

import unicodedata
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
from pgen.errors import BundleInvalid, PromptInvalid
from pokegan.errors import one_line

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MAX_PROMPT = 1000
"""Characters; the encoder reads 64 tokens, so more could not matter."""


def check_prompt(prompt: str) -> str:
    """Strip a prompt and return it.

    Raises:
        PromptInvalid: it is blank, longer than MAX_PROMPT, or holds control characters.
    """
    stripped = prompt.strip()
    if not stripped:
        raise PromptInvalid('the prompt is empty; write a name or a sentence, such as "Charizard"')
    if len(stripped) > MAX_PROMPT:
        raise PromptInvalid(f"the prompt has {len(stripped):,} characters; the most is {MAX_PROMPT:,}")
    for position, character in enumerate(stripped, 1):
        if unicodedata.category(character) == "Cs":  # a lone surrogate, which a shell makes of such bytes
            raise PromptInvalid(f"the prompt is not UTF-8 at character {position}; write it anew, or mend the locale")
        if unicodedata.category(character) == "Cc":
            raise PromptInvalid(f"the prompt has a control character (U+{ord(character):04X}) at {position}; remove it")
    return stripped


class TextEncoder:
    """Maps prompts to embeddings; the tokenizer and the encoder load when the first unknown text comes.

    Threads may share one. What is cached without the lock is small, and the same however often it is read.
    """

    def __init__(self, bundle: Bundle, device: str = "auto", threads: int = 0) -> None:
        self.bundle, self.device, self.threads = bundle, device, threads
        self._lock = Lock()
        self._opened: Session | None = None

    def __call__(self, prompts: Sequence[str]) -> NDArray[np.float32]:
        """Embed checked prompts, float32 (N, D). A known name's embedding is looked up, not computed."""
        found = [self.stored(prompt) for prompt in prompts]
        unknown = [prompt for prompt, embedding in zip(prompts, found, strict=True) if embedding is None]
        computed = iter(self.encode(unknown) if unknown else ())
        return np.stack([next(computed) if embedding is None else embedding for embedding in found])

    def stored(self, prompt: str) -> NDArray[np.float32] | None:
        """Look up the embedding of a known name, float32 (D,); None if `prompt` is no known name."""
        row = self.bundle.known_names.get(" ".join(prompt.lower().split()))
        return None if row is None else self.bundle.stored_embeddings[row]

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Split checked texts into the encoder's token ids, each as long as it needs."""
        return [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Run the encoder on `texts`, float32 (N, D).

        A text's embedding depends neither on its neighbours nor on the number of threads: texts are encoded one by
        one, unless the bundle says that its encoder may take several; those of one length then share a batch, and
        none is padded.
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
        (found,) = run(self._session(), ["sentence_embedding"], feeds)
        return found  # type: ignore[no-any-return]

    @property
    def _alone(self) -> bool:
        """Is every text a batch of its own?

        ONNX Runtime sums over tokens in another order for one text than for several, and by threads: the last bit of
        an embedding, and then a pixel, would change. Scales taken from the batch (dynamic int8) do worse.
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
                # A text is little work: threads that share it wait for each other longer than they compute.
                threads = 1 if self._alone else self.threads
                self._opened = open_model(self.bundle, self.bundle.model("encoder"), self.device, threads)
            return self._opened
