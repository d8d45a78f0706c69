"""What is known of MIRFlickr-25K, to check files against."""

from __future__ import annotations

IMAGES = 25_000
ITEMS = 24_581
"""Items with at least one of the 24 labels: the set of DCMHT, PromptHash, PGHMH."""

FREQUENT_ITEMS = 20_015
"""Items with a label and at least one of the 1,386 tags on 20 or more images: DCMH, MITH, PCRIL."""

FREQUENT_TAGS = 1386

COUNTS: dict[str, tuple[int, int]] = {
    "animals": (3216, 2647),
    "baby": (259, 179),
    "bird": (742, 644),
    "car": (1177, 986),
    "clouds": (3700, 3230),
    "dog": (684, 581),
    "female": (6184, 4614),
    "flower": (1823, 1554),
    "food": (990, 813),
    "indoor": (8313, 6320),
    "lake": (791, 704),
    "male": (6081, 4743),
    "night": (2711, 2243),
    "people": (10373, 7848),
    "plant_life": (8763, 7413),
    "portrait": (3931, 2740),
    "river": (894, 811),
    "sea": (1322, 1133),
    "sky": (7912, 6818),
    "structures": (9992, 8463),
    "sunset": (2135, 1840),
    "transport": (2895, 2450),
    "tree": (4683, 3981),
    "water": (3331, 2885),
}
"""Class -> positives among the 24,581 and among the 20,015 items; the keys are the 24 classes."""

WITHIN: tuple[tuple[str, str], ...] = (
    ("baby", "people"),
    ("male", "people"),
    ("female", "people"),
    ("portrait", "people"),
    ("sea", "water"),
    ("river", "water"),
    ("lake", "water"),
    ("clouds", "sky"),
    ("car", "transport"),
    ("bird", "animals"),
    ("dog", "animals"),
    ("tree", "plant_life"),
    ("flower", "plant_life"),
)
"""(a, b): at least 99.8 % of the items of class a are of class b."""
