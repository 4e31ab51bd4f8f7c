"""Settings of the reservations site; everything that differs between machines comes from the environment."""

import socket
from pathlib import Path

import environ

from middleware_worker.contract.credentials import parse_keys
from middleware_worker.outbox.databases import database

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent

SERVICE_NAME = "reservations"
INSTANCE = env.str("INSTANCE", default=socket.gethostname())
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("RESERVATIONS_SECRET_KEY")
ALLOWED_HOSTS = env.list("RESERVATIONS_ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("RESERVATIONS_TRUSTED_ORIGINS", default=[])
SERVICE_KEYS = parse_keys(env.list("RESERVATIONS_SERVICE_KEYS", default=[]))
# The other side, for healing and comparing alone; everything else goes by messages.
OTHER_SITE = "billing"
OTHER_SITE_URL = env.str("RESERVATIONS_BILLING_URL", default="http://127.0.0.1:5002")
SERVICE_KEY = env.str("RESERVATIONS_SERVICE_KEY", default="")

# A RUT may hold this many unpaid seats at once; a call takes at most MAX_SEATS.
HOLD_LIMIT = env.int("RESERVATIONS_HOLD_LIMIT", default=10)
MAX_SEATS = 10
# And reserve so often in a minute, whichever replicas are asked: counted in the statement that takes the seats.
RUT_LIMIT = env.int("RESERVATIONS_RUT_LIMIT", default=30)
# The full name of a function (request, *, rut, caller) that tells whether this call comes from a person, before
# anything is taken: a challenge of your own. Empty: nobody is asked.
CHALLENGE = env.str("RESERVATIONS_CHALLENGE", default="")
# When a waiting room opens, those who wait come for their numbers spread over so many seconds that this many come in
# each: what two cores with everything on them answer beside all others (`make bench-room`).
NUMBERS_A_SECOND = max(1, env.int("RESERVATIONS_NUMBERS_A_SECOND", default=150))
# Places in a waiting room are deleted this long after the sale has ended.
ROOM_KEEP_DAYS = env.int("RESERVATIONS_ROOM_KEEP_DAYS", default=7)
# A reservation or a cancel that meets a fail-over of the database is tried again inside the site for so long.
FAILOVER_WAIT_SECONDS = env.float("RESERVATIONS_FAILOVER_WAIT_SECONDS", default=5)
# So many requests of one process may wait at once; one thread of gunicorn's is always left for all others.
# With several clusters half of them, since one that is away shall not take the threads of the others.
WEB_THREADS = env.int("WEB_THREADS", default=4)
CLUSTER_URLS = env.list("RESERVATIONS_CLUSTER_URLS", default=[])
FAILOVER_WAITERS = env.int(
    "RESERVATIONS_FAILOVER_WAITERS", default=max(1, WEB_THREADS // 2 if CLUSTER_URLS else WEB_THREADS - 1)
)

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "middleware_worker.outbox",
    "reservations_site.venues",
    "reservations_site.events",
    "reservations_site.reservations",
    "reservations_site.waiting_room",
    "reservations_site.healing",
    "reservations_site.logins",
]
# Who may read /metrics: whoever has this token. Without one there is no such page.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
METRICS = ["middleware_worker.outbox.metrics.collect"]
MIDDLEWARE = [
    "middleware_worker.contract.metrics.Measured",
    "reservations_site.abandoned.Abandoned",
    "reservations_site.clusters.ByEvent",
    "reservations_site.short_way.ShortWay",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "reservations_site.language.SpanishForPrograms",
    "middleware_worker.outbox.closing.ClosedWhileHealing",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
]
ROOT_URLCONF = "reservations_site.urls"
WSGI_APPLICATION = "reservations_site.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {"default": database(env.str("RESERVATIONS_DATABASE_URL"))}
if replica_url := env.str("RESERVATIONS_REPLICA_URL", default=""):
    DATABASES["replica"] = database(replica_url, replica=True)
# Further PostgreSQL clusters with events of their own, in their order; and which of all this process works on. A relay,
# jobs, or a web process for staff works on one: its own URL above, its number here.
CLUSTER = env.int("RESERVATIONS_CLUSTER", default=0)
CLUSTER_ALIASES = []
for cluster, url in enumerate(CLUSTER_URLS, 1):
    DATABASES[f"cluster_{cluster}"] = database(url)
    CLUSTER_ALIASES.append(f"cluster_{cluster}")
# With several, these calls ask themselves whether the cluster that they are about is closed.
CLOSED_BY_THEMSELVES = ("/api/reserv", "/api/events", "/api/internal/") if CLUSTER_ALIASES else ()
DATABASE_ROUTERS = ["reservations_site.router.ReservationsRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

BROKER_URL = env.str("BROKER_URL", default="")
BROKER_FOLDER = env.str("BROKER_FOLDER", default="")
OUTBOX_QUEUE = "ticketflow.to_billing"
OUTBOX_RECEIVE = "reservations_site.reservations.messages.receive"
OUTBOX_EVERYWHERE = "reservations_site.clusters.everywhere"
OUTBOX_APPLY = "reservations_site.reservations.states.apply_ticket_states"
OUTBOX_KEEP_DAYS = env.int("OUTBOX_KEEP_DAYS", default=30)

LANGUAGE_CODE = "es-cl"
LANGUAGES = [("es-cl", "Español"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "America/Santiago"
USE_TZ = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = env.str("RESERVATIONS_STATIC_ROOT", default="") or None
# Admin files are served by each replica itself; no collectstatic is needed to begin.
WHITENOISE_USE_FINDERS = True

SESSION_COOKIE_NAME = "reservations_session"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.bool("HTTPS", default=False)
CSRF_COOKIE_NAME = "reservations_csrf"
# Only our own proxy may speak for a client: its scheme, and its request id as an idempotency key.
BEHIND_PROXY = env.bool("BEHIND_PROXY", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["middleware_worker.contract.drf.ServiceAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.AllowAny"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "EXCEPTION_HANDLER": "reservations_site.rest.exception_handler",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": None,
    "NUM_PROXIES": env.int("NUM_PROXIES", default=0),
    "DEFAULT_THROTTLE_RATES": {"reserve": env.str("RESERVATIONS_THROTTLE", default="600/min")},
}
SPECTACULAR_SETTINGS = {
    "TITLE": "TicketFlow reservations",
    "VERSION": "1",
    "DESCRIPTION": "Events, seat maps and reservations. Errors: a Spanish sentence and a word for programs.",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {
        "SeatStatus": ["available", "reserved", "sold"],
        "TakenSeatStatus": ["reserved", "sold"],
        "EventStatus": ["published", "cancelled"],
        "LineStatus": ["held", "confirmed", "released"],
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    # A line for each refused reservation would cost more than the refusal.
    "loggers": {"django.request": {"level": "ERROR"}},
}
