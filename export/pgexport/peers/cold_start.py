"""One picture in PyTorch, in a process as short as it can be made: the peer of cold starts.

    python -m pgexport.peers.cold_start prepare FOLDER BUNDLE MODEL TEXT    # not timed; MODEL may be empty
    python -m pgexport.peers.cold_start draw FOLDER OUT BACKEND [TEXT]

BACKEND is as in :mod:`pgexport.peers.eager`; it always runs eagerly. FOLDER holds the networks of a bundle as `prepare`
wrote them: pickled whole, so that nothing is initialized, and read through a memory map. With TEXT the text goes
through transformers' BERT and its tokenizer; without, the embedding that `prepare` stored is used, and transformers is
not imported. Nothing that a picture does not need is imported.
"""

import sys
from pathlib import Path
from typing import Any


def prepare(folder: Path, bundle_folder: Path, model_name: str, text: str) -> None:
    """Write the networks of a bundle, the latent of seed 0, and the embedding of `text` where the model reads one."""
    import numpy as np
    import torch

    from pgbench.processes.pgen_worker import find
    from pgen.bundle.reader import open_bundle
    from pgen.latents import latents
    from pgen.text_encoder import TextEncoder
    from pgexport.peers.eager import rebuild

    bundle = open_bundle(bundle_folder)
    model = find(bundle, model_name or None)
    torch.save(rebuild(bundle, model).generator, folder / "generator.pt")
    np.save(folder / "latent.npy", latents([0], model.settings["latent_dim"]))
    if model.reads_text:
        _prepare_encoder(folder, model.provenance["run"]["encoder"])
        np.save(folder / "text.npy", TextEncoder(bundle, "cpu")([text]))


def _prepare_encoder(folder: Path, name: str) -> None:
    import shutil

    import torch
    from transformers import BertModel

    from pgtrain.models.text_encoder import load_encoder

    source = Path(load_encoder(name).tokenizer.name_or_path)
    bert: Any = BertModel.from_pretrained(source, add_pooling_layer=False)
    torch.save(bert.eval(), folder / "bert.pt")
    shutil.copy(source / "tokenizer.json", folder / "tokenizer.json")


def draw(folder: Path, out: Path, backend: str, text: str | None = None) -> None:
    """Draw one picture."""
    import numpy as np
    import torch
    from PIL import Image

    options = backend.split("-")
    device = "cuda" if "cuda" in options else "cpu"
    half = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(options[-1])
    with torch.inference_mode(), torch.autocast(device, half, enabled=half is not None):
        generator = torch.load(folder / "generator.pt", weights_only=False, mmap=True).to(device)
        latent = torch.from_numpy(np.load(folder / "latent.npy")).to(device)
        if (folder / "text.npy").is_file():
            embedding = embed(folder, text, device) if text else torch.from_numpy(np.load(folder / "text.npy"))
            small, large = generator(latent, embedding.to(device))
            logits = small if large is None else large
        else:
            logits = generator(latent)
        scaled = torch.floor(torch.sigmoid(logits.float()) * 255 + 0.5)
        if scaled.shape[1] == 4:
            scaled[:, :3] *= scaled[:, 3:] > 0
        pixels = scaled.permute(0, 2, 3, 1).to(torch.uint8).cpu().numpy()
    Image.fromarray(pixels[0]).save(out)


def embed(folder: Path, text: str, device: str) -> Any:
    """Embed a text, float32 (1, D): BERT and the mean over its tokens."""
    import torch
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    ids = torch.tensor([tokenizer.encode(text).ids], device=device)
    bert = torch.load(folder / "bert.pt", weights_only=False, mmap=True).to(device)
    return bert(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state.mean(1).float()


def main() -> None:
    """Prepare, or draw."""
    task, folder, path, *others = sys.argv[1:]
    (prepare if task == "prepare" else draw)(Path(folder), Path(path), *others)


if __name__ == "__main__":
    main()
