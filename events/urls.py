from django.urls import path

from cameras import converters as _converters  # noqa: F401  (registers <camera:…>)
from events import media, views

urlpatterns = [
    path("", views.live, name="live"),
    path("live/changes", views.live_changes, name="live_changes"),
    path("events/", views.event_list, name="events"),
    path("events/<int:event_id>/", views.event_page, name="event"),
    path("events/<int:event_id>/reviewed/", views.review, name="review"),
    path("events/<int:event_id>/notes/", views.write_notes, name="notes"),
    path("cameras/<camera:camera_id>/merge/", views.merge, name="merge_camera"),
    path("media/thumbnails/<int:detection_id>", media.thumbnail, name="thumbnail"),
    path("media/previews/<int:capture_id>", media.preview, name="preview"),
    path("media/originals/<int:capture_id>", media.original, name="original"),
]
