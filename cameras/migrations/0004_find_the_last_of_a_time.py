from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('cameras', '0003_find_by_time_and_clock_difference'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='capture',
            index=models.Index(fields=['id', 'captured_at'], name='idx_captures_id_time'),
        ),
    ]
