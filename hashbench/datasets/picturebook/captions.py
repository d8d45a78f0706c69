"""Captions like the tags under a photograph: some of what is shown, and much that is not.

A class is tagged by one of its synonyms or left out; so are its kind ("boat", "cake") and what the
photographer did ("sepia"); the rest is noise: cameras, places, years, moods, and words that several
classes share. The words come in random order. About one caption in ten is so long that CLIP's 77
tokens cut it.
"""

from hashbench.datasets.picturebook.composition import CLASS_NAMES, Scene
from hashbench.datasets.picturebook.rng import SceneRng

CAPTIONS_PER_SCENE = 3
_LEFT_OUT = 0.3
_LONG = 0.1
_LONG_WORDS = (52, 80)  # at 1.6 tokens a word this is always more than 77 tokens

_SYNONYMS: dict[str, tuple[str, ...]] = {
    "animals": ("animal", "animals", "wildlife", "pet", "creature", "fauna"),
    "baby": ("baby", "infant", "newborn", "toddler", "baby girl", "baby boy"),
    "bird": ("bird", "birds", "feathers", "seagull", "sparrow", "wings"),
    "car": ("car", "auto", "automobile", "cars", "sedan", "driving"),
    "clouds": ("clouds", "cloud", "cloudy", "overcast", "cumulus"),
    "dog": ("dog", "puppy", "doggy", "hound", "canine", "terrier"),
    "female": ("woman", "girl", "female", "lady", "she", "sister"),
    "flower": ("flower", "flowers", "blossom", "bloom", "petals", "floral"),
    "food": ("food", "meal", "delicious", "lunch", "tasty", "dessert"),
    "indoor": ("indoor", "indoors", "interior", "inside", "room", "home"),
    "lake": ("lake", "pond", "lakeside", "reservoir", "lagoon"),
    "male": ("man", "boy", "male", "guy", "he", "brother"),
    "night": ("night", "nightshot", "dark", "midnight", "long exposure", "stars"),
    "people": ("people", "person", "crowd", "friends", "human", "candid"),
    "plant life": ("plant", "plants", "green", "leaves", "grass", "garden", "botanical"),
    "portrait": ("portrait", "face", "closeup portrait", "headshot", "eyes", "self portrait"),
    "river": ("river", "stream", "creek", "riverside", "canal"),
    "sea": ("sea", "ocean", "beach", "seaside", "waves", "coast"),
    "sky": ("sky", "skies", "heaven", "blue sky", "horizon"),
    "structures": ("building", "architecture", "structure", "structures", "urban", "wall"),
    "sunset": ("sunset", "dusk", "sundown", "evening glow", "twilight", "sunrise"),
    "transport": ("transport", "vehicle", "traffic", "transportation", "ride"),
    "tree": ("tree", "trees", "forest", "branches", "woods"),
    "water": ("water", "reflection", "wet", "ripples", "splash"),
}

_DEVELOPED: dict[str, tuple[str, ...]] = {
    "black and white": ("bw", "black and white", "monochrome", "blackandwhite", "noir"),
    "sepia": ("sepia", "vintage", "antique", "toned"),
    "cyanotype": ("cyanotype", "cyan", "blueprint", "bluetone"),
    "redscale": ("redscale", "redfilter", "warm", "velvia"),
    "crossprocessed": ("xpro", "crossprocessed", "expired film", "slide film"),
    "lomo": ("lomo", "lomography", "holga", "vignette"),
    "fisheye": ("fisheye", "peleng", "circular", "8mm"),
    "polaroid": ("polaroid", "instant", "sx70", "600film"),
    "film": ("35mm film", "analog", "ilford", "contact print"),
    "date stamp": ("compact camera", "date stamp", "snapshot", "point and shoot"),
}

_SHARED = ("nature", "landscape", "outdoor", "travel", "street", "light", "blue", "summer", "city",
           "holiday", "macro", "love", "family", "view", "walk", "weekend")  # fmt: skip
_NOISE = (
    "nikon", "canon", "d80", "d200", "eos", "400d", "50mm", "f18", "hdr", "bokeh", "explore",
    "photoshop", "flickr", "colour", "art", "abstract", "cool", "beautiful", "happy", "fun",
    "topf25", "interestingness", "challenge", "diamondclassphotographer", "superbmasterpiece",
    "anawesomeshot", "geotagged", "365days", "london", "paris", "lisbon", "tokyo", "berlin",
    "california", "italia", "españa", "kyoto", "istanbul", "nyc", "melbourne", "2005", "2006",
    "2007", "2008", "january", "march", "june", "october", "strobist", "tamron", "sigma",
    "wideangle", "blueribbonwinner", "dof", "texture", "red", "yellow", "white", "pink", "square",
    "shadow", "old", "new", "morning",
)  # fmt: skip


def describe(scene: Scene, seed: int, index: int) -> tuple[str, ...]:
    """CAPTIONS_PER_SCENE captions of the scene; the first is the one that evaluation uses."""
    rng = SceneRng(seed, index, stream=2)
    return tuple(_tags(scene, rng) for _ in range(CAPTIONS_PER_SCENE))


def _tags(scene: Scene, rng: SceneRng) -> str:
    present = [name for name in CLASS_NAMES if name in scene.classes]
    named = [name for name in present if not rng.chance(_LEFT_OUT)]
    if not named and rng.chance(0.8):
        named = [rng.pick(present)]
    words = [rng.pick(_SYNONYMS[name]) for name in named]
    words += [kind for kind in scene.kinds.values() if kind not in CLASS_NAMES and rng.chance(0.4)]
    for effect in (scene.look, scene.frame):
        if effect in _DEVELOPED and rng.chance(0.85):
            words.append(rng.pick(_DEVELOPED[effect]))
    if rng.chance(0.06):  # a tag that is wrong
        words.append(rng.pick(_SYNONYMS[rng.pick(CLASS_NAMES)]))
    noise = rng.integer(*_LONG_WORDS) if rng.chance(_LONG) else rng.integer(0, 6)
    words += [rng.pick(_SHARED if rng.chance(0.3) else _NOISE) for _ in range(noise)]
    return " ".join(rng.shuffled(words))
