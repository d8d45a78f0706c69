"""SODA (arXiv 2510.09664): semantic prompts teach image codes, image codes teach text codes.

The paper's text is public in part and its code is not: the two stages, the prompt, the names of
the losses and the bit lengths are the paper's; layer sizes and the exact form of the losses are a
reconstruction in the line of DCMH (likelihood over pairs, memories of the training set). alpha and
beta weigh sums against sums, as DCMH's gamma does: Phi1 over pairs, Phi2 over bits. They are 1 as
there, since validation mAP on the built-in data hardly depends on them (means of seeds 10 and 11,
all labels known): 0.1: 0.9349  1: 0.9337  5: 0.9311  10: 0.9284.

Symbols: H_v, H_l, H_t are relaxed codes of images, label prompts and texts, B their signs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

import torch
from torch import Tensor

from hashbench.methods.base import Batch, Method, Stage, Term
from hashbench.methods.context import MethodContext
from hashbench.methods.soda.prompts import label_inputs
from hashbench.metrics.codes import Codes, LabelMasks
from hashbench.metrics.metric import parse_metric
from hashbench.metrics.random_floor import random_floors
from hashbench.metrics.ranking import evaluate
from hashbench.nn import monitors
from hashbench.nn.heads import HashHead
from hashbench.nn.pairwise_losses import Similarity, likelihood, per_pair, similarity

TEACHER_QUERIES = 1000  # fitted items that stand as queries in the image-to-label mAP
LABEL_METRIC = parse_metric("mAP@all")
ONE_HOT = "one-hot"


class Soda(Method):
    """Three heads on frozen features; label prompts are seen in training only."""

    def __init__(self, context: MethodContext) -> None:
        super().__init__(context)
        (K,) = context.bits
        train = context.train
        n, width = train.images.shape
        self._K = K
        self._scheme = context.text("scheme")
        self._image_codes = context.text("image_codes")
        # another text tower than that of the features would hardly separate the classes
        prompt = context.text("prompt") if context.encodes_prompts else ONE_HOT
        self._label_inputs = label_inputs(context, prompt, context.text("template"))
        hidden = (context.whole("hidden"),) * context.whole("depth")
        self.image_head = HashHead(width, hidden, K)
        self.label_head = HashHead(self._label_inputs.shape[1], hidden, K)
        self.text_head = HashHead(train.texts.shape[1], hidden, K)
        self.H_v: Tensor
        self.H_l: Tensor
        self.H_t: Tensor
        self.B: Tensor
        for name in ("H_v", "H_l", "H_t", "B"):
            self.register_buffer(name, torch.zeros(n, K))

    def facts(self) -> Mapping[str, str]:
        """Says where label prompts are missing because the encoder of the features is unknown."""
        if self.context.encodes_prompts or self.context.text("prompt") == ONE_HOT:
            return {}
        return {"label prompts": "one-hot: the encoders of these features are not known"}

    def stages(self) -> Sequence[Stage]:
        """Teacher and student, or a single stage where the scheme has no teacher of its own."""
        size = self.context.whole("batch_size")
        teacher = self.context.whole("teacher_epochs")
        student = self.context.whole("student_epochs")
        patience = self.context.whole("patience")
        if self._scheme == "two-stage":
            return [
                Stage("teacher", "Teacher: image and label prompt", teacher, size, selects=False),
                Stage("student", "Student: text and image codes", student, size, patience=patience),
            ]
        title = f"{self._scheme}: all at once"
        return [Stage(self._scheme, title, teacher + student, size, patience=patience)]

    def begin_stage(self, stage: Stage) -> None:
        """Fills the memories with the codes of the heads as they are."""
        train = self.context.train
        with torch.no_grad():
            self.H_t.copy_(self.text_head(train.texts))
            if stage.name != "student":
                self.H_v.copy_(self.image_head(train.images))
                self.H_l.copy_(self.label_head(self._label_inputs))
        self._refresh_targets(stage)

    def optimiser(self, stage: Stage) -> torch.optim.Optimizer:
        """Adam over the heads that the stage trains."""
        heads = {
            "teacher": [self.image_head, self.label_head],
            "student": [self.text_head],
            "joint": [self.image_head, self.label_head, self.text_head],
            "no-teacher": [self.image_head, self.text_head],
        }[stage.name]
        if stage.name == "student" and self._image_codes == "updated":
            heads.append(self.image_head)
        return torch.optim.AdamW(
            chain.from_iterable(head.parameters() for head in heads),
            lr=self.context.real("lr"),
            weight_decay=self.context.real("weight_decay"),
        )

    def losses(self, stage: Stage, batch: Batch) -> dict[str, Term]:
        """Phi1 and Phi2 of the stage; in a single stage, of both."""
        train = self.context.train
        S = similarity(train.labels, train.known, batch.labels, batch.known, self.context.unknown)
        match stage.name:
            case "teacher":
                return self._teacher(batch, S)
            case "student":
                return self._student(batch, S)
            case "joint":
                h_v = self._remember(self.H_v, batch, self.image_head(batch.images))
                return {
                    f"{name} {who}": term
                    for who, terms in (
                        ("teacher", self._teacher(batch, S, h_v)),
                        ("student", self._paired(batch, S, h_v)),
                    )
                    for name, term in terms.items()
                }
            case _:
                h_v = self._remember(self.H_v, batch, self.image_head(batch.images))
                return self._paired(batch, S, h_v)

    def _teacher(self, batch: Batch, S: Similarity, h_v: Tensor | None = None) -> dict[str, Term]:
        """Stage 1: phi_ij = 1/2 <h_v,i, h_l,j>, Phi1 its likelihood, Phi2 = |B - H|^2 / nK.

        Phi1 is the mean of both directions, so that each pair counts once.
        """
        if h_v is None:
            h_v = self._remember(self.H_v, batch, self.image_head(batch.images))
        h_l = self._remember(self.H_l, batch, self.label_head(self._label_inputs[batch.index]))
        phi1 = 0.5 * (likelihood(self.H_l, h_v, S) + likelihood(self.H_v, h_l, S))
        phi2 = self._binarisation(self.B[batch.index], h_v, h_l)
        return {"Phi1": Term(phi1), "Phi2": Term(phi2, self._weight("alpha"))}

    def _student(self, batch: Batch, S: Similarity) -> dict[str, Term]:
        """Stage 2: psi_ij = 1/2 <b_v,i, h_t,j> against image codes that do not move."""
        if self._image_codes == "updated":
            h_v = self._remember(self.H_v, batch, self.image_head(batch.images))
            return self._paired(batch, S, h_v)
        h_t = self._remember(self.H_t, batch, self.text_head(batch.texts))
        targets = self.H_v if self._image_codes == "continuous" else self.B
        phi2 = self._binarisation(targets[batch.index], h_t)
        return {
            "Phi1": Term(likelihood(targets, h_t, S)),
            "Phi2": Term(phi2, self._weight("beta")),
        }

    def _paired(self, batch: Batch, S: Similarity, h_v: Tensor) -> dict[str, Term]:
        """Image and text learn from each other's memories."""
        h_t = self._remember(self.H_t, batch, self.text_head(batch.texts))
        phi1 = 0.5 * (likelihood(self.H_v, h_t, S) + likelihood(self.H_t, h_v, S))
        phi2 = self._binarisation(self.B[batch.index], h_v, h_t)
        return {"Phi1": Term(phi1), "Phi2": Term(phi2, self._weight("beta"))}

    def _weight(self, name: str) -> float:
        """alpha or beta, between the means that Phi1 and Phi2 are here."""
        return self.context.real(name) * per_pair(self._K, len(self.B))

    def _binarisation(self, unified: Tensor, *codes: Tensor) -> Tensor:
        """Squared distances to the codes that modalities share, or to the signs of each one."""
        own = self.context.text("targets") == "specific"
        targets = [monitors.signs(h.detach()) if own else unified for h in codes]
        distances = [(B - h).square().mean() for B, h in zip(targets, codes, strict=True)]
        return torch.stack(distances).sum()

    @staticmethod
    def _remember(memory: Tensor, batch: Batch, codes: Tensor) -> Tensor:
        """Writes the batch's codes into its rows of a memory, which gets no gradient."""
        memory[batch.index] = codes.detach()
        return codes

    def _refresh_targets(self, stage: Stage) -> None:
        """B = sign(H_v + H_l) in the teacher; the teacher's image signs stay in stage 2."""
        match stage.name:
            case "teacher":
                self.B.copy_(monitors.signs(self.H_v + self.H_l))
            case "joint":
                self.B.copy_(monitors.signs(self.H_v + self.H_l + self.H_t))
            case "student" if self._image_codes != "updated":
                self.B.copy_(monitors.signs(self.H_v))
            case _:
                self.B.copy_(monitors.signs(self.H_v + self.H_t))

    def end_epoch(self, stage: Stage) -> Mapping[str, float]:
        """Refreshes B; watches how far codes are from it, their balance and their number."""
        self._refresh_targets(stage)
        watched = self.H_t if stage.name == "student" else self.H_v
        return {
            "sign disagreement": monitors.sign_disagreement(watched, self.B),
            "bit balance": monitors.bit_balance(watched),
            "distinct codes": monitors.distinct_codes(watched),
        }

    def end_stage(self, stage: Stage) -> Mapping[str, float]:
        """After the teacher: freezes image codes of the whole training set, and scores them."""
        if stage.name != "teacher":
            return {}
        train = self.context.train
        with torch.no_grad():
            self.H_v.copy_(self.image_head(train.images))
            self.H_l.copy_(self.label_head(self._label_inputs))
        label_sets = len(torch.unique(train.labels, dim=0))
        return {
            **self._image_to_label(),
            "distinct image codes": monitors.distinct_codes(self.H_v),
            "distinct label codes": monitors.distinct_codes(self.H_l),
            "distinct label sets": float(label_sets),
        }

    def _image_to_label(self) -> dict[str, float]:
        """mAP@all of image codes as queries against the label-prompt codes of the fitted items.

        Fitted queries have their own label prompt in the database and were trained on; the figure
        of validation queries is the held-out one, and the random floor is theirs. Only known labels
        count as relevant.
        """
        train, held_out = self.context.train, self.context.held_out
        queries = {"fitted": (self.H_v[:TEACHER_QUERIES], train.labels[:TEACHER_QUERIES])}
        if held_out is not None:
            with torch.no_grad():
                queries["validation"] = (self.image_head(held_out.images), held_out.labels)
        scores = {}
        for name, (codes, labels) in queries.items():
            if not bool((labels.any(0) & train.labels.any(0)).any()):
                continue  # so little is known that nothing is relevant to any query
            (score,) = evaluate(
                _packed(codes),
                _packed(self.H_l),
                _masks(labels),
                _masks(train.labels),
                [LABEL_METRIC],
            )
            scores[f"image-to-label mAP ({name})"] = score.value
            floor = random_floors([LABEL_METRIC], _masks(labels), _masks(train.labels), self._K)
            scores["image-to-label mAP (random)"] = floor[LABEL_METRIC] or 0.0
        return scores

    def encode_image(self, images: Tensor) -> dict[int, Tensor]:
        """(n, d) -> {K: (n, K)}."""
        return {self._K: self.image_head(images)}

    def encode_text(self, texts: Tensor) -> dict[int, Tensor]:
        """(n, d) -> {K: (n, K)}."""
        return {self._K: self.text_head(texts)}


def _packed(codes: Tensor) -> Codes:
    return Codes.from_signs((codes >= 0).cpu().numpy())


def _masks(labels: Tensor) -> LabelMasks:
    return LabelMasks.from_multi_hot(labels.bool().cpu().numpy())
