"""SODA: a teacher of images and label prompts, and a student of texts."""

from hashbench.methods.soda.presets import PAPER_PRESET
from hashbench.plan.card import Ablation, MethodCard, Param

CARD = MethodCard(
    name="soda",
    title="SODA",
    summary="Teacher: images and label prompts share a Hamming space. Student: texts learn the "
    "teacher's frozen image codes.",
    paper="Sun, Chen, Yan, arXiv 2510.09664",
    year=2025,
    entry="hashbench.methods.soda.method:Soda",
    needs_prompts=True,
    epoch_params=("teacher_epochs", "student_epochs"),
    paper_preset=PAPER_PRESET,
    params=(
        Param("teacher_epochs", 30, "epochs of stage 1, image and label prompt", low=1, high=10000),
        Param("student_epochs", 30, "epochs of stage 2, text", low=1, high=10000),
        Param(
            "patience",
            0,
            "epochs without a better score of what --select goes by after which stage 2, or a "
            "single stage, stops; 0: never (stage 1 has no codes of texts to score)",
            low=0,
            high=10000,
        ),
        Param("batch_size", 128, "items a step", low=2, high=65536),
        Param("lr", 1e-3, "initial learning rate of Adam; falls along a cosine", low=0.0, high=1.0),
        Param("weight_decay", 0.0, "decoupled weight decay of all heads", low=0.0, high=10.0),
        Param("alpha", 1.0, "weight of binarisation (Phi2) in stage 1, of sums", low=0.0, high=1e6),
        Param("beta", 1.0, "weight of binarisation (Phi2) in stage 2, of sums", low=0.0, high=1e6),
        Param("hidden", 512, "width of a head's hidden layer", low=1, high=65536),
        Param("depth", 1, "hidden layers of a head; 0 makes it linear", low=0, high=8),
        Param(
            "prompt",
            "sentence",
            "label prompt: one sentence for all classes of an item (sentence, the paper's), the "
            "same with classes that usually go along (context), one sentence a class, averaged "
            "(averaged), or the label vector without any prompt (one-hot)",
            choices=("sentence", "context", "averaged", "one-hot"),
        ),
        Param(
            "template",
            "An image of {}.",
            "the sentence; the class names go where {} is",
            template=True,
        ),
        Param(
            "scheme",
            "two-stage",
            "two-stage (paper), joint (image, label and text at once), or no-teacher (image and "
            "text at once, without label prompts)",
            choices=("two-stage", "joint", "no-teacher"),
        ),
        Param(
            "image_codes",
            "frozen",
            "in stage 2: signs of the teacher's codes, fixed (frozen), its real-valued codes, "
            "fixed (continuous), or an image head that goes on learning (updated)",
            choices=("frozen", "continuous", "updated"),
        ),
        Param(
            "targets",
            "unified",
            "what codes are binarised to: one code for both modalities (unified), or the signs of "
            "each one's own (specific)",
            choices=("unified", "specific"),
        ),
    ),
    ablations=(
        Ablation("no-prompt", "a label vector in place of the label prompt", {"prompt": "one-hot"}),
        Ablation("bare-names", "class names without a sentence", {"template": "{}"}),
        Ablation(
            "descriptive",
            "a longer, descriptive sentence",
            {"template": "This is a photograph in which {} can be seen."},
        ),
        Ablation(
            "context",
            "prompts that also name classes which usually go along",
            {"prompt": "context"},
        ),
        Ablation("averaged-prompts", "one prompt a class, averaged", {"prompt": "averaged"}),
        Ablation("no-teacher", "image and text learn from each other", {"scheme": "no-teacher"}),
        Ablation("joint", "one stage, end to end", {"scheme": "joint"}),
        Ablation("updated-codes", "the image head goes on learning", {"image_codes": "updated"}),
        Ablation("continuous", "real-valued teacher codes", {"image_codes": "continuous"}),
        Ablation("specific-codes", "no code is shared by modalities", {"targets": "specific"}),
        Ablation("no-binarisation", "Phi1 alone in both stages", {"alpha": 0.0, "beta": 0.0}),
    ),
)
