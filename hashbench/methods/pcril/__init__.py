"""PCRIL: prompts recover unknown labels, complementary items fill in, hashing learns from both."""

from hashbench.methods.pcril.presets import PAPER_PRESET
from hashbench.plan.card import Ablation, MethodCard, Param

CARD = MethodCard(
    name="pcril",
    title="PCRIL",
    summary="Incomplete labels: prompts of label sets are learned by contrast, a search adds the "
    "classes that fit, and hash networks learn from what is then known.",
    paper="Prompt Contrastive Recovery of Incomplete Labels, NeurIPS 2024 (ferj6WqShv)",
    year=2024,
    entry="hashbench.methods.pcril.method:Pcril",
    needs_prompts=True,
    needs_encoders=True,
    needs_joint_space=True,
    own_unknown=True,
    epoch_params=("prompt_epochs", "hash_epochs"),
    paper_preset=PAPER_PRESET,
    params=(
        Param("recover", True, "stage 1: recover labels before hashing (the paper's PCR)"),
        Param("augment", True, "complementary semantic augmentation (the paper's CSA)"),
        Param(
            "unknown_pairs",
            "anm",
            "pairs whose similarity stays unknown: adaptive negative masking (anm), all taken as "
            "dissimilar (negative), or left out (ignore)",
            choices=("anm", "negative", "ignore"),
        ),
        Param("prompt_epochs", 4, "epochs of prompt learning", low=1, high=10000),
        Param("prompt_batch", 32, "items a step of prompt learning", low=1, high=65536),
        Param("prompt_lr", 3e-4, "initial learning rate of the prompts", low=0.0, high=1.0),
        Param("margin", 1.0, "margin m between sets, in logits", low=0.0, high=100.0),
        Param(
            "prompt",
            "learned",
            "label-set prompts: learned, the mean of learned one-class prompts (conventional), or "
            "'A photo of a, b, and c.' without learning (phrasal)",
            choices=("learned", "conventional", "phrasal"),
        ),
        Param("agnostic", 2, "learned tokens before, and behind, all classes", low=0, high=32),
        Param("specific", 2, "learned tokens before, and behind, each class", low=0, high=32),
        Param("token_std", 0.02, "deviation of learned tokens at the start", low=0.0, high=10.0),
        Param(
            "hinge",
            "mean",
            "scores that the margin is asked of: the mean of image and text (paper), or each of "
            "the two (separate)",
            choices=("mean", "separate"),
        ),
        Param(
            "anchors",
            "random",
            "classes stand in random order and any of them is deleted (paper), or in column order "
            "and the last is deleted (sorted)",
            choices=("random", "sorted"),
        ),
        Param(
            "search",
            "tree",
            "label search: class by class while the score grows (tree), or all classes that gain "
            "enough by themselves at once (one-step)",
            choices=("tree", "one-step"),
        ),
        Param(
            "score",
            "both",
            "what a label set is scored against in the search",
            choices=("both", "image", "text"),
        ),
        Param(
            "pseudo_labels",
            True,
            "classes that the search refused keep a share of a label, by how much they would gain",
        ),
        Param(
            "pseudo_negatives",
            True,
            "refused classes whose share is 0 are negatives from then on (paper, Algorithm 1), or "
            "stay unknown",
        ),
        Param("watched", 64, "items on which recovery is measured after each epoch", low=1),
        Param("hash_epochs", 80, "epochs of the hash networks", low=1, high=10000),
        Param(
            "patience",
            0,
            "epochs without a better score of what --select goes by after which the hash networks "
            "stop; 0: never (before them there are no codes to score)",
            low=0,
            high=10000,
        ),
        Param("batch_size", 128, "items a step of the hash networks", low=2, high=65536),
        Param("image_lr", 1e-3, "initial learning rate, images", low=0.0, high=1.0),
        Param("text_lr", 1e-3, "initial learning rate, texts", low=0.0, high=1.0),
        Param(
            "networks",
            "plain",
            "hash networks: hidden layers of one width (plain), or 1024-2048-512 as in paper and "
            "release (paper)",
            choices=("plain", "paper"),
        ),
        Param(
            "local_response",
            False,
            "texts are normalised across channels before the last layer (release only)",
        ),
        Param("hidden", 512, "width of a plain network's hidden layers", low=1, high=65536),
        Param("depth", 1, "hidden layers of a plain network", low=0, high=8),
        Param(
            "eta", 1.0, "weight of quantisation, between sums as in the paper", low=0.0, high=1e4
        ),
        Param(
            "targets",
            "unified",
            "what codes are quantised to: sign(V + T) for both modalities (unified), or each to "
            "its own signs (specific)",
            choices=("unified", "specific"),
        ),
        Param("anm_ratio", 0.3, "negative pairs for each positive one (t)", low=0.0, high=1e4),
        Param("top_k", 10, "complementary partners an item may be mixed with", low=1, high=65536),
        Param(
            "mixing",
            "learned",
            "the mixing coefficients: learned (paper), or fixed at their first value",
            choices=("learned", "fixed"),
        ),
        Param("mixing_start", 0.8, "first value of the coefficients", low=0.01, high=0.99),
        Param("mixing_lr", 1e-3, "learning rate of the coefficients", low=0.0, high=1.0),
        Param(
            "partners",
            "largest",
            "partners with the largest overlap (paper), or the smallest (as released)",
            choices=("largest", "smallest"),
        ),
        Param(
            "partner_labels",
            "recovered",
            "labels that partners are looked for by: after recovery (paper), or those known before "
            "it (as released)",
            choices=("recovered", "known"),
        ),
        Param(
            "mixed_similarity",
            "determined",
            "mixed pairs: all count, those that share no class as dissimilar (determined, Eq. 6), "
            "or, like plain pairs, only if every class is known (ternary)",
            choices=("determined", "ternary"),
        ),
        Param(
            "sampling",
            "shuffled",
            "items of an epoch: each once (shuffled), or drawn with replacement (as released)",
            choices=("shuffled", "replacement"),
        ),
    ),
    ablations=(
        Ablation(
            "B",
            "the hash networks alone, unknown labels taken as negative; further names add to it",
            {"recover": False, "augment": False, "unknown_pairs": "negative"},
        ),
        Ablation("IU", "unknown pairs are left out", {"unknown_pairs": "ignore"}),
        Ablation("AN", "unknown pairs are taken as negative", {"unknown_pairs": "negative"}),
        Ablation("ANM", "adaptive negative masking of unknown pairs", {"unknown_pairs": "anm"}),
        Ablation("PCR", "with prompt contrastive recovery", {"recover": True}),
        Ablation("CSA", "with complementary semantic augmentation", {"augment": True}),
        Ablation("no-PCR", "without recovery", {"recover": False}),
        Ablation("no-CSA", "without augmentation", {"augment": False}),
        Ablation("few-negatives", "t = 0.01, as the paper's appendix has it", {"anm_ratio": 0.01}),
        Ablation("phrasal", "raw prompts, nothing learned", {"prompt": "phrasal"}),
        Ablation("conventional", "mean of one-class prompts", {"prompt": "conventional"}),
        Ablation("image-only", "search by image scores", {"score": "image"}),
        Ablation("text-only", "search by text scores", {"score": "text"}),
        Ablation(
            "one-step",
            "every class is tried once against the known set; the others keep pseudo labels",
            {"search": "one-step", "pseudo_labels": True},
        ),
        Ablation("separate-hinges", "as released: a hinge a modality", {"hinge": "separate"}),
        Ablation("sorted-anchors", "as released: the last class is deleted", {"anchors": "sorted"}),
        Ablation("fixed-mixing", "as released: lambda gets no gradient", {"mixing": "fixed"}),
        Ablation(
            "inverted-partners",
            "as released: least overlap by an overflow",
            {"partners": "smallest"},
        ),
        Ablation("paper-networks", "hash networks of 1024-2048-512", {"networks": "paper"}),
        Ablation(
            "released-networks",
            "hash networks of 1024-2048-512, normalised before the text codes, as released",
            {"networks": "paper", "local_response": True},
        ),
        Ablation(
            "no-pseudo-labels",
            "classes that the search refused stay unknown",
            {"pseudo_labels": False},
        ),
        Ablation(
            "ternary-mixing",
            "a mixed pair is dissimilar only if every class is known",
            {"mixed_similarity": "ternary"},
        ),
        Ablation(
            "specific-codes",
            "codes are quantised to the signs of their own modality",
            {"targets": "specific"},
        ),
        Ablation(
            "released",
            "as the released code: unknown pairs are negative, no pseudo labels, a hinge for each "
            "modality, sorted classes, lambda fixed, least overlap by labels before recovery, "
            "draws with replacement, normalised texts; without its u = 1e-4 for unknown labels, "
            "its one lambda for mixed labels, its sizes (released-networks), its file handling",
            {
                "unknown_pairs": "negative",
                "pseudo_labels": False,
                "hinge": "separate",
                "anchors": "sorted",
                "mixing": "fixed",
                "partners": "smallest",
                "partner_labels": "known",
                "sampling": "replacement",
                "local_response": True,
            },
        ),
    ),
)
