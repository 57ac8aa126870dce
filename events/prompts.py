"""What the language model is told before the facts of a visit: versions, of which one is active.

The analyze stage asks for the active one at each visit; a start of the program brings the one it was shipped with;
owners write others in the admin. A version never changes, since judgements name it.
"""

from __future__ import annotations

import unicodedata

from django.db import connection, transaction
from django.http import HttpRequest

from accounts.models import AuditAction, User, audit
from events.models import PromptVersion
from inference.analysts import llm

LINE_BREAKS = "\n\t"


class PromptRefused(Exception):
    """A text that cannot be a prompt; the message says why."""


def active_prompt() -> PromptVersion:
    """The version that is sent."""
    return PromptVersion.objects.filter(active=True).first() or ship_prompt()


def ship_prompt() -> PromptVersion:
    """Store the text this program came with, if it is new; returns the version that is active then.

    It takes the place of an older shipped one, never of what an owner wrote, nor of what an owner chose meanwhile.
    """
    text = llm.shipped_instructions().strip()
    with transaction.atomic():
        _let_nobody_else_choose()
        shipped, is_new = PromptVersion.objects.get_or_create(
            text=text, is_shipped=True, defaults={"notes": "Came with the program."}
        )
        active = PromptVersion.objects.filter(active=True).first()
        if active is None or (is_new and active.is_shipped):
            _make_active(shipped)
            return shipped
        return active


def newer_shipped_prompt() -> PromptVersion | None:
    """The shipped version that came after the active one was written by somebody, for owners to compare."""
    active = PromptVersion.objects.filter(active=True, is_shipped=False).first()
    if active is None:
        return None
    return PromptVersion.objects.filter(is_shipped=True, pk__gt=active.pk).order_by("-pk").first()


def usable_prompt(text: str) -> str:
    """The text as it is kept: line ends of one kind, none around it. Raises PromptRefused."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not text:
        raise PromptRefused("A prompt needs some text.")
    if len(text) > (most := llm.LONGEST_INSTRUCTIONS):
        raise PromptRefused(f"A prompt has at most {most:,} characters; this one has {len(text):,}.")
    if odd := [sign for sign in text if unicodedata.category(sign) in ("Cc", "Cs") and sign not in LINE_BREAKS]:
        raise PromptRefused(f"This text has a control character (U+{ord(odd[0]):04X}) in it.")
    if same := PromptVersion.objects.filter(text=text).order_by("-pk").first():
        raise PromptRefused(f"Prompt {same.pk} says exactly this.")
    return text


def write_prompt(text: str, notes: str, request: HttpRequest) -> PromptVersion:
    """A new version of a text that `usable_prompt` gave. It is not sent before somebody makes it active."""
    author = request.user if isinstance(request.user, User) else None
    with transaction.atomic():
        prompt = PromptVersion.objects.create(text=text, notes=notes, created_by=author)
        audit(AuditAction.PROMPT_CREATED, "prompt", prompt.pk, request=request, details={"notes": notes})
    return prompt


def activate_prompt(prompt: PromptVersion, request: HttpRequest) -> bool:
    """Let this version be sent from the next visit on. False where it already was."""
    with transaction.atomic():
        _let_nobody_else_choose()
        before = PromptVersion.objects.filter(active=True).first()
        if before == prompt:
            return False
        _make_active(prompt)
        details: dict[str, object] = {"instead_of": before.pk if before else None}
        audit(AuditAction.PROMPT_ACTIVATED, "prompt", prompt.pk, request=request, details=details)
    return True


def _make_active(prompt: PromptVersion) -> None:
    PromptVersion.objects.filter(active=True).update(active=False)
    PromptVersion.objects.filter(pk=prompt.pk).update(active=True)
    prompt.active = True


def _let_nobody_else_choose() -> None:
    """To the end of the transaction. Rows cannot be locked for it: there may be none yet. Readers go on."""
    with connection.cursor() as cursor:
        cursor.execute(f'LOCK TABLE "{PromptVersion._meta.db_table}" IN SHARE ROW EXCLUSIVE MODE')
