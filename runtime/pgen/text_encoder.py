"""Text embeddings: stored ones for known names, and the encoder for every other prompt."""

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
from pgen.backends.registry import device_of
from pgen.bundle.reader import Bundle
from pgen.errors import BundleInvalid
from pokegan.errors import one_line

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

MAX_NOTES = 10_000
"""Prompts whose notes are kept, so that memory use is constant."""

MAX_BATCH = 8
"""Texts encoded at once: larger batches are hardly faster, and leave other threads idle."""

UNKNOWN = "[UNK]"

MAX_NAME_WORDS = 3
"""Words of a prompt that may be a misspelled name."""


class TextEncoder:
    """Maps prompts to embeddings; tokenizer and encoder load with the first prompt that is not a known name.

    Threads may share an instance: what is cached without the lock is small, and equal however often it is read.
    """

    def __init__(self, bundle: Bundle, device: str = "auto", threads: int = 0) -> None:
        self.bundle, self.device, self.threads = bundle, device, threads
        self._lock = Lock()
        self._opened: Session | None = None
        self.notes: dict[str, str] = {}
        """One line of advice for the author of a prompt, by prompt; at most MAX_NOTES prompts."""

    def __call__(self, prompts: Sequence[str]) -> NDArray[np.float32]:
        """Embed checked prompts, float32 (N, D). Embeddings of known names are looked up, not computed.

        Full-width and other compatibility letters are read as plain ones (NFKC). Prompts that are unreadable or look
        like a misspelled name leave a line in :attr:`notes`.
        """
        stored = [self.stored(prompt) for prompt in prompts]
        unknown = [prompt for prompt, embedding in zip(prompts, stored, strict=True) if embedding is None]
        if unknown:
            self._annotate(unknown)
        computed = iter(self.encode(unknown) if unknown else ())
        return np.stack([next(computed) if embedding is None else embedding for embedding in stored])

    def notes_on(self, texts: Sequence[str]) -> dict[str, str]:
        """Return the lines of advice on `texts` by text, of those that have one."""
        return {text: note for text in texts if (note := self.notes.get(text))}

    def advise(self, texts: Sequence[str]) -> dict[str, str]:
        """Return the lines of advice on checked `texts` as :meth:`notes_on` does, also of those never embedded."""
        unknown = [text for text in texts if self.stored(text) is None]
        if unknown and any(model.kind == "encoder" for model in self.bundle.manifest.models.values()):
            self._annotate(unknown)
        return self.notes_on(texts)

    def stored(self, prompt: str) -> NDArray[np.float32] | None:
        """Look up the embedding of a known name, float32 (D,); None if `prompt` is not one."""
        row = self.bundle.known_names.get(prompt.lower())
        if row is None:  # only then is the index of all spellings built
            row = self.bundle.name_index.find(prompt)
        return None if row is None else self.bundle.stored_embeddings[row]

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokenize checked texts; the lists of token ids are not padded."""
        return [encoding.ids for encoding in self._encoded(texts)]

    def _encoded(self, texts: Sequence[str]) -> "list[Encoding]":
        return self._tokenizer.encode_batch([unicodedata.normalize("NFKC", text) for text in texts])

    def _annotate(self, prompts: Sequence[str]) -> None:
        if len(self.notes) > MAX_NOTES:
            self.notes.clear()
        for prompt, encoding in zip(prompts, self._encoded(prompts), strict=True):
            if note := self._note(prompt, encoding):
                self.notes[prompt] = note

    def _note(self, prompt: str, encoding: "Encoding") -> str:
        """Return a line of advice on a prompt that is not a known name; empty if it needs none."""
        specials = encoding.special_tokens_mask
        tokens = [token for token, special in zip(encoding.tokens, specials, strict=True) if not special]
        # Of other scripts, the tokenizer has single letters, in which the encoder reads no meaning.
        unread = sum(token == UNKNOWN or not token.isascii() for token in tokens)
        if 2 * unread >= max(1, len(tokens)):
            return "most of it is unknown to the model, which draws all such prompts alike; write English words"
        words = prompt.split()
        # A word that the tokenizer has whole is an ordinary one, such as "dragon", and not meant as "Dragonite".
        is_ordinary = len(words) > MAX_NAME_WORDS or len(tokens) <= len(words)
        names = [] if is_ordinary else self.bundle.name_index.closest(prompt)
        return f"did you mean {' or '.join(names)}?" if names else ""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Run the encoder on `texts`, float32 (N, D).

        An embedding depends neither on the other texts nor on the number of threads: texts of equal length share a
        batch, so that none is padded, where the export proved that a neighbor changes no bit; otherwise each has a
        batch of its own.
        """
        tokens = self.tokens(texts)
        lengths: dict[int, list[int]] = {}
        for index, ids in enumerate(tokens):
            lengths.setdefault(len(ids), []).append(index)
        size = 1 if self._alone else MAX_BATCH
        batches = [rows[start : start + size] for rows in lengths.values() for start in range(0, len(rows), size)]
        results = self._run_all([np.array([tokens[index] for index in batch], np.int64) for batch in batches])
        embeddings = np.concatenate(results)
        restored = np.empty_like(embeddings)
        restored[[index for batch in batches for index in batch]] = embeddings
        return restored

    def _run_all(self, batches: Sequence[NDArray[np.int64]]) -> list[NDArray[np.float32]]:
        """Run the encoder on batches of tokens, several at once on a thread each."""
        threads = min(len(batches), self.threads or physical_cores())
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

        Bundles say so where the batch changes an embedding on the CPU, as the scales of dynamic int8 do. On GPUs the
        batch decides on the kernels, and with them the last bits.
        """
        on_gpu = device_of(self._session().get_providers()).on_gpu
        return on_gpu or bool(self.bundle.model("encoder").settings.get("alone", True))

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
                self._opened = open_model(self.bundle, self.bundle.model("encoder"), self.device, 1)
            return self._opened
