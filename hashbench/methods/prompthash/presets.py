"""What the paper and the release of PromptHash run with (github CCRG-XJU/PromptHash)."""

from hashbench.plan.preset import Given, Preset, sourced

_TRAINER = "release: train_asym.py"
_MODEL = "release: hash_model.py"
_SCRIPTS = "release: the scripts of all three datasets (*.sh)"
_FLICKR_NUS = "release: the scripts of MIRFlickr-25K and NUS-WIDE"
_COCO = "release: the script of COCO"

PAPER_PRESET = Preset(
    datasets=("mirflickr25k", "nuswide", "coco", "packaged"),
    options=(
        *sourced(
            "release: train_asym.py; the summary says CLIP-B16",
            backbone="ViT-B-16-quickgelu",
            pretrained="metaclip_fullcc",
        ),
        *sourced(_TRAINER, bits=(16, 32, 64)),
        Given("split", "prompthash", "release: load_data.py, seed 1814"),
        Given("select", "test", "release: train_asym.py keeps the best epoch on the test queries"),
    ),
    params=(
        *sourced(_SCRIPTS, epochs=100, batch_size=128, lr=1e-3, delta=0.001),
        *sourced(
            _TRAINER,
            backbone_lr=1e-5,
            prompt_lr=1e-5,
            fusion_lr=0.1,
            weight_decay=0.01,
            tuned_blocks=2,
        ),
        Given("optimiser", "bertadam", "release: train_asym.py; the summary says Adam"),
        *sourced(_FLICKR_NUS, "mirflickr25k", "nuswide", inter=5.0, sigma=0.1),
        *sourced(_COCO, "coco", inter=20.0, sigma=1.0),
        *sourced(_TRAINER, intra=0.005, alpha=5.0, mu=20.0, auxiliary_bits=256, temperature=0.07),
        Given("token_weight", 5.0, "weight: train_asym.py; of tokens: paper (PACL)"),
        Given(
            "prompt_weight",
            0.0,
            "paper; the release aligns whole with whole instead: --ablate local-whole",
        ),
        *sourced(_MODEL, dropout=0.5, fused_share=0.5),
        Given("fusion", "ssm", "paper (AGSF)"),
        Given("template", "this is an image containing {}.", "code from before the release"),
    ),
    unknown=(
        (
            "how the released label prompts (prompt_caption.npz) were made: from true labels, by a "
            "language model, or from predicted classes"
        ),
        "seeds and number of runs behind the tables",
        "the numbers of items; NUS-WIDE may have 192,779 or 195,834",
    ),
    departures=(
        (
            "the strict protocol predicts the classes of prompts and keeps modalities apart; the "
            "release does neither: --protocol published"
        ),
        (
            "pictures are not flipped and cropped at random, which would encode them anew in each "
            "epoch: --augment-images flip-crop"
        ),
        "the prompt transformer starts as the identity, the release's at random",
    ),
)
