"""Rules: the list, and the builder with its sentence and its test against what was seen."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from alerts.models import AlertRule
from alerts.rule_form import RuleForm
from alerts.rule_rows import rule_rows
from alerts.rules import (
    Draft,
    RuleRefused,
    change_rule,
    check_fields,
    create_rule,
    delete_rule,
    draft_of,
    problems_of,
    with_what_they_name,
)
from alerts.trial_rows import trial_shown
from alerts.words import rule_in_words
from cameras.access import may_change

PAGE_SIZE = 50
UNNAMED = "(no name yet)"


@require_safe
@never_cache
def rule_list(request: HttpRequest) -> HttpResponse:
    """Every rule in words, and how often it was met lately."""
    may_change(request)
    rules = with_what_they_name(AlertRule.objects.order_by("name", "pk"))
    page = Paginator(rules, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "alerts/rules.html", {"rows": rule_rows(list(page)), "listed": page})


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def new_rule(request: HttpRequest) -> HttpResponse:
    """Build a rule."""
    user = may_change(request)
    form = RuleForm(request.POST if request.method == "POST" else None, user=user)
    if form.is_valid():
        try:
            rule = create_rule(form.rule_fields, request)
        except RuleRefused as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"“{rule.name}” is saved. It looks at every visit from now on.")
            return redirect("rules")
    return _builder(request, user, form, None)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def rule_page(request: HttpRequest, rule_id: UUID) -> HttpResponse:
    """Change a rule."""
    user = may_change(request)
    rule = _rule(rule_id)
    form = RuleForm(request.POST if request.method == "POST" else None, user=user, rule=draft_of(rule))
    if form.is_valid():
        try:
            changed = change_rule(rule, form.rule_fields, request)
        except RuleRefused as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"“{rule.name}” is saved." if changed else "Nothing was changed.")
            return redirect("rules")
    return _builder(request, user, form, rule)


@require_POST
def preview(request: HttpRequest, rule_id: UUID | None = None) -> HttpResponse:
    """The rule that is being built in a sentence, and what cannot be so beside its field."""
    user = may_change(request)
    form, draft = _draft_sent(request, user, _rule(rule_id) if rule_id else None)
    sentence = rule_in_words(draft) if draft else ""
    return render(request, "alerts/parts/preview_answer.html", {"form": form, "sentence": sentence})


@require_POST
@never_cache
def try_out(request: HttpRequest, rule_id: UUID | None = None) -> HttpResponse:
    """What the rule that is being built would have told in the last days. Nothing is kept and nobody is told."""
    user = may_change(request)
    rule = _rule(rule_id) if rule_id else None
    form, draft = _draft_sent(request, user, rule)
    trial = trial_shown(draft, user) if draft else None
    if request.headers.get("HX-Request") == "true":
        context = {"trial": trial, "trial_refused": trial is None, "form": form, "oob_errors": True}
        return render(request, "alerts/parts/trial.html", context)
    return _builder(request, user, form, rule, trial=trial, trial_refused=trial is None)


@require_POST
def switch(request: HttpRequest, rule_id: UUID) -> HttpResponse:
    """Turn a rule on or off."""
    may_change(request)
    rule = _rule(rule_id)
    try:
        change_rule(rule, {"enabled": request.POST.get("on") == "yes"}, request)
    except RuleRefused as refusal:
        messages.error(request, f"“{rule.name}” stays off. {refusal}")
    return redirect(f"{reverse('rules')}#rule-{rule.pk}")


@require_POST
def delete(request: HttpRequest, rule_id: UUID) -> HttpResponse:
    """Delete a rule; what it told stays."""
    may_change(request)
    rule = _rule(rule_id)
    delete_rule(rule, request)
    messages.success(request, f"“{rule.name}” is deleted.")
    return redirect("rules")


def _rule(rule_id: UUID) -> AlertRule:
    return get_object_or_404(with_what_they_name(AlertRule.objects.all()), pk=rule_id)


def _draft_sent(request: HttpRequest, user: User, rule: AlertRule | None) -> tuple[RuleForm, Draft | None]:
    """The rule as the form has it now; None where it cannot be so, and the form says why."""
    sent = request.POST.copy()
    named = sent.get("name", "")
    sent["name"] = named.strip() or UNNAMED  # a name is asked for when it is saved, not while one begins
    form = RuleForm(sent, user=user, rule=draft_of(rule) if rule else None)
    draft = None
    if form.is_valid():
        try:
            draft = check_fields(form.rule_fields, rule)
        except RuleRefused as refusal:
            form.refuse(refusal)
    sent["name"] = named
    return form, draft


def _builder(request: HttpRequest, user: User, form: RuleForm, rule: AlertRule | None, **shown: object) -> HttpResponse:
    of_this = [rule.pk] if rule else []
    context = {
        "form": form,
        "rule": rule,
        "problems": problems_of(rule) if rule else [],
        "sentence": _sentence(request, user, form, rule),
        "save": reverse("rule", args=of_this) if rule else reverse("new_rule"),
        "preview": reverse("preview_rule" if rule else "preview_new_rule", args=of_this),
        "try": reverse("test_rule" if rule else "test_new_rule", args=of_this),
        "chosen_zones": form["zone_ids"].value() or [],
        "chosen_channels": [str(pk) for pk in form["channels"].value() or []],
        **shown,
    }
    return render(request, "alerts/rule.html", context, status=422 if form.errors else 200)


def _sentence(request: HttpRequest, user: User, form: RuleForm, rule: AlertRule | None) -> str:
    """Of what the form shows; a name that is missing leaves the rest as it is."""
    if not form.is_bound:
        return rule_in_words(draft_of(rule) if rule else Draft())
    _, draft = _draft_sent(request, user, rule)
    return rule_in_words(draft) if draft else ""
