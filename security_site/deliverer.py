"""The Celery app of the deliver process, which loads its own task only: sending needs none of the pipeline's code."""

from __future__ import annotations

import os

from celery import Celery

from security_site.celery import CONFIGURATION

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "security_site.settings")

app = Celery("security_site")
app.conf.update(CONFIGURATION)
app.autodiscover_tasks(related_name="deliver_tasks")
