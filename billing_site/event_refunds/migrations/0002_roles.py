"""Who refunds whole events, and the role of those who answer the telephone."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

ROLES = {
    "finance": ["event_refunds.refund_event", "event_refunds.view_eventrefund"],
    "auditor": ["event_refunds.view_eventrefund"],
    # The telephone: sees what the counter sees, sends mails and documents again, and moves no money.
    "support": [
        "accounts.view_person",
        "tickets.view_order",
        "tickets.view_ticket",
        "tickets.view_admission",
        "payments.view_paymentattempt",
        "payments.view_refund",
        "documents.view_document",
        "documents.change_document",
        "documents.view_mail",
        "documents.change_mail",
    ],
}


def give(apps, schema_editor):
    using = schema_editor.connection.alias
    config = apps.get_app_config("event_refunds")
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


def take_back(apps, schema_editor):
    using = schema_editor.connection.alias
    groups = apps.get_model("auth", "Group").objects.using(using)
    for group in groups.filter(name__in=ROLES):
        group.permissions.remove(*group.permissions.filter(content_type__app_label="event_refunds"))
    groups.filter(name="support").delete()


class Migration(migrations.Migration):
    dependencies = [("event_refunds", "0001_initial"), ("accounts", "0004_groups")]
    operations = [migrations.RunPython(give, take_back)]
