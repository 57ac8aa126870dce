"""The Celery app of every process that runs tasks or wakes them."""

from __future__ import annotations

import os

from celery import Celery

from security_site.celery import CONFIGURATION

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "security_site.settings")
os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")  # DETECT_GPU and ANALYZE_GPU count cards as nvidia-smi does

app = Celery("security_site")
app.conf.update(CONFIGURATION)
app.autodiscover_tasks()
app.autodiscover_tasks(related_name="analyze_tasks")
