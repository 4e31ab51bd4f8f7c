"""Settings of the customers' portal; everything that differs between machines comes from the environment."""

import socket
from pathlib import Path

import environ
from csp.constants import NONCE, SELF

from middleware_worker.outbox.databases import database

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent

SERVICE_NAME = "portal"
INSTANCE = env.str("INSTANCE", default=socket.gethostname())
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("PORTAL_SECRET_KEY")
ALLOWED_HOSTS = env.list("PORTAL_ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("PORTAL_TRUSTED_ORIGINS", default=[])

RESERVATIONS_URL = env.str("PORTAL_RESERVATIONS_URL", default="http://127.0.0.1:8083")
BILLING_URL = env.str("PORTAL_BILLING_URL", default="http://127.0.0.1:5002")
SERVICE_KEY = env.str("PORTAL_SERVICE_KEY")
# How many proxies in front of us add to X-Forwarded-For; with 0 the header is not believed.
NUM_PROXIES = env.int("NUM_PROXIES", default=0)
MAX_SEATS = 10
# Sites that may show /embed/<event>/ in a frame, as https://www.example.com; nobody when empty.
EMBED_ORIGINS = env.list("PORTAL_EMBED_ORIGINS", default=[])
# However many maps are open, a process asks for the states of their seats once in this time.
SEAT_STATES_SECONDS = 1.0
# The simulator's cards, shown beside the payment form; never with a real gateway.
SHOW_TEST_CARDS = env.bool("PORTAL_SHOW_TEST_CARDS", default=DEBUG)
# Booking codes that do not exist, asked for from one address in a minute, before it has to wait.
WRONG_CODES_A_MINUTE = env.int("PORTAL_WRONG_CODES_A_MINUTE", default=20)

INSTALLED_APPS = [
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "portal_site.catalogue",
    "portal_site.checkout",
    "portal_site.waiting_room",
    "portal_site.accounts",
]
# Who may read /metrics: whoever has this token. Without one there is no such page.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
METRICS: list[str] = []
MIDDLEWARE = [
    "middleware_worker.contract.metrics.Measured",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    # A seat map is 200 kB of text; Django pads compressed pages against BREACH.
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "portal_site.language.ChosenLanguage",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "portal_site.pages.FriendlyFailures",
]
ROOT_URLCONF = "portal_site.urls"
APPEND_SLASH = False
WSGI_APPLICATION = "portal_site.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.messages.context_processors.messages",
                "portal_site.accounts.session.context",
            ],
            "builtins": ["portal_site.catalogue.formats", "django.templatetags.i18n", "django.templatetags.static"],
        },
    }
]

DATABASES = {"default": database(env.str("PORTAL_DATABASE_URL"))}
DATABASE_ROUTERS = ["portal_site.router.PortalRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "portal"}}

LANGUAGE_CODE = "es-cl"
LANGUAGES = [("es-cl", "Español"), ("en", "English")]
LANGUAGE_COOKIE_NAME = "portal_language"
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "America/Santiago"
USE_TZ = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = env.str("PORTAL_STATIC_ROOT", default="") or None
# Each replica serves its own few files; no collectstatic is needed to begin.
WHITENOISE_USE_FINDERS = True

HTTPS = env.bool("HTTPS", default=False)
SESSION_COOKIE_NAME = "portal_session"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
SESSION_COOKIE_AGE = 14 * 24 * 3600
CSRF_COOKIE_NAME = "portal_csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "portal_site.pages.csrf_failure"
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", default=False) else None
SECURE_CONTENT_TYPE_NOSNIFF = True
# The address of an order holds its booking code, which no other site may learn.
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": [SELF],
        # The nonce is for the seat map's generated places; there are no style attributes.
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 200_000

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
}
