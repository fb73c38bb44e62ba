"""The peer of startup.py: one picture in PyTorch, in a process as short as it can be made.

    python benchmarks/startup_peer.py FOLDER OUT [TEXT]

FOLDER holds the networks of a bundle as `prepare` wrote them: pickled whole, so that nothing is initialised, and read
through a memory map. With TEXT the text goes through transformers' BERT and its tokenizer; without, the stored
embedding of a known name is used, and transformers is not imported. Nothing that a picture does not need is imported.
"""

import sys
from pathlib import Path


def prepare(folder: Path, bundle_folder: Path, name: str, latent_seed: int) -> None:
    """Write the networks of a bundle, a latent and the stored embedding of `name`; not timed."""
    import shutil

    import numpy as np
    import torch
    from transformers import BertModel

    from pgen.bundle import open_bundle
    from pgen.latents import latents
    from pgen.text import TextEncoder
    from pgexport.eager import rebuild
    from pgtrain.text import load_encoder

    bundle = open_bundle(bundle_folder)
    model = bundle.model("text-to-image")
    torch.save(rebuild(bundle, model).generator, folder / "generator.pt")
    source = Path(load_encoder(model.provenance["run"]["encoder"]).tokenizer.name_or_path)
    torch.save(BertModel.from_pretrained(source, add_pooling_layer=False).eval(), folder / "bert.pt")
    shutil.copy(source / "tokenizer.json", folder / "tokenizer.json")
    np.save(folder / "latent.npy", latents([latent_seed], model.settings["latent_dim"]))
    np.save(folder / "text.npy", TextEncoder(bundle, "cpu")([name]))


def main(folder: Path, out: Path, text: str | None) -> None:
    """Draw one picture."""
    import numpy as np
    import torch
    from PIL import Image

    with torch.inference_mode():
        embedding = torch.from_numpy(np.load(folder / "text.npy")) if text is None else embed(folder, text)
        generator = torch.load(folder / "generator.pt", weights_only=False, mmap=True)
        latent, whitened = torch.from_numpy(np.load(folder / "latent.npy")), generator.whitening(embedding)
        small, _ = generator.stage1(latent, whitened)
        logits = small if generator.stage2 is None else generator.stage2(small, latent, whitened)[0]
        scaled = torch.floor(torch.sigmoid(logits) * 255 + 0.5)
        scaled[:, :3] *= scaled[:, 3:] > 0
        pixels = scaled.permute(0, 2, 3, 1).to(torch.uint8).numpy()
    Image.fromarray(pixels[0]).save(out)


def embed(folder, text):  # type: ignore[no-untyped-def]
    """Embed a text, float32 (1, D): BERT and the mean over its tokens."""
    import torch
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    ids = torch.tensor([tokenizer.encode(text).ids])
    bert = torch.load(folder / "bert.pt", weights_only=False, mmap=True)
    return bert(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state.mean(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
