"""Visits from before there were alert rules are left alone: nobody is to be told of them now."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("events", "0005_rule_outcomes")]

    operations = [
        migrations.RunSQL("UPDATE events SET evaluated_revision = revision", reverse_sql=migrations.RunSQL.noop),
    ]
