"""Settings of the middleware's HTTP front; everything that differs between machines comes from the environment."""

import socket
from pathlib import Path

import environ

from middleware_worker.contract.credentials import parse_keys

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent

SERVICE_NAME = "middleware"
INSTANCE = env.str("INSTANCE", default=socket.gethostname())
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("MIDDLEWARE_SECRET_KEY")
ALLOWED_HOSTS = env.list("MIDDLEWARE_ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
# Who may hand in tickets; and who of them may look after dead letters (nobody named: all of them).
SERVICE_KEYS = parse_keys(env.list("MIDDLEWARE_SERVICE_KEYS", default=[]))
OPERATORS = env.list("MIDDLEWARE_OPERATORS", default=["operator"])
# A ticket that the broker does not confirm, as while a queue's leader changes, is published again for so long; and at
# most so many requests of a process wait like that.
BROKER_WAIT_SECONDS = env.float("MIDDLEWARE_BROKER_WAIT_SECONDS", default=10)
BROKER_WAITERS = max(1, env.int("WEB_THREADS", default=4) - 1)

INSTALLED_APPS = ["django.contrib.staticfiles", "rest_framework", "drf_spectacular", "drf_spectacular_sidecar"]
# Who may read /metrics: whoever has this token. Without one there is no such page.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
METRICS = ["middleware_worker.gateway.metrics.collect"]
MIDDLEWARE = [
    "middleware_worker.contract.metrics.Measured",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
]
ROOT_URLCONF = "middleware_worker.gateway.urls"
WSGI_APPLICATION = "middleware_worker.gateway.wsgi.application"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
# It keeps nothing: what it took is on the queue.
DATABASES: dict[str, dict[str, str]] = {}

LANGUAGE_CODE = "es-cl"
LANGUAGES = [("es-cl", "Español"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "America/Santiago"
USE_TZ = True
APPEND_SLASH = False

STATIC_URL = "static/"
STATIC_ROOT = env.str("MIDDLEWARE_STATIC_ROOT", default=None)
# The few files of the documentation pages come straight from their packages.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", default=False) else None
SECURE_CONTENT_TYPE_NOSNIFF = True

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["middleware_worker.contract.drf.ServiceAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "EXCEPTION_HANDLER": "middleware_worker.contract.drf.exception_handler",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": None,
    "NUM_PROXIES": env.int("NUM_PROXIES", default=0),
}
SPECTACULAR_SETTINGS = {
    "TITLE": "TicketFlow middleware",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
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
