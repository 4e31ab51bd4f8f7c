"""The two groups that a box office needs.

Django makes permissions after all migrations, so on a new database they are made here first; Django finds
them by content type and codename later and leaves them as they are.
"""

from django.db import migrations

MODELS = {
    "venues": ["venue", "section", "planseat"],
    "events": ["event", "eventsection", "seat"],
    "reservations": ["reservation", "line", "auditentry"],
    "outbox": ["outboxmessage"],
}
VIEW = [(app, model, f"view_{model}") for app, models in MODELS.items() for model in models]
OFFICE = [
    ("reservations", "reservation", "cancel_reservation"),
    ("events", "event", "block_seats"),
]
GROUPS = {"Boletería": VIEW + OFFICE, "Auditoría": VIEW}
NAMES = {"cancel_reservation": "Puede cancelar reservas", "block_seats": "Puede bloquear asientos"}


def make_groups(apps, schema_editor):
    ContentType = apps.get_model("contenttypes", "ContentType")
    Permission = apps.get_model("auth", "Permission")
    Group = apps.get_model("auth", "Group")
    for title, wanted in GROUPS.items():
        group, _made = Group.objects.get_or_create(name=title)
        for app, model, codename in wanted:
            kind, _made = ContentType.objects.get_or_create(app_label=app, model=model)
            name = NAMES.get(codename) or f"Can view {apps.get_model(app, model)._meta.verbose_name}"
            permission, _made = Permission.objects.get_or_create(
                content_type=kind, codename=codename, defaults={"name": name}
            )
            group.permissions.add(permission)


def remove_groups(apps, schema_editor):
    apps.get_model("auth", "Group").objects.filter(name__in=GROUPS).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("reservations", "0001_initial"),
        ("events", "0002_seat_pages"),
        ("outbox", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [migrations.RunPython(make_groups, remove_groups)]
