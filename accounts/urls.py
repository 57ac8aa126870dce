from django.urls import path

from accounts import views

urlpatterns = [
    path("login/", views.Login.as_view(), name="login"),
    path("logout/", views.Logout.as_view(), name="logout"),
    path("password/", views.Password.as_view(), name="password"),
    path("sessions/", views.sessions, name="sessions"),
    path("sessions/end-others/", views.end_other_sessions, name="end_other_sessions"),
    path("sessions/<uuid:public_id>/end/", views.end_session, name="end_session"),
    path("home-mode/", views.say_home_mode, name="home_mode"),
    path("setup/<str:token>/", views.setup, name="setup"),
]
