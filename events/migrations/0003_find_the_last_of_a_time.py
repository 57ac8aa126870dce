from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0002_find_waiting_by_time_and_camera'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='event',
            index=models.Index(fields=['id', 'started_at'], name='idx_events_id_time'),
        ),
    ]
