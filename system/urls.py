from django.urls import path

from system import views

urlpatterns = [
    path("system/", views.system_page, name="system"),
    path("system/changes", views.system_changes, name="system_changes"),
    path("system/dead-letters/requeue/", views.requeue_dead_letters, name="requeue_dead_letters"),
    path("system/dead-letters/dismiss/", views.dismiss_dead_letters, name="dismiss_dead_letters"),
]
