from django.urls import path

from alerts.views import channels, first_steps, inbox, rules

urlpatterns = [
    path("alerts/", inbox.inbox, name="alerts"),
    path("alerts/changes", inbox.inbox_changes, name="alerts_changes"),
    path("alerts/waiting", inbox.waiting, name="alerts_waiting"),
    path("alerts/acknowledge/", inbox.acknowledge_shown, name="acknowledge_alerts"),
    path("alerts/first-channel/", first_steps.first_channel, name="first_channel"),
    path("alerts/first-rule/", first_steps.first_rule, name="first_rule"),
    path("alerts/hide-hint/", first_steps.hide_hint, name="hide_alert_hint"),
    path("alerts/<uuid:alert_id>/", inbox.alert_page, name="alert"),
    path("alerts/<uuid:alert_id>/changes", inbox.alert_changes, name="alert_changes"),
    path("alerts/<uuid:alert_id>/acknowledge/", inbox.acknowledge_one, name="acknowledge_alert"),
    path("alerts/<uuid:alert_id>/dismiss/", inbox.dismiss_one, name="dismiss_alert"),
    path("rules/", rules.rule_list, name="rules"),
    path("rules/new/", rules.new_rule, name="new_rule"),
    path("rules/new/preview/", rules.preview, name="preview_new_rule"),
    path("rules/new/test/", rules.try_out, name="test_new_rule"),
    path("rules/<uuid:rule_id>/", rules.rule_page, name="rule"),
    path("rules/<uuid:rule_id>/preview/", rules.preview, name="preview_rule"),
    path("rules/<uuid:rule_id>/test/", rules.try_out, name="test_rule"),
    path("rules/<uuid:rule_id>/switch/", rules.switch, name="switch_rule"),
    path("rules/<uuid:rule_id>/delete/", rules.delete, name="delete_rule"),
    path("channels/", channels.channel_list, name="channels"),
    path("channels/changes", channels.channels_changes, name="channels_changes"),
    path("channels/new/", channels.new_channel, name="new_channel"),
    path("channels/<int:channel_id>/", channels.channel_page, name="channel"),
    path("channels/<int:channel_id>/changes", channels.channel_changes, name="channel_changes"),
    path("channels/<int:channel_id>/test/", channels.send, name="test_channel"),
    path("channels/<int:channel_id>/tests/<int:delivery_id>/", channels.answer, name="test_answer"),
    path("channels/<int:channel_id>/delete/", channels.delete, name="delete_channel"),
]
