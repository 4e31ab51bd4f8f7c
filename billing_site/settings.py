"""Settings of the billing site; everything that differs between machines comes from the environment."""

import socket
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

from middleware_worker.contract.credentials import parse_keys
from middleware_worker.outbox.databases import database

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent

SERVICE_NAME = "billing"
INSTANCE = env.str("INSTANCE", default=socket.gethostname())
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("BILLING_SECRET_KEY")
ALLOWED_HOSTS = env.list("BILLING_ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("BILLING_TRUSTED_ORIGINS", default=[])
SERVICE_KEYS = parse_keys(env.list("BILLING_SERVICE_KEYS", default=[]))
# The other side, for healing and comparing alone; everything else goes by messages.
OTHER_SITE = "reservations"
OTHER_SITE_URL = env.str("BILLING_RESERVATIONS_URL", default="http://127.0.0.1:8083")
# A replica itself, where a proxy in front hides /metrics.
OTHER_SITE_METRICS_URL = env.str("BILLING_RESERVATIONS_METRICS_URL", default=OTHER_SITE_URL)
SERVICE_KEY = env.str("BILLING_SERVICE_KEY", default="")

# The middleware's front, which says how the queues and the worker are.
MIDDLEWARE_URL = env.str("BILLING_MIDDLEWARE_URL", default="http://127.0.0.1:8000")

AUTH_USER_MODEL = "accounts.Person"
PORTAL_URL = env.str("BILLING_PORTAL_URL", default="http://localhost:5003")

# Payments: `simulator` (its address below), `webpay`, or another gateway by its class.
GATEWAY = env.str("BILLING_GATEWAY", default="simulator")
GATEWAY_URL = env.str("BILLING_GATEWAY_URL", default="http://127.0.0.1:5010")
GATEWAY_KEY = env.str("BILLING_GATEWAY_KEY", default="")
GATEWAY_TIMEOUT_SECONDS = env.float("BILLING_GATEWAY_TIMEOUT_SECONDS", default=5)
# Webpay Plus: Transbank's address, and the shop's code and key there. Its page is open for so long at most.
WEBPAY_URL = env.str("BILLING_WEBPAY_URL", default="https://webpay3g.transbank.cl")
WEBPAY_COMMERCE_CODE = env.str("BILLING_WEBPAY_COMMERCE_CODE", default="")
WEBPAY_API_KEY = env.str("BILLING_WEBPAY_API_KEY", default="")
WEBPAY_FORM_SECONDS = env.int("BILLING_WEBPAY_FORM_SECONDS", default=660)
if GATEWAY == "webpay" and not (WEBPAY_COMMERCE_CODE and WEBPAY_API_KEY):
    raise ImproperlyConfigured("BILLING_GATEWAY=webpay needs BILLING_WEBPAY_COMMERCE_CODE and BILLING_WEBPAY_API_KEY.")
# While an attempt may still capture, "not found" from the gateway is not final.
ATTEMPT_TTL_SECONDS = env.int("BILLING_ATTEMPT_TTL_SECONDS", default=300)
SEATLESS_HOLD_MINUTES = env.int("BILLING_SEATLESS_HOLD_MINUTES", default=4320)
CLAIM_VERIFIES = env.bool("BILLING_CLAIM_VERIFIES", default=False)
# Ed25519 seeds, «kid:base64» each: the first signs, all are accepted at the gate.
TICKET_KEYS = env.list("BILLING_TICKET_KEYS")
# A gate without network: whether a good signature that is not on its list lets in (docs/gate.md), and after how many
# minutes the list's age becomes a warning.
GATE_ADMITS_UNLISTED = env.bool("BILLING_GATE_ADMITS_UNLISTED", default=True)
GATE_LIST_WARNING_MINUTES = env.int("BILLING_GATE_LIST_WARNING_MINUTES", default=15)

vars().update(env.email_url("BILLING_EMAIL_URL", default="consolemail://"))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("BILLING_DEFAULT_FROM_EMAIL", default="TicketFlow <boletos@localhost>")

INSTALLED_APPS = [
    "billing_site.apps.DeskConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "middleware_worker.outbox",
    "billing_site.accounts",
    "billing_site.tickets",
    "billing_site.payments",
    "billing_site.documents",
    "billing_site.dead_letters",
    "billing_site.healing",
    "billing_site.gate",
    "billing_site.event_refunds",
]
# Who may read /metrics: whoever has this token. Without one there is no such page.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
METRICS = ["middleware_worker.outbox.metrics.collect", "billing_site.dead_letters.metrics.collect"]
MIDDLEWARE = [
    "middleware_worker.contract.metrics.Measured",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "billing_site.language.ChosenLanguage",
    "middleware_worker.outbox.closing.ClosedWhileHealing",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "billing_site.failures.FailuresMiddleware",
]
ROOT_URLCONF = "billing_site.urls"
WSGI_APPLICATION = "billing_site.wsgi.application"
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

# Longer than a lock is waited for. 0, any time, for migrations and healing.
DATABASE_PATIENCE_SECONDS = env.int("BILLING_DATABASE_PATIENCE_SECONDS", default=6)
# A write that finds the database away, as while it restarts, waits so long for it before it begins; at most so many
# requests of a process wait at once, and one thread of gunicorn's is always left for all others.
DATABASE_WAIT_SECONDS = env.float("BILLING_DATABASE_WAIT_SECONDS", default=4)
DATABASE_WAITERS = max(1, env.int("WEB_THREADS", default=4) - 1)
DATABASES = {"default": database(env.str("BILLING_DATABASE_URL"), patience=DATABASE_PATIENCE_SECONDS)}
if replica_url := env.str("BILLING_REPLICA_URL", default=""):
    DATABASES["replica"] = database(replica_url, replica=True, patience=DATABASE_PATIENCE_SECONDS)
DATABASE_ROUTERS = ["billing_site.router.BillingRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

BROKER_URL = env.str("BROKER_URL", default="")
BROKER_FOLDER = env.str("BROKER_FOLDER", default="")
OUTBOX_QUEUE = "ticketflow.to_reservations"
OUTBOX_RECEIVE = "billing_site.tickets.messages.receive"
OUTBOX_APPLY = "billing_site.tickets.messages.apply"
OUTBOX_KEEP_DAYS = env.int("OUTBOX_KEEP_DAYS", default=30)

LANGUAGE_CODE = "es-cl"
LANGUAGES = [("es-cl", "Español"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "billing_site.formats"
TIME_ZONE = "America/Santiago"
USE_TZ = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = env.str("BILLING_STATIC_ROOT", default="") or None
# Admin files are served by each replica itself; no collectstatic is needed to begin.
WHITENOISE_USE_FINDERS = True

SESSION_COOKIE_NAME = "billing_session"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.bool("HTTPS", default=False)
CSRF_COOKIE_NAME = "billing_csrf"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", default=False) else None
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
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("MinimumLengthValidator", "CommonPasswordValidator", "NumericPasswordValidator")
]

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["middleware_worker.contract.drf.ServiceAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.AllowAny"],
    "DEFAULT_PARSER_CLASSES": ["billing_site.parsers.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "EXCEPTION_HANDLER": "middleware_worker.contract.drf.exception_handler",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": None,
    "NUM_PROXIES": env.int("NUM_PROXIES", default=0),
}
SPECTACULAR_SETTINGS = {
    "TITLE": "TicketFlow billing",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {"TicketStatus": "billing_site.tickets.models.Ticket.Status"},
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
}
