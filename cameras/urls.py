from django.urls import path

from cameras import converters as _converters  # noqa: F401  (registers <camera:…>)
from cameras.views import camera, connecting, deeds, lists, uploading

urlpatterns = [
    path("cameras/", lists.camera_list, name="cameras"),
    path("add-camera/", connecting.add, name="add_camera"),
    path("upload/", uploading.upload, name="upload"),
    path("demo/", uploading.play_demo, name="play_demo"),
    path("cameras/<camera:camera_id>/", camera.camera_page, name="camera"),
    path("cameras/<camera:camera_id>/changes", camera.camera_changes, name="camera_changes"),
    path("cameras/<camera:camera_id>/connect/", connecting.connect, name="connect_camera"),
    path("cameras/<camera:camera_id>/connect/changes", connecting.connect_changes, name="connect_changes"),
    path("cameras/<camera:camera_id>/change/", deeds.change, name="change_camera"),
    path("cameras/<camera:camera_id>/correct-clock/", deeds.correct_clock, name="correct_clock"),
    path("cameras/<camera:camera_id>/import-older/", deeds.import_older_files, name="import_older"),
    path("cameras/<camera:camera_id>/hide/", deeds.hide, name="hide_camera"),
    path("cameras/<camera:camera_id>/restore/", deeds.restore, name="restore_camera"),
]
