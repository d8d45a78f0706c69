"""PCRIL (NeurIPS 2024, OpenReview ferj6WqShv): recover unknown labels with prompts, then hash.

Stage 1 learns prompts of label sets on the frozen text tower and searches each item's unknown
classes with them. Classes that fit join, the others get pseudo labels, and those at 0 are negatives
from then on (Algorithm 1, step 7). Stage 2 trains the hash networks on what is known then. Where
the released code differs from the paper, the paper is followed, and the released behaviour is an
ablation of the card.

What the paper's figures show of it is measured in every run: the recovery event holds the shares of
uncertain pairs before and after the search (Fig. 6d), the monitors of stage 2 those of dissimilar
and of unknown pairs, and of mixed pairs that are dissimilar (Fig. 6c). A pair that shares no more
than a pseudo label is uncertain in the former, and has a similarity in the latter.

Losses are sums over N n pairs and n K bits in the paper; here they are divided by N n, also where
pairs are left out, so that eta weighs what it weighs there.

Sizes are another matter: 30 epochs of prompts at a constant rate of 10^-4 from N(0, 1), then 250
epochs at 10^-4.5 and 10^-3 with layers of 1024-2048-512 suit 18,015 items and ViT-B/32; the card's
defaults suit the built-in data. Four of them were chosen by validation mAP alone, at 30 % known, on
another world of picturebook and other seeds (10 and 11) than those of any table, one at a time from
t = 1, 40 epochs, 10^-3 and 4 epochs of prompts, without augmentation and before pseudo labels
became negatives (0.2259):

    negatives a positive t   0.01: 0.1765*  0.1: 0.2129*  0.3: 0.2290  1: 0.2259  3: 0.2293
    epochs of hashing        20: 0.2150*  40: 0.2259  80: 0.2363; 80 with t = 0.3: 0.2429
    rate of prompts          3e-4: 0.2293  1e-3: 0.2259  3e-3: 0.2253*
    epochs of prompts        2: 0.2239*  4: 0.2259  8: 0.2284

(* seed 10 alone, where the start has 0.2187.) With pseudo labels, recovery leaves two dissimilar
pairs for three similar ones, so that t matters only without them: the appendix's 0.01 would do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hashbench.methods.base import Batch, Method, Parts, Recovered, Stage, Term
from hashbench.methods.context import MethodContext
from hashbench.methods.pcril.augmentation import complementary_partners, mix
from hashbench.methods.pcril.networks import LocalResponseNorm, PaperHead
from hashbench.methods.pcril.recovery.recoverer import Recoverer
from hashbench.methods.pcril.similarity import (
    continuous_similarity,
    known_dissimilar,
    mixed_similarity,
    pair_mask,
    uncertain_share,
)
from hashbench.nn import monitors
from hashbench.nn.heads import HashHead
from hashbench.nn.pairwise_losses import Similarity, likelihood, per_pair

LAST_RATE = 1e-6


def linear(initial: float, progress: float) -> float:
    """The learning rate falls along a line down to 10^-6."""
    return initial + (min(LAST_RATE, initial) - initial) * progress


class Pcril(Method):
    """Prompts and search over the training labels, then a hash network for each modality."""

    def __init__(self, context: MethodContext) -> None:
        super().__init__(context)
        (K,) = context.bits
        train = context.train
        n = len(train)
        self._K = K
        self.recoverer = Recoverer(context) if context.flag("recover") else None
        self.image_head = self._head(train.images.shape[1])
        self.text_head = self._head(train.texts.shape[1])
        if context.flag("local_response"):
            self.text_head.layers.insert(len(self.text_head.layers) - 1, LocalResponseNorm())
        start = torch.tensor([context.real("mixing_start")] * 2)
        self.mixing = nn.Parameter(torch.logit(start))  # of images, of texts; through a sigmoid
        self.labels: Tensor  # (n, C) known and recovered labels; pseudo labels are in between
        self.negative: Tensor  # (n, C) labels that are known, or recovered, to be 0
        self.V: Tensor
        self.T: Tensor
        self.B: Tensor
        self.partners: Tensor
        self.register_buffer("labels", train.labels.clone())
        self.register_buffer("negative", train.known & (train.labels == 0))
        for name in ("V", "T", "B"):
            self.register_buffer(name, torch.zeros(n, K))
        top = min(context.whole("top_k"), max(1, n - 1))
        self.register_buffer("partners", torch.zeros(n, top, dtype=torch.long))
        self.uncertain: Tensor  # shares of uncertain pairs before and after recovery (Fig. 6d)
        self.register_buffer("uncertain", torch.zeros(2))
        self._pairs = monitors.Running(("dissimilar pairs", "unknown pairs"))
        self._mixed_pairs = monitors.Running(("mixed dissimilar pairs",))  # Fig. 6c
        watched = torch.randperm(n, generator=torch.Generator().manual_seed(context.seed))
        self._watched = watched[: context.whole("watched")].sort().values.to(train.labels.device)

    def _head(self, width: int) -> HashHead | PaperHead:
        if self.context.text("networks") == "paper":
            return PaperHead(width, self._K)
        hidden = (self.context.whole("hidden"),) * self.context.whole("depth")
        return HashHead(width, hidden, self._K)

    def facts(self) -> Mapping[str, str]:
        """Whether augmentation was asked for and has nothing to complete."""
        if self.context.flag("augment") and bool(self.context.train.known.all()):
            return {"augmentation": "off: no training label is unknown"}
        return {}

    def stages(self) -> Sequence[Stage]:
        """Prompt learning and search, where labels are recovered; then hashing."""
        whole, title = self.context.whole, "Prompt contrastive learning"
        replacing = self.context.text("sampling") == "replacement"
        hashing = Stage(
            "hash",
            "Hash networks",
            whole("hash_epochs"),
            whole("batch_size"),
            linear,
            replacement=replacing,
            patience=whole("patience"),
        )
        if self.recoverer is None:
            return [hashing]
        searching = Stage("search", "Potential label tree search", 0, 1, selects=False)
        if not self.recoverer.learns:
            return [searching, hashing]
        learning = Stage(
            "prompts",
            title,
            whole("prompt_epochs"),
            whole("prompt_batch"),
            linear,
            selects=False,
            replacement=replacing,
        )
        return [learning, searching, hashing]

    def patch_weights(self, patches: Parts) -> Tensor | None:
        """How well each patch fits the prompt of the true label set."""
        return self._fit(patches)

    def word_weights(self, words: Parts) -> Tensor | None:
        """How well each token fits the prompt of the true label set."""
        return self._fit(words)

    def _fit(self, parts: Parts) -> Tensor | None:
        """(n, P) cosines of parts with the prompt of the true label set, above the least of them;
        they sum to 1 then.
        """
        if self.recoverer is None:
            return None
        prompts = self.recoverer.prompts.embed(parts.labels > 0)
        fit = (F.normalize(parts.features, dim=2) @ prompts[:, :, None]).squeeze(2)
        above = fit - fit.amin(1, keepdim=True)
        return above / above.sum(1, keepdim=True).clamp_min(1e-12)

    def begin_stage(self, stage: Stage) -> None:
        """Searches labels; or fills the memories and finds complementary partners."""
        if stage.name == "hash":
            self._begin_hashing()
        elif self.recoverer is not None and stage.name == "prompts":
            self.recoverer.check()
        elif self.recoverer is not None:
            self._recover(self.recoverer)

    def _recover(self, recoverer: Recoverer) -> None:
        """Algorithm 1, step 7: labels and pseudo labels take the place of unknown ones."""
        items = torch.arange(len(self.labels), device=self.labels.device)
        report = self.context.report
        before = uncertain_share(self.labels == 1, self.negative)
        search = recoverer.search(items, lambda done, total: report("label search", done, total))
        labels, negative = recoverer.take(search)
        self.labels.copy_(labels)
        self.negative |= negative
        after = uncertain_share(self.labels == 1, self.negative)
        self.uncertain.copy_(torch.tensor([before, after]))

    def _begin_hashing(self) -> None:
        train = self.context.train
        with torch.no_grad():
            self.V.copy_(self.image_head(train.images))
            self.T.copy_(self.text_head(train.texts))
        self._refresh_targets()
        positive = self.labels == 1
        if self.context.text("partner_labels") == "known":
            positive = train.labels == 1
        self.partners.copy_(
            complementary_partners(
                self._open_labels(),
                positive,
                self.partners.shape[1],
                smallest=self.context.text("partners") == "smallest",
            )
        )

    def _open_labels(self) -> Tensor:
        """(n, C) bool: the labels that augmentation shall complete, U[l] of the paper."""
        if self.context.text("partner_labels") == "known":
            return ~self.context.train.known
        return (self.labels != 1) & ~self.negative

    @property
    def _augments(self) -> bool:
        # without any open label all overlaps are 0, and every partner would be an accident
        return self.context.flag("augment") and bool(self._open_labels().any())

    def optimiser(self, stage: Stage) -> torch.optim.Optimizer:
        """Adam: over the prompts; over both networks and the mixing coefficients."""
        real = self.context.real
        if stage.name == "prompts" and self.recoverer is not None:
            return torch.optim.Adam(self.recoverer.prompts.parameters(), lr=real("prompt_lr"))
        groups = [
            {"params": list(self.image_head.parameters()), "lr": real("image_lr")},
            {"params": list(self.text_head.parameters()), "lr": real("text_lr")},
        ]
        if self._augments and self.context.text("mixing") == "learned":
            groups.append({"params": [self.mixing], "lr": real("mixing_lr")})
        return torch.optim.Adam(groups)

    def losses(self, stage: Stage, batch: Batch) -> dict[str, Term]:
        """The hinges of prompt learning, or similarity and quantisation, plain and mixed."""
        if stage.name == "prompts" and self.recoverer is not None:
            return self.recoverer.losses(batch)
        h_v, h_t = self.image_head(batch.images), self.text_head(batch.texts)
        self.V[batch.index] = h_v.detach()
        self.T[batch.index] = h_t.detach()
        similar = self._similarity(batch.index)
        pairs = likelihood(self.V, h_t, similar) + likelihood(self.T, h_v, similar)
        B_v, B_t = self._targets(batch.index)
        quantisation = (B_v - h_v).square().mean() + (B_t - h_t).square().mean()
        # the paper sums over N n pairs and n K bits; this is eta's weight between their means
        weight = self.context.real("eta") * per_pair(self._K, len(self.labels))
        terms = {"similarity": Term(pairs), "quantisation": Term(quantisation, weight)}
        return terms | (self._mixed(batch, weight) if self._augments else {})

    def _mixed(self, batch: Batch, weight: float) -> dict[str, Term]:
        """The same of items mixed with complementary partners, each modality by its own lambda."""
        train = self.context.train
        choice = torch.randint(self.partners.shape[1], (len(batch.index), 1)).to(batch.index.device)
        partner = self.partners[batch.index].gather(1, choice)[:, 0]
        lambda_v, lambda_t = torch.sigmoid(self.mixing)
        h_v = self.image_head(mix(batch.images, train.images[partner], lambda_v))
        h_t = self.text_head(mix(batch.texts, train.texts[partner], lambda_t))
        # Eq. 6: l_mix = lambda P[l_i] + (1 - lambda) P[l_j], where P keeps positives alone
        positive = (self.labels == 1).to(self.labels.dtype)
        S_v, S_t = (
            mixed_similarity(self.labels, positive[batch.index], positive[partner], share)
            for share in (lambda_v, lambda_t)
        )
        # which pairs enter is the same for both lambdas: those that share any class with either
        mask = self._mixed_mask(S_v.detach() > 0, batch.index, partner)
        similar_v, similar_t = Similarity(S_v, mask), Similarity(S_t, mask)
        pairs = likelihood(self.T, h_v, similar_v) + likelihood(self.V, h_t, similar_t)
        # a mixed item has no row of B: its codes are drawn to their own signs
        quantisation = torch.stack(
            [(monitors.signs(h.detach()) - h).square().mean() for h in (h_v, h_t)]
        ).sum()
        return {
            "mixed similarity": Term(pairs),
            "mixed quantisation": Term(quantisation, weight),
        }

    def _mixed_mask(self, similar: Tensor, index: Tensor, partner: Tensor) -> Tensor | None:
        """Which mixed pairs enter; all do where their similarity is `determined` (Eq. 6)."""
        mask: Tensor | None = None
        if self.context.text("mixed_similarity") == "ternary":
            both = self.negative[index] & self.negative[partner]
            mask = self._mask(similar, known_dissimilar(self.negative, both))
        rebuilt = ~similar if mask is None else ~similar & (mask > 0)
        self._mixed_pairs.add(rebuilt.double().mean(0))
        return mask

    def _similarity(self, index: Tensor) -> Similarity:
        """Of all training items with those of a batch."""
        S = continuous_similarity(self.labels, self.labels[index])
        similar, dissimilar = S > 0, known_dissimilar(self.negative, self.negative[index])
        self._pairs.add(dissimilar.double().mean(0), (~similar & ~dissimilar).double().mean(0))
        return Similarity(S, self._mask(similar, dissimilar))

    def _mask(self, similar: Tensor, dissimilar: Tensor) -> Tensor | None:
        text, real = self.context.text, self.context.real
        return pair_mask(similar, dissimilar, text("unknown_pairs"), real("anm_ratio"))

    def _targets(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """What image and text codes are quantised to: B, or the signs of their own memories."""
        if self.context.text("targets") == "unified":
            return self.B[index], self.B[index]
        return monitors.signs(self.V[index]), monitors.signs(self.T[index])

    def _refresh_targets(self) -> None:
        """B = sign(V + T)."""
        self.B.copy_(monitors.signs(self.V + self.T))

    def recovered(self, stage: Stage) -> Recovered | None:
        """Of the watched items while prompts are learned, of all items after the search."""
        if self.recoverer is None or stage.name == "hash":
            return None
        if stage.name == "prompts":
            return self.recoverer.watch(self._watched)
        before, after = self.uncertain.tolist()
        shares = {"uncertain pairs before": before, "uncertain pairs after": after}
        return self.recoverer.recovered(shares)

    def end_epoch(self, stage: Stage) -> Mapping[str, float]:
        """Refreshes B; watches the codes, the mixing coefficients and the kinds of pairs."""
        if stage.name == "prompts" and self.recoverer is not None:
            self.recoverer.forget_violations()
            return {}
        self._refresh_targets()
        watched = {
            "sign disagreement": monitors.sign_disagreement(self.V, self.T),
            "bit balance": monitors.bit_balance(self.V),
            "distinct codes": monitors.distinct_codes(self.V),
            **self._pairs.means(),
        }
        if self._augments:
            image, text = torch.sigmoid(self.mixing).tolist()
            watched |= {"mixing image": image, "mixing text": text, **self._mixed_pairs.means()}
        return watched

    def encode_image(self, images: Tensor) -> dict[int, Tensor]:
        """(n, d) -> {K: (n, K)}."""
        return {self._K: self.image_head(images)}

    def encode_text(self, texts: Tensor) -> dict[int, Tensor]:
        """(n, d) -> {K: (n, K)}."""
        return {self._K: self.text_head(texts)}
