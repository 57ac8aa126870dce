from django.urls import path

from cameras import converters as _converters  # noqa: F401  (registers <camera:…>)
from zones import views

urlpatterns = [
    path("cameras/<camera:camera_id>/draw-zone/", views.draw_zone, name="draw_zone"),
    path("cameras/<camera:camera_id>/zones/<camera:zone_id>/", views.change, name="zone"),
    path("cameras/<camera:camera_id>/zones/<camera:zone_id>/delete/", views.delete, name="delete_zone"),
]
