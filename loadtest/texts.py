"""Texts of posts: a small grammar of what people say on an ordinary day."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence


def _words(text: str) -> list[str]:
    return text.split()


FIRST_NAMES = _words(
    "Ada Aisha Alba Amir Ana Anton Asha Ben Bruno Carla Chen Clara Dara David Diego Dina Elena Elif Emil Emma "
    "Esra Eva Farid Felix Fiona Grace Hana Hugo Ida Igor Ines Ivan Jana Jonas Jude Kai Kofi Lara Lea Leo Lena "
    "Liam Lin Lucia Luis Maja Malik Mara Maria Marta Mateo Mia Milo Mina Nadia Nia Nico Nina Noah Nora Ola Omar "
    "Oscar Paul Petra Priya Rafa Rosa Ruth Sami Sara Sofia Sven Tara Theo Tom Uma Vera Viktor Wanda Yara Yuki "
    "Zara Zoe"
)
LAST_NAMES = _words(
    "Abel Adler Baker Bauer Bello Costa Cruz Diaz Duarte Evans Faber Fox Garcia Haas Hall Ito Jansen Jones Keita "
    "Khan Klein Kumar Lang Lopez Mbeki Meyer Moreau Nagy Novak Okoye Olsen Park Patel Quinn Reyes Rossi Sato "
    "Silva Singh Suzuki Tanaka Toth Vega Voss Wagner Walsh Wang Weber Wolf Yilmaz"
)

GRAMMAR: Mapping[str, Sequence[str]] = {
    "post": (
        "{opening} {thing} {verdict}.",
        "{thing} {verdict}. {aside}",
        "{activity}, then {activity2}. {mood}",
        "{question}",
        "{opening} {activity}. {aside}",
        "{time} {scene}. {mood}",
        "{scene}, and {scene2}.",
        "Today I learned that {fact}.",
        "{mood} {activity}.",
        "Unpopular opinion: {thing} {verdict}.",
    ),
    "opening": ("Turns out", "Honestly,", "Update:", "Small victory:", "It is official:", "Note to self:", "Finally!"),
    "thing": (
        "the new bakery on the corner",
        "the night train",
        "my neighbour's piano practice",
        "this week's library book",
        "the second season",
        "a four-day week",
        "the bike lane along the river",
        "my tomato plant",
        "the office coffee machine",
        "the school concert",
        "that museum of maps",
        "the old radio in the kitchen",
    ),
    "verdict": (
        "is better than expected",
        "deserves a medal",
        "was worth every minute",
        "has won me over",
        "is not what it used to be",
        "made my day",
        "needs a rest",
        "is the best thing about this town",
        "still works after twenty years",
        "surprised everybody",
    ),
    "activity": (
        "repaired the bike",
        "cooked for eight people",
        "walked to the lighthouse",
        "cleared out the attic",
        "read the whole manual",
        "watched the rain",
        "baked bread with {food}",
        "missed the bus by a second",
        "planted {plant} on the balcony",
        "finished the jigsaw puzzle",
    ),
    "activity2": (
        "fell asleep on the sofa",
        "called my grandmother",
        "forgot the keys inside",
        "had {food} for dinner",
        "went for a swim",
        "wrote it all down",
    ),
    "food": ("rosemary", "beans", "dumplings", "black garlic", "apricots", "lentils", "wild mint", "plums"),
    "plant": ("beans", "rosemary", "wild mint", "strawberries", "sunflowers"),
    "place": (
        "the new bakery",
        "that museum of maps",
        "the swimming pool",
        "the repair shop",
        "the bookshop by the bridge",
    ),
    "scene": (
        "the first snow is on the hills",
        "the market smells of oranges",
        "a fox crossed the car park",
        "two strangers danced on the platform",
        "the whole street is out watching the moon",
        "the ferry is late again",
        "somebody left sunflowers on every desk",
        "a thunderstorm over the harbour",
    ),
    "scene2": ("nobody is in a hurry", "the dog approves", "I forgot my umbrella", "it is only Tuesday", "I have cake"),
    "time": ("This morning:", "Half past six:", "On the way home:", "Just now:", "Late shift:"),
    "mood": ("Worth it.", "No regrets.", "What a day!", "I needed that.", "Could be worse.", "More of this, please."),
    "aside": (
        "Who else?",
        "Ask me again tomorrow.",
        "Do not tell my sister.",
        "Pictures later.",
        "The cat disagrees.",
        "I may have cried a little.",
    ),
    "question": (
        "Does anybody have a good recipe with {food}?",
        "Which book would you read a second time?",
        "Is {place} open on Sundays?",
        "What is the kindest thing a stranger ever did for you?",
        "Where does one buy {food} in this town?",
        "Am I the only one who {activity} this week?",
    ),
    "fact": (
        "octopuses have three hearts",
        "starlings copy the sound of phones",
        "the city has 214 drinking fountains",
        "honey never goes bad",
        "a group of owls is a parliament",
        "bananas are berries and strawberries are not",
        "a murmuration needs no leader",
        "the old bridge was built twice",
    ),
    "reply": ("Same here!", "So true. {mood}", "Tell me more about {food}.", "Not sure: {thing} {verdict}.", "{aside}"),
}
TAGS = ("#goodmorning", "#weekend", "#smallthings", "#books", "#cycling", "#cooking", "#birds", "#citylife", "#music")
PATHS = ("recipes", "maps", "notes", "photos", "concerts", "trains")
TAGGED, LINKED, MENTIONING = 0.18, 0.10, 0.08

_SLOT = re.compile(r"\{(\w+)\}")


class Texts:
    """Sentences from a seed. `handles`: whom a post may mention."""

    def __init__(self, rng: random.Random, handles: Sequence[str] = ()) -> None:
        self._rng, self._handles = rng, handles

    def post(self) -> str:
        text = self._say("post")
        if self._handles and self._rng.random() < MENTIONING:
            text = f"{text} cc @{self._rng.choice(self._handles)}"
        if self._rng.random() < LINKED:
            text = f"{text} https://example.org/{self._rng.choice(PATHS)}/{self._rng.randrange(1000)}"
        if self._rng.random() < TAGGED:
            text = f"{text} {self._rng.choice(TAGS)}"
        return text

    def reply(self) -> str:
        return self._say("reply")

    def _say(self, rule: str) -> str:
        text = self._rng.choice(GRAMMAR[rule])
        while slot := _SLOT.search(text):
            text = text[: slot.start()] + self._rng.choice(GRAMMAR[slot[1]]) + text[slot.end() :]
        return _capitals(text)


def _capitals(text: str) -> str:
    """Each sentence begins with a capital letter."""
    return re.sub(r"(^|[.!?] )([a-z])", lambda found: found[1] + found[2].upper(), text)
