"""Whether words speak only of what was detected: what nobody saw is found out, what was seen or denied is let be."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from inference.analysts.llm.grounding import is_english, ungrounded_in
from inference.analysts.rules import RulesAnalyst
from inference.protocols import EventContext, ZoneFact
from tests.inference.test_rules_always import contexts
from tests.inference.visits import ALL_ZONES, DOOR, Story

PERSON = Story(place="street").stay("person", 0, 5, 0.5).context()
AT_THE_DOOR = Story(zones=ALL_ZONES).stay("person", 0, 5, 0.5, zone=DOOR).stay("truck", 0, 5, 0.8).context()
CARS = Story(place="driveway").stay("car", 0, 5, 0.3).context()
CAT = Story(place="back", camera_name="Hof").stay("cat", 0, 5, 0.5).context()


def named(text: str, context: EventContext = PERSON) -> tuple[str, ...]:
    return ungrounded_in(text, context, RulesAnalyst().assess(context))


@pytest.mark.parametrize(
    ("text", "context", "words"),
    [
        ("A person got out of a van.", PERSON, ("van",)),
        ("Two dogs ran along.", PERSON, ("dogs",)),
        ("A person came by BICYCLE.", PERSON, ("bicycle",)),
        ("Somebody crossed the back yard.", CAT, ("somebody",)),
        ("People were there.", CAT, ("people",)),
        ("A kitten, then a puppy.", CAT, ("puppy",)),
        ("A car stood outside.", AT_THE_DOOR, ("car",)),
        ("A person with a knife did not stop.", PERSON, ("knife",)),
        ("It did not stop, a parcel was left.", PERSON, ("parcel",)),
        ("Nobody got out of a car.", PERSON, ("car",)),
        ("A person carried bags.", PERSON, ("bags", "carried")),
        ("A fox was seen.", CAT, ("fox",)),
        ("A person came to the door.", PERSON, ("door",)),
        ("A person went to the garage.", PERSON, ("garage",)),
        ("A person was inside.", AT_THE_DOOR, ("inside",)),
        ("A person was not seen leaving the van.", PERSON, ("van",)),
        ("It is not known why the knife was there.", PERSON, ("knife",)),
        ("Whether the bag was full is not known.", PERSON, ("bag",)),
        ("A passenger got out.", CARS, ("passenger",)),
        ("A red car with a taxi sign.", CARS, ("red", "taxi")),
        ("A person picked flowers and opened the drawers.", PERSON, ("picked", "flowers", "opened", "drawers")),
        ("A person with the intent to stay.", PERSON, ("intent",)),
        ("Two people shouted and were fighting.", PERSON, ("shouted", "fighting")),
    ],
)
def test_what_nobody_detected_is_found_out(text: str, context: EventContext, words: tuple[str, ...]) -> None:
    assert sorted(named(text, context)) == sorted(words)


@pytest.mark.parametrize(
    "text",
    [
        "A suspicious person was seen.",
        "A man was seen.",
        "He left.",
        "The same person came back.",
        "No threat.",
        "A delivery driver was there.",
        "A person tried something.",
        "A resident left.",
        "It was not an intruder.",
        "It is not known who the intruder was.",
        "A police officer was there.",
    ],
)
def test_what_nobody_can_see_is_not_said_not_even_to_deny_it(text: str) -> None:
    assert named(text, AT_THE_DOOR)


@pytest.mark.parametrize(
    ("text", "context"),
    [
        ("A person walked past on the pavement.", PERSON),
        ("Two people were seen; no vehicle was seen.", PERSON),
        ("Nobody got out.", PERSON),
        ("A vehicle was not seen.", PERSON),
        ("It isn't a car.", PERSON),
        ("No dogs or cats were seen.", PERSON),
        ("It did not come to a door.", PERSON),
        ("What was carried is not known.", PERSON),
        ("Not known: who it was, what was carried, whether a car was near.", PERSON),
        ("Perhaps a person, seen once, 54 % sure.", PERSON),
        ("A person came to the front door; a truck was outside.", AT_THE_DOOR),
        ("A vehicle stood in the driveway.", AT_THE_DOOR),
        ("A lorry stood in the front yard.", AT_THE_DOOR),
        ("Only an animal was seen; nobody came.", CAT),
        ("A cat crossed the back garden at 23:40.", CAT),
        ("A cat in the Hof.", CAT),
        ("It is not known whether it was a resident or a delivery.", PERSON),
        ("Whether a car was opened is not known.", PERSON),
        ("Who it was and what was carried remains unknown.", PERSON),
        ("The person's intent is unknown; the face was not visible.", PERSON),
        ("The hour carries more weight; the rules' score holds.", PERSON),
        ("A person stood where the camera faces the street, a short time window.", PERSON),
        ("A driver walked off.", AT_THE_DOOR),
    ],
)
def test_what_was_detected_or_is_denied_may_be_said(text: str, context: EventContext) -> None:
    assert named(text, context) == ()


@pytest.mark.parametrize(
    ("text", "can_be_read"),
    [
        ("A cat crossed the garden.", True),
        ("Only an animal.", True),
        ("Eine Person mit Messer stand um 02:31 an der Tür. Es war Nacht.", False),
        ("Une personne est restée devant la porte, 02:31.", False),
        ("Een persoon stond bij de voordeur. Het is niet bekend wie het was.", False),
        ("Una persona estaba en la puerta. No se sabe quién era.", False),
    ],
)
def test_another_language_is_told_from_english(text: str, can_be_read: bool) -> None:
    assert is_english(text) is can_be_read


def test_a_name_may_be_said_as_a_place_but_makes_nothing_true() -> None:
    run = ZoneFact("dog_run", "Dog run", "yard")
    context = Story(camera_name="Man with a knife", zones=(run,)).stay("person", 0, 5, 0.5, zone=run).context()
    assert named("A person was in the dog run.", context) == ()
    assert named("A dog was in the dog run.", context) == ("dog",)
    assert named("A man with a knife was in the yard.", context) == ("man", "knife")


def test_a_zone_makes_its_own_word_true() -> None:
    gate = ZoneFact("garden_gate", "Garden gate", "other")
    context = Story(zones=(gate,)).stay("person", 0, 5, 0.5, zone=gate).context()
    assert named("A person stood by the gate.", context) == ()
    assert named("A person stood by the window.", context) == ("window",)


@given(contexts())
@settings(max_examples=300, deadline=None)
def test_the_rules_own_words_are_always_grounded(context: EventContext) -> None:
    verdict = RulesAnalyst().assess(context)
    if verdict.parts:  # "only parked vehicles" is said of whatever is marked as parked
        assert ungrounded_in(f"{verdict.summary}; {verdict.reasoning}", context, verdict) == ()
