from django.urls import path

from cameras import views

urlpatterns = [
    path("cameras/", views.camera_list, name="cameras"),
    path("upload/", views.upload, name="upload"),
    path("demo/", views.play_demo, name="play_demo"),
    path("cameras/<str:camera_id>/", views.camera_page, name="camera"),
    path("cameras/<str:camera_id>/change/", views.change, name="change_camera"),
    path("cameras/<str:camera_id>/correct-clock/", views.correct_clock, name="correct_clock"),
    path("cameras/<str:camera_id>/import-older/", views.import_older_files, name="import_older"),
]
