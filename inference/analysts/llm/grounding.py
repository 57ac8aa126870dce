"""Whether a model's words speak only of what was detected: a fluent sentence about a knife that nobody saw is a lie.

A list of words cannot understand a sentence. It errs on the side of the rules' sentence, which is always true.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from inference.analysts.llm.facts import plain
from inference.analysts.rules.subjects import KIND_OF, Kind
from inference.protocols import EventContext, Verdict

VEHICLES = frozenset(label for label, kind in KIND_OF.items() if kind is Kind.VEHICLE)
ANIMALS = frozenset(label for label, kind in KIND_OF.items() if kind is Kind.ANIMAL)
MEANS: dict[frozenset[str], str] = {
    frozenset({"person"}): "person persons people somebody someone pedestrian passer-by passerby passers-by passersby "
    "individual figure human adult child children kid toddler baby teenager visitor crowd walker jogger couple "
    "driver rider passenger occupant",
    frozenset({"bicycle"}): "bicycle cycle cyclist",
    frozenset({"bicycle", "motorcycle"}): "bike biker",
    frozenset({"motorcycle"}): "motorcycle motorbike moped scooter motorcyclist",
    VEHICLES: "vehicle automobile",
    frozenset({"car"}): "car sedan hatchback",
    frozenset({"car", "truck"}): "pickup suv jeep",
    frozenset({"car", "truck", "bus"}): "van minivan minibus camper",
    frozenset({"truck"}): "truck lorry trailer tractor",
    frozenset({"bus"}): "bus buses coach",
    ANIMALS: "animal pet creature",
    frozenset({"cat"}): "cat kitten feline",
    frozenset({"dog"}): "dog puppy hound canine",
    frozenset({"bird"}): "bird pigeon crow gull sparrow magpie duck chicken",
}
"""Words, and the classes any of which makes them true."""
UNSEEN = (
    "weapon gun pistol rifle firearm knife blade machete axe sword crowbar hammer screwdriver tool ladder rope wire "
    "package parcel box bag backpack rucksack suitcase luggage letter mail envelope grocery groceries food pizza "
    "mask balaclava hood hoodie hat cap helmet glove jacket coat shirt uniform vest clothes clothing dark-clad "
    "flashlight torch phone umbrella cane stick stroller pram wheelchair skateboard "
    "fire smoke flame blood glass flower object item drug drawer jewellery jewelry cutter "
    "red blue green yellow white black silver grey gray brown "
    "fox raccoon deer horse cow sheep goat squirrel rabbit rat mouse hedgehog boar bear wolf coyote snake "
    "drone boat train airplane helicopter taxi ambulance "
    "carry carries carried carrying hold holds holding held wear wears wearing wore dressed peer peered peering "
    "crouch crouched crouching climb climbed climbing knock knocked knocking rang smash smashed break broke breaking "
    "force forced forcing steal stole stealing hide hid hiding smile smiled wave waved talk talked talking "
    "opened opening unlocked unlocking picked picking "
    "photographed photographing shout shouted shouting arguing fight fought fighting chase chased chasing"
)
"""What boxes of a few classes never show: other things, colours, and deeds of hands."""
EVERYBODY_HAS = "face hands eyes intent intention"
"""Not seen either; but "the face was not visible" supposes nothing."""
FIGURATIVE = re.compile(
    r"\bscores? (?:is held|holds?)\b|\bcarr(?:y|ies|ied) (?:little|less|more|some|much|no|any|the most) weight\b"
    r"|\bfaces (?=the\b|an?\b)|\btime window\b|\bwindow of\b|\bred flag\b"
)
"""Said of a score or a camera, not of the visit."""
CLAIMS = (
    "suspicious suspiciously suspect intruder burglar burglary thief thieves robber robbery criminal crime trespasser "
    "trespassing prowler prowling lurking sneaking casing threat threatening dangerous danger malicious hostile "
    "aggressive nervous anxious drunk intends intended intending tries tried trying attempt attempted "
    "wanted wants plans planning break-in "
    "man men woman women male female boy girl lady gentleman guy he she him her his hers himself herself "
    "resident neighbour neighbor owner stranger postman mailman courier deliveryman friend family guest worker police "
    "delivery friendly harmless innocent safe"
)
"""Nobody can see what somebody wants, or who somebody is. Not even "no threat" is said."""
SAME = re.compile(
    r"\bsame (?:person|individual|figure|people|one|vehicle|car|truck|bus|bicycle|animal|cat|dog|bird)s?\b"
)
PLACES: dict[str, tuple[str, ...]] = {
    "pavement sidewalk street road": ("sidewalk", "street"),
    "driveway": ("driveway",),
    "door doorway entrance doorstep": ("entry_point",),
    "garden yard lawn": ("yard", "back", "front", "side"),
    "inside indoors": ("inside",),
    "garage gate window porch fence shed pool balcony stairs staircase patio terrace roof kitchen bedroom hallway "
    "basement cellar attic": (),
}
"""Words for places, with the kinds of zones and of cameras that make them true. Names can too, and the rules' words."""

AS_A_PLACE = r"\b(?:in|on|at|near|by|from|to|into|towards?|past|behind|through) (?:the )?"

SENTENCES = re.compile(r"[.!?;]\s*")
CLAUSES = re.compile(r"[,:]|\b(?:and|but|with|then|while|who|which)\b")
UNKNOWN = re.compile(
    r"(?:it (?:is|remains) |also |still )*(?:not known|unknown|unclear)\b"
    r"|(?:also |still )?(?:whether|who|what|why|how|if)\b.*\b(?:not known|unknown|unclear)$"
)
"""A sentence that says what is not known."""
SUPPOSED = re.compile(r"\b(?:the|their)\s+$")
"""Before a word: whoever says what is not known of *the knife* says that there is one."""
DENIED_BEFORE = re.compile(
    r"(?:\b(?:no|not|never|none|neither|nor|without|cannot|nobody)\b|n['’]t\b)(?:\W+\w+){0,7}\W*$"
)
IS_THERE_ALL_THE_SAME = re.compile(r"\bnobody\b.*\bof (?:a|an|the)\s+$")
"""Nobody got out of *a car*."""
DENIED_AFTER = re.compile(
    r"(?:\W+\w+){0,3}?\W+(?:is|are|was|were|remains?)\s+(?:(?:not|never)\s+(?:\w+\s+)?"
    r"(?:seen|known|detected|visible|found|there|present|clear|shown)|unknown|unclear)\b"
)
MOST_TOLD = 5
ENGLISH = re.compile(r"\b(?:the|and|were|with|only|did|seen|not|by|it|from|this)\b", re.IGNORECASE)
"""Hardly two English sentences do without any of these; those of other languages do."""


def is_english(text: str) -> bool:
    """Whether the check can read it: an owner's prompt may ask for another language, in which anything would pass."""
    return ENGLISH.search(text) is not None


def ungrounded_in(text: str, context: EventContext, by_rules: Verdict) -> tuple[str, ...]:
    """Words of the text that name what nobody detected, in order; empty where it speaks of the facts only."""
    text = FIGURATIVE.sub("", _without_names(" ".join(text.casefold().split()), context))
    named = [match.group() for match in SAME.finditer(text)]
    things, places = _any_of(_unseen(context)), _any_of(_no_such_places(context, by_rules))
    for sentence in SENTENCES.split(text):
        named += [*_claimed(sentence), *_asserted(sentence, things), *_asserted(sentence, places, may_be_the=True)]
        named += _asserted(sentence, OF_EVERYBODY, may_be_the=True)
    return tuple(dict.fromkeys(named))[:MOST_TOLD]


def _unseen(context: EventContext) -> Iterator[str]:
    labels = {one.label for one in context.sightings}
    yield from UNSEEN.split()
    for classes, words in MEANS.items():
        if not classes & labels:
            yield from words.split()


def _no_such_places(context: EventContext, by_rules: Verdict) -> Iterator[str]:
    kinds = {context.place, *(zone.kind for zone in context.zones or ())}
    told = set(re.findall(r"\w+", _told_of_places(context, by_rules)))
    for words, true_of in PLACES.items():
        if not kinds & set(true_of):
            yield from (word for word in words.split() if word not in told)


def _told_of_places(context: EventContext, by_rules: Verdict) -> str:
    names = [context.camera_name, *(zone.name for zone in context.zones or ())]
    reasons = [by_rules.summary, by_rules.ceiling_why, by_rules.floor_why, *(part.why for part in by_rules.parts)]
    return " ".join([*map(plain, names), *reasons]).casefold()


def _claimed(sentence: str) -> Iterator[str]:
    """Claims are not even denied. But whether it was a resident may well be unknown."""
    for match in CLAIMED.finditer(sentence):
        if not UNKNOWN.match(sentence) or SUPPOSED.search(sentence[: match.start()]):
            yield match.group()


def _asserted(sentence: str, words: re.Pattern[str], *, may_be_the: bool = False) -> Iterator[str]:
    """Those of the words that the sentence says are there. `may_be_the`: of which there is one anyway, as of doors."""
    for clause in [sentence] if UNKNOWN.match(sentence) else CLAUSES.split(sentence):
        for match in words.finditer(clause):
            before, after = clause[: match.start()], clause[match.end() :]
            is_supposed = not may_be_the and SUPPOSED.search(before)
            if is_supposed or not (UNKNOWN.match(sentence) or _is_denied(before, after)):
                yield match.group()


def _is_denied(before: str, after: str) -> bool:
    is_denied = DENIED_BEFORE.search(before) and not IS_THERE_ALL_THE_SAME.search(before)
    return bool(is_denied or DENIED_AFTER.match(after))


def _without_names(text: str, context: EventContext) -> str:
    """A camera called "Dog run" is no dog; but only where it is spoken of as a place."""
    names = {plain(name).casefold() for name in (context.camera_name, *(zone.name for zone in context.zones or ()))}
    for name in sorted(names - {""}, key=len, reverse=True):
        text = re.sub(rf"{AS_A_PLACE}{re.escape(name)}\b", "there", text)
    return text


def _any_of(words: Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w-])(?:{'|'.join(sorted(map(re.escape, words)))})(?:s|es)?(?![\w-])")


CLAIMED = _any_of(CLAIMS.split())
OF_EVERYBODY = _any_of(EVERYBODY_HAS.split())
