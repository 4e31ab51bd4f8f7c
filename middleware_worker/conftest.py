"""The outbox's tests need a site's database: they run under each site's settings, the others under the gateway's."""

from django.conf import settings

collect_ignore = [] if "middleware_worker.outbox" in settings.INSTALLED_APPS else ["outbox"]
