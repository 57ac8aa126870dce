"""Door of the web server: HTTP through Django, sockets through Channels."""

from __future__ import annotations

import os

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "security_site.settings")

from django.conf import settings

# Under ASGI a thread's connection may outlive its request: the pool bounds them. Workers keep their own.
settings.DATABASES["default"] |= {
    "CONN_MAX_AGE": 0,
    "OPTIONS": {
        **settings.DATABASES["default"]["OPTIONS"],
        "pool": {"min_size": 1, "max_size": 16, "timeout": 10},
    },
}
django_application = get_asgi_application()

from security_site.body_limit import BodyLimit  # noqa: E402
from security_site.sockets import socket_application  # noqa: E402  (needs the apps loaded above)

application = ProtocolTypeRouter({"http": BodyLimit(django_application), "websocket": socket_application})
