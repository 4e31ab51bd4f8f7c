"""Who may log in: Django's own page, where the moments that it records are read and not typed."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User

admin.site.unregister(User)


@admin.register(User)
class StaffAdmin(UserAdmin):
    readonly_fields = ["last_login", "date_joined"]
