from django.apps import AppConfig


class WaitingRoomConfig(AppConfig):
    name = "portal_site.waiting_room"
