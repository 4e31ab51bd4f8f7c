"""Who may take lists home, and the group of those who make events."""

from django.db import migrations

PRODUCTION = "Producción"
CAN = {
    "export_lists": "Puede descargar listas",
    "export_personal_data": "Puede descargar listas con datos personales",
    "cancel_event": "Puede cancelar un evento",
    "cancel_reservation": "Puede cancelar reservas",
    "block_seats": "Puede bloquear asientos",
}
EVENTS = [(app, model, f"{verb}_{model}") for app, model in (("venues", "venue"), ("events", "event")) for verb in ("add", "change")]
GROUPS = {
    "Boletería": [("reservations", "reservation", "export_lists")],
    PRODUCTION: [
        *EVENTS,
        ("events", "event", "cancel_event"),
        ("events", "event", "block_seats"),
        ("reservations", "reservation", "cancel_reservation"),
        ("reservations", "reservation", "export_lists"),
        ("reservations", "reservation", "export_personal_data"),
    ],
}


def make_groups(apps, schema_editor):
    ContentType = apps.get_model("contenttypes", "ContentType")
    Permission = apps.get_model("auth", "Permission")
    Group = apps.get_model("auth", "Group")
    for title, wanted in GROUPS.items():
        group, _made = Group.objects.get_or_create(name=title)
        for app, model, codename in wanted:
            kind, _made = ContentType.objects.get_or_create(app_label=app, model=model)
            verb = codename.partition("_")[0]
            name = CAN.get(codename) or f"Can {verb} {apps.get_model(app, model)._meta.verbose_name}"
            permission, _made = Permission.objects.get_or_create(
                content_type=kind, codename=codename, defaults={"name": name}
            )
            group.permissions.add(permission)
    # Whoever makes events sees all that the viewers see.
    seen = Group.objects.get(name="Auditoría").permissions.all()
    Group.objects.get(name=PRODUCTION).permissions.add(*seen)


def remove_group(apps, schema_editor):
    apps.get_model("auth", "Group").objects.filter(name=PRODUCTION).delete()


class Migration(migrations.Migration):
    dependencies = [("reservations", "0002_groups")]
    operations = [
        migrations.AlterModelOptions(
            name="reservation",
            options={
                "ordering": ["-created_at"],
                "permissions": [
                    ("cancel_reservation", "Puede cancelar reservas"),
                    ("export_lists", "Puede descargar listas"),
                    ("export_personal_data", "Puede descargar listas con datos personales"),
                ],
                "verbose_name": "reserva",
                "verbose_name_plural": "reservas",
            },
        ),
        migrations.RunPython(make_groups, remove_group),
    ]
