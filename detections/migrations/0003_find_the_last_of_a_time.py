from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('detections', '0002_find_by_time_and_camera'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='detection',
            index=models.Index(fields=['id', 'detected_at'], name='idx_detections_id_time'),
        ),
    ]
