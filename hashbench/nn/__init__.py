"""What methods share: hash heads, pairwise losses, training-set memories."""
