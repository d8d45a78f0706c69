"""SODA: a teacher of images and label prompts, and a student of texts."""

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
    params=(
        Param("teacher_epochs", 30, "epochs of stage 1, image and label prompt", low=1, high=10000),
        Param("student_epochs", 30, "epochs of stage 2, text", low=1, high=10000),
        Param("batch_size", 128, "items a step", low=2, high=65536),
        Param("lr", 1e-3, "initial learning rate of Adam; falls along a cosine", low=0.0, high=1.0),
        Param("weight_decay", 0.0, "decoupled weight decay of all heads", low=0.0, high=10.0),
        Param("alpha", 0.1, "weight of binarisation (Phi2) in stage 1", low=0.0, high=1e4),
        Param("beta", 0.1, "weight of binarisation (Phi2) in stage 2", low=0.0, high=1e4),
        Param("hidden", 512, "width of a head's hidden layer", low=1, high=65536),
        Param("depth", 1, "hidden layers of a head; 0 makes it linear", low=0, high=8),
        Param(
            "prompt",
            "paper",
            "label prompt: 'An image of a, b and c.' (paper), the names alone (names), a "
            "descriptive sentence (descriptive), one prompt a class, averaged (averaged), or the "
            "label vector without any prompt (one-hot)",
            choices=("paper", "names", "descriptive", "averaged", "one-hot"),
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
    ),
    ablations=(
        Ablation("no-prompt", "a label vector in place of the label prompt", {"prompt": "one-hot"}),
        Ablation("bare-names", "class names without a sentence", {"prompt": "names"}),
        Ablation("descriptive", "a longer, descriptive sentence", {"prompt": "descriptive"}),
        Ablation("averaged-prompts", "one prompt a class, averaged", {"prompt": "averaged"}),
        Ablation("no-teacher", "image and text learn from each other", {"scheme": "no-teacher"}),
        Ablation("joint", "one stage, end to end", {"scheme": "joint"}),
        Ablation("updated-codes", "the image head goes on learning", {"image_codes": "updated"}),
        Ablation("continuous", "real-valued teacher codes", {"image_codes": "continuous"}),
        Ablation("no-binarisation", "Phi1 alone in both stages", {"alpha": 0.0, "beta": 0.0}),
    ),
)
