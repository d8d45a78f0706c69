"""Files of hash codes: hashbench's own, and the layouts that other programs write."""
