"""Speed of training, and quality of what was trained."""

from typing import Any

from markdown_tables.results import factor, load, number, percent
from pgtrain.evaluation.tables import lines
from pokegan.markdown import table


def dcgan() -> str:
    """Tabulate images a second of training."""
    rows = []
    for recipe, result in load("training")["recipes"].items():
        rates, faster = result["images_per_second"], result["speed_over_plain_pytorch"]
        rows.append(
            [f"`{recipe}`, batch {result['batch']}"]
            + [number(rates[name]["median"]) for name in ("plain PyTorch", "pgtrain")]
            + [factor(faster[name]["median"]) for name in ("pgtrain", "pgtrain fp32", "pgtrain --compile")]
        )
    return table(["`pgtrain dcgan`", "plain loop", "pgtrain", "ratio", "in float32", "with `--compile`"], rows)


def stackgan() -> str:
    """Tabulate images a second of training stackgan, and where a step's time goes."""
    stages = load("stackgan_step")["stages"].values()
    rows = [
        ["plain loop, images/s", *(number(stage["images_per_second"]["plain loop"]) for stage in stages)],
        ["`pgtrain stackgan`, images/s", *(number(stage["images_per_second"]["pgtrain"]) for stage in stages)],
        ["ratio", *(factor(stage["ratio"]["median"]) for stage in stages)],
    ]
    parts = dict.fromkeys(part for stage in stages for part in stage["shares"])
    rows += [[f"share: {part}", *(percent(stage["shares"].get(part, 0), 1) for stage in stages)] for part in parts]
    return table(["bf16, batch 32", "stage I, adversarial", "stage II, adversarial"], rows)


def recipes() -> str:
    """Tabulate each default recipe beside the original one."""
    rows = []
    for name, label in (("dcgan", "`dcgan`"), ("wgan", "`wgan`"), ("stackgan", "`stackgan --stage 1`")):
        system = load("recipes")["systems"][name]
        cells = [label, system["command"].rpartition(" ")[2]]
        for network in ("imagenet", "artwork"):
            for recipe in ("default", "original"):
                figures = system[recipe] if network == "artwork" else system[recipe].get("imagenet")
                cells.append(f"{figures['kid']:.2f}" if figures else "not measured")
        rows.append(cells)
    return table(
        ["", "minutes", "KID, photographs: default", "original", "KID, artwork network: default", "original"], rows
    )


def stats() -> str:
    """Tabulate the stats GAN beside other synthesizers."""
    contenders = {
        "pokegan": "PokéGAN",
        "tvae-tuned": "TVAE, tuned (SDV)",
        "gaussian-copula": "Gaussian copula (SDV)",
        "ctgan-tuned": "CTGAN, tuned (SDV)",
        "ctgan": "CTGAN, defaults (SDV)",
        "reference: held-out rows": "real, held out",
        "reference: resample": "real, resampled",
    }
    rows = []
    for name, label in contenders.items():
        mean = load("stats")["contenders"][name]["mean"]
        figures = [f"{mean['overall']:.3f}", f"{mean['two_sample_auc']:.2f}", f"{mean['tstr_auc']:.3f}"]
        shares = [f"{100 * mean[key]:.1f}".removesuffix(".0") + " %" for key in ("copies", "valid")]
        rows.append([label, *figures, f"{mean['total_distance']:.1f}", *shares])
    columns = ["SDMetrics overall", "two-sample AUC (0.5 is perfect)", "train on synthetic AUC", "distance of totals"]
    return table(["", *columns, "copies", "valid"], rows)


def quality() -> str:
    """Tabulate every figure of the embedded bundle and of what it is compared with."""
    judged = load("quality")["judged"]
    return table(["figure", *judged, "real pictures"], lines(judged))


def quality_summary() -> str:
    """Tabulate the main figures of the embedded bundle."""
    judged = load("quality")["judged"]["embedded"]
    floor, described = judged["floor"], judged["described"]

    def shown(label: str, kind: str, prompts: dict[str, Any]) -> list[str]:
        figures = prompts[kind]
        return [label, percent(figures["found"]), f"{percent(figures['ceiling'])}; chance {percent(figures['floor'])}"]

    rows = [
        ["KID, 95 % interval", *(f"{at['kid_low']:.3f} to {at['kid_high']:.3f}" for at in (judged, floor))],
        [f"FID, {judged['fid_pictures']} pictures", f"{judged['fid']:.0f}", f"{floor['fid']:.0f}"],
        [f"own Pokémon in 10 nearest of {judged['real']:,}", percent(judged["retrieval"]["among_first_ten"]), "100 %"],
        shown("names: color", "color", judged["text"]),
        shown("names: type", "types", judged["text"]),
        shown("new combinations: color", "color", described["text"]["new"]),
        shown("new combinations: type", "types", described["text"]["new"]),
        [f"copies in {described['samples']:,} descriptions", str(described["copying"]["copies"]), "0"],
    ]
    return table(["", "embedded bundle", "real pictures"], rows)
