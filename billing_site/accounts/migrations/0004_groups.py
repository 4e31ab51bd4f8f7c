"""The staff's roles. Permissions are made here too: Django's own come only after all migrations."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

SEEN_AT_THE_COUNTER = [
    "accounts.view_person",
    "tickets.view_order",
    "tickets.view_ticket",
    "tickets.view_admission",
    "payments.view_paymentattempt",
    "payments.view_refund",
    "documents.view_document",
    "documents.view_mail",
]
ROLES = {
    # The counter: people, their tickets, and what did not reach them.
    "box office": [
        *SEEN_AT_THE_COUNTER,
        "accounts.verify_person",
        "tickets.refund_ticket",
        "documents.change_document",
        "documents.change_mail",
        "dead_letters.view_deadletter",
        "dead_letters.change_deadletter",
        "outbox.view_outboxmessage",
        "outbox.change_outboxmessage",
    ],
    # The door, and nothing else: a telephone is lost easily.
    "gate": ["tickets.check_in_ticket"],
    "finance": [
        "tickets.view_order",
        "tickets.view_ticket",
        "tickets.refund_ticket",
        "tickets.view_sums",
        "payments.view_paymentattempt",
        "payments.view_refund",
    ],
    # Sees everything, changes nothing.
    "auditor": [
        *SEEN_AT_THE_COUNTER,
        "tickets.view_auditentry",
        "tickets.view_sums",
        "dead_letters.view_deadletter",
        "outbox.view_outboxmessage",
    ],
}


def create_roles(apps, schema_editor):
    using = schema_editor.connection.alias
    needed = {name for names in ROLES.values() for name in names}
    for label in sorted({name.partition(".")[0] for name in needed}):
        config = apps.get_app_config(label)
        # create_permissions passes over apps without a models module, as those of a migration are.
        config.models_module = True
        create_permissions(config, apps=apps, verbosity=0, using=using)
        config.models_module = None
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    for role, names in ROLES.items():
        group, _ = Group.objects.using(using).get_or_create(name=role)
        for name in names:
            label, _, codename = name.partition(".")
            group.permissions.add(
                Permission.objects.using(using).get(content_type__app_label=label, codename=codename)
            )


def remove_roles(apps, schema_editor):
    apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias).filter(name__in=ROLES).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_email_bytes"),
        ("tickets", "0001_initial"),
        ("payments", "0001_initial"),
        ("documents", "0001_initial"),
        ("dead_letters", "0001_initial"),
        ("outbox", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [migrations.RunPython(create_roles, remove_roles)]
