"""What a scene shows, before it is drawn: its setting, its classes and the kind of each object.

The chances below give MIRFlickr's order of frequent and rare classes (structures and people in two
fifths of the scenes, baby in one of fifty) and its inclusions: a baby is people, the sea is water.
"""

from dataclasses import dataclass

from hashbench.datasets.picturebook.rng import SceneRng

CLASS_NAMES = (
    "animals",
    "baby",
    "bird",
    "car",
    "clouds",
    "dog",
    "female",
    "flower",
    "food",
    "indoor",
    "lake",
    "male",
    "night",
    "people",
    "plant life",
    "portrait",
    "river",
    "sea",
    "sky",
    "structures",
    "sunset",
    "transport",
    "tree",
    "water",
)

_SETTINGS = {
    "landscape": 0.135,
    "shore": 0.085,
    "city": 0.19,
    "room with people": 0.155,
    "room": 0.125,
    "person outdoors": 0.08,
    "close nature": 0.12,
    "animal": 0.05,
    "road": 0.06,
}

# For each setting, the chance of a theme; themes are settled further in `compose`.
_THEMES: dict[str, dict[str, float]] = {
    "landscape": {
        "sky": 0.82, "clouds": 0.42, "sunset": 0.2, "night": 0.05, "plant": 0.72, "tree": 0.6,
        "flower": 0.1, "water": 0.28, "structures": 0.2, "people": 0.1, "animals": 0.12,
        "transport": 0.04,
    },
    "shore": {
        "sky": 0.75, "clouds": 0.38, "sunset": 0.28, "night": 0.04, "plant": 0.16, "tree": 0.6,
        "water": 1.0, "structures": 0.2, "people": 0.28, "animals": 0.12, "transport": 0.24,
    },
    "city": {
        "sky": 0.48, "clouds": 0.3, "sunset": 0.09, "night": 0.27, "plant": 0.2, "tree": 0.7,
        "flower": 0.08, "water": 0.07, "structures": 1.0, "people": 0.3, "animals": 0.03,
        "transport": 0.3,
    },
    "room with people": {
        "people": 1.0, "portrait": 0.42, "food": 0.09, "structures": 0.12, "plant": 0.06,
        "flower": 0.5, "animals": 0.05, "night": 0.06,
    },
    "room": {
        "food": 0.26, "structures": 0.48, "plant": 0.17, "flower": 0.6, "animals": 0.16,
        "night": 0.06, "water": 0.02,
    },
    "person outdoors": {
        "people": 1.0, "portrait": 0.72, "sky": 0.25, "clouds": 0.3, "sunset": 0.12, "plant": 0.34,
        "tree": 0.5, "flower": 0.15, "structures": 0.24, "water": 0.07, "night": 0.08,
    },
    "close nature": {
        "plant": 0.93, "tree": 0.16, "flower": 0.5, "animals": 0.25, "water": 0.05, "food": 0.03,
        "sky": 0.07,
    },
    "animal": {
        "animals": 1.0, "plant": 0.36, "tree": 0.3, "water": 0.12, "sky": 0.18, "people": 0.08,
        "flower": 0.05,
    },
    "road": {
        "transport": 1.0, "structures": 0.42, "sky": 0.4, "clouds": 0.4, "sunset": 0.08,
        "night": 0.24, "plant": 0.22, "tree": 0.7, "people": 0.2,
    },
}  # fmt: skip

# What the photographer did to the picture. It has nothing to do with the classes, yet picture and
# caption both tell it: features of the scene are more than its labels, as those of photographs are.
_LOOKS = {
    "plain": 0.2,
    "black and white": 0.06,
    "sepia": 0.05,
    "cyanotype": 0.05,
    "redscale": 0.13,
    "crossprocessed": 0.13,
    "lomo": 0.2,
    "fisheye": 0.18,
}
_FRAMES = {"none": 0.28, "polaroid": 0.24, "film": 0.24, "date stamp": 0.24}

_INDOORS = frozenset({"room with people", "room"})


@dataclass(frozen=True, slots=True)
class Scene:
    """One scene's content; `drawing` makes its picture and `captions` its words.

    classes: the names out of CLASS_NAMES that are true of it.
    kinds: what exactly stands for a class, for instance transport -> "boat", animals -> "cat".
    people: one word a figure, each "male", "female", "baby" or "someone".
    look, frame: what the photographer made of it.
    """

    setting: str
    classes: frozenset[str]
    kinds: dict[str, str]
    people: tuple[str, ...]
    look: str
    frame: str


def compose(seed: int, index: int) -> Scene:
    """The content of scene `index` of the world `seed`."""
    rng = SceneRng(seed, index, stream=0)
    setting = rng.weighted(_SETTINGS)
    themes = {name for name, chance in _THEMES[setting].items() if rng.chance(chance)}
    classes: set[str] = {"indoor"} if setting in _INDOORS else set()
    if setting == "animal" and rng.chance(0.25):
        classes.add("indoor")
        themes -= {"sky", "water", "tree"}
    kinds: dict[str, str] = {}
    people: tuple[str, ...] = ()

    # a theme becomes a class once its kind is settled: the kind may be a class of its own
    if "sky" in themes:
        classes |= {"sky"} | ({"clouds", "sunset", "night"} & themes)
    elif "sunset" in themes and rng.chance(0.12):
        classes.add("sunset")  # its light only, as in one of ten MIRFlickr sunsets
    elif "night" in themes:
        classes.add("night")
    if "water" in themes:
        kinds["water"] = rng.weighted(_water_chances(setting))
        classes |= {"water", kinds["water"]} & set(CLASS_NAMES)
    if "plant" in themes:
        classes |= {"plant life"} | ({"tree", "flower"} & themes)
        if "tree" in classes:
            kinds["tree"] = rng.pick(("leafy", "conifer", "palm", "bare"))
        if "flower" in classes:
            kinds["flower"] = rng.pick(("red", "pink", "yellow", "white", "purple"))
    if "structures" in themes:
        classes.add("structures")
        kinds["structures"] = rng.pick(
            ("columns", "stairs", "arch")
            if "indoor" in classes
            else ("house", "house", "tower", "skyline", "skyline", "bridge", "church")
        )
    if "transport" in themes:
        kinds["transport"] = rng.weighted(_transport_chances(setting, classes))
        classes |= {"transport", kinds["transport"]} & set(CLASS_NAMES)
    if "animals" in themes:
        kinds["animals"] = rng.weighted(
            {"dog": 3.0, "cat": 3.0, "bird": 0.5}
            if "indoor" in classes
            else {"dog": 1.6, "bird": 2.6, "cat": 1.5, "horse": 1.6, "insect": 1.6}
        )
        classes |= {"animals", kinds["animals"]} & set(CLASS_NAMES)
    if "food" in themes:
        classes.add("food")
        kinds["food"] = rng.pick(("cake", "fruit", "coffee", "pizza"))
    if "people" in themes:
        portrait = "portrait" in themes
        people = _company(rng, portrait)
        classes |= {"people"} | (set(people) & set(CLASS_NAMES))
        if portrait:
            classes.add("portrait")
    if not classes:  # a bare landscape
        classes.add("structures")
        kinds["structures"] = "house"
    look, frame = rng.weighted(_LOOKS), rng.weighted(_FRAMES)
    return Scene(setting, frozenset(classes), kinds, people, look, frame)


def _water_chances(setting: str) -> dict[str, float]:
    if setting == "shore":
        return {"sea": 0.62, "lake": 0.16, "river": 0.14, "pool": 0.08}
    if setting == "landscape":
        return {"sea": 0.06, "lake": 0.34, "river": 0.38, "pool": 0.22}
    if setting == "city":
        return {"river": 0.4, "fountain": 0.6}
    return {"pool": 0.7, "fountain": 0.3}


def _transport_chances(setting: str, classes: set[str]) -> dict[str, float]:
    if setting == "shore":
        return {"boat": 1.0}
    chances = {"car": 0.5, "bus": 0.2, "bicycle": 0.16, "train": 0.14}
    if "sky" in classes:
        chances["plane"] = 0.1
    return chances


def _company(rng: SceneRng, portrait: bool) -> tuple[str, ...]:
    one = {"female": 0.44, "male": 0.42, "baby": 0.05, "someone": 0.09}
    several = {"female": 0.33, "male": 0.33, "baby": 0.04, "someone": 0.3}
    count = 1 if portrait else rng.weighted({1: 0.45, 2: 0.32, 3: 0.15, 5: 0.08})
    return tuple(rng.weighted(one if count == 1 else several) for _ in range(count))
