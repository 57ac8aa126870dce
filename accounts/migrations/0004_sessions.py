"""Sessions get a table of our own. Whoever is signed in stays so: the rows of Django's table are copied here.

That table is left as it is, so that going back finds it.
"""

import uuid
from datetime import timedelta

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.db import migrations, models

BEFORE = 'django_session'
AGE = timedelta(days=30)


def copy_sessions(apps, schema_editor):
    connection = schema_editor.connection
    if BEFORE not in connection.introspection.table_names():
        return  # a new database
    Session = apps.get_model('accounts', 'Session')
    people = set(apps.get_model('accounts', 'User').objects.values_list('pk', flat=True))
    now = django.utils.timezone.now()
    with connection.cursor() as cursor:
        cursor.execute('SELECT session_key, session_data, expire_date FROM django_session WHERE expire_date > %s', [now])
        rows = cursor.fetchall()
    for key, data, expires in rows:
        content = SessionStore().decode(data)
        user_id = int(content.get('_auth_user_id', 0))
        if user_id in people:
            begun = min(expires - AGE, now)
            Session.objects.create(
                session_key=key, session_data=data, expire_date=expires, user_id=user_id, created_at=begun, last_seen_at=begun
            )


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0003_camera_and_session_deeds'),
    ]

    operations = [
        migrations.CreateModel(
            name='Session',
            fields=[
                ('session_key', models.CharField(max_length=40, primary_key=True, serialize=False, verbose_name='session key')),
                ('session_data', models.TextField(verbose_name='session data')),
                ('expire_date', models.DateTimeField(db_index=True, verbose_name='expire date')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('address', models.GenericIPAddressField(help_text='From where it was last used.', null=True)),
                ('user_agent', models.CharField(blank=True, max_length=300)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('last_seen_at', models.DateTimeField(default=django.utils.timezone.now, help_text='Written at most once a minute.')),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='sessions', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'session',
                'verbose_name_plural': 'sessions',
                'db_table': 'sessions',
                'abstract': False,
            },
        ),
        migrations.RunPython(copy_sessions, migrations.RunPython.noop),
    ]
