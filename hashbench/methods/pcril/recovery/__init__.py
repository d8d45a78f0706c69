"""Stage 1 of PCRIL: prompts of label sets, their contrastive learning, the label search."""
