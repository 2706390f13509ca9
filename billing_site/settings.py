"""Every setting of the product on one page. What may differ between two installations is read from the environment.

`docs/configuration.md` lists the variables. Without DATABASE_URL the site runs in development mode, on its own servers
(see `billing_site.embedded`); with it, production rules apply.
"""

from __future__ import annotations

from pathlib import Path

import pghistory
from csp.constants import NONE, SELF
from django.templatetags.static import static

from billing_site import embedded, env

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(env.text("VAR_DIR", default=str(BASE_DIR / "var")))
PRODUCTION = bool(env.text("DATABASE_URL"))
HTTPS = env.boolean("HTTPS", default=PRODUCTION)
DEBUG = False

# --- The company -------------------------------------------------------------------------------------------------
BILLING_TIME_ZONE = env.time_zone("BILLING_TIME_ZONE", default="UTC")
REPORTING_CURRENCY = env.currency("REPORTING_CURRENCY", default="USD")
COMPANY_NAME = env.text("COMPANY_NAME", default="Billing back office")
PARTNER_RUN_CHANGE_PERCENT = env.percent("PARTNER_RUN_CHANGE_PERCENT", default=30)  # from which a month is flagged
USAGE_KEPT_MONTHS = env.months("USAGE_KEPT_MONTHS", default=24)  # then a billed month's events go to a file
PARTNER_RUN_AUTO_APPROVE = env.boolean("PARTNER_RUN_AUTO_APPROVE", default=False)  # otherwise a person looks first
APPLICATION_ROLE = env.text("APPLICATION_ROLE", default="billing_app")  # the role that may use tables and own none
DEMO_DATA = env.boolean("DEMO_DATA", default=False)

# --- Stripe ------------------------------------------------------------------------------------------------------
STRIPE_LIVE_MODE = env.boolean("STRIPE_LIVE_MODE", default=False)
STRIPE_API_KEY = env.text("STRIPE_API_KEY")
STRIPE_API_BASE = env.text("STRIPE_API_BASE", default="https://api.stripe.com")
STRIPE_API_VERSION = "2026-05-27.dahlia"
STRIPE_ACCOUNT_ID = env.text("STRIPE_ACCOUNT_ID")
STRIPE_WEBHOOK_SECRETS = env.words("STRIPE_WEBHOOK_SECRETS")
STRIPE_WEBHOOK_UUID = env.uuid("STRIPE_WEBHOOK_UUID")  # makes an endpoint of dj-stripe that those secrets sign for
STRIPE_TEST_SECRET_KEY = "" if STRIPE_LIVE_MODE else STRIPE_API_KEY
STRIPE_LIVE_SECRET_KEY = STRIPE_API_KEY if STRIPE_LIVE_MODE else ""
DJSTRIPE_FOREIGN_KEY_TO_FIELD = "id"
DJSTRIPE_WEBHOOK_VALIDATION = "verify_signature"
DJSTRIPE_USE_NATIVE_JSONFIELD = True
MIGRATION_MODULES = {"djstripe": "billing_site.djstripe_migrations"}  # the same schema in a tenth of the time

# --- Django ------------------------------------------------------------------------------------------------------
SECRET_KEY = env.secret_key("SECRET_KEY", production=PRODUCTION, kept_in=VAR_DIR / "secret_key")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", default=("localhost", "127.0.0.1", "[::1]"))
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")
ROOT_URLCONF = "billing_site.urls"
WSGI_APPLICATION = "billing_site.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = BILLING_TIME_ZONE
LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = "billing_site.formats"
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

INSTALLED_APPS = [
    "billing_site",
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.import_export",
    "billing_site.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "rest_framework_api_key",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "import_export",
    "pgtrigger",
    "pghistory",
    "django_celery_beat",
    "djstripe",
    "csp",
    "django_structlog",
    "billing_site.kit",
    "invoices",
    "payments",
    "partners",
    "reporting",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "payments.stripe.inbox.StraightToTheDoor",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "billing_site.kit.csp.ContentSecurityPolicy",
    "billing_site.kit.addresses.RefuseNul",
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "pghistory.middleware.HistoryMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
]

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
            ],
        },
    },
]

# --- PostgreSQL and Redis ----------------------------------------------------------------------------------------
DATABASES = {
    "default": env.database("DATABASE_URL", default=embedded.database_url(VAR_DIR, role="billing_app")),
    "owner": env.database(
        "MIGRATION_DATABASE_URL",
        default=env.text("DATABASE_URL") or embedded.database_url(VAR_DIR, role="billing_owner"),
    ),
}
REDIS_URL = env.redis_url("REDIS_URL", default=embedded.redis_url(VAR_DIR))

# --- Celery: Redis carries nudges only; what is due is a query ----------------------------------------------------
CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = BILLING_TIME_ZONE
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 3600
CELERY_TASK_DEFAULT_QUEUE = "billing"
CELERY_TASK_ROUTES = {"payments.tasks.mirror_*": {"queue": "mirror"}}

# --- Files -------------------------------------------------------------------------------------------------------
STORAGES = {
    "default": env.storage("FILES", default=VAR_DIR / "files"),
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
if not PRODUCTION:  # whitenoise complains of a missing folder even when it looks elsewhere
    STATIC_ROOT.mkdir(parents=True, exist_ok=True)
STATICFILES_DIRS = [BASE_DIR / "billing_site" / "static"]
WHITENOISE_USE_FINDERS = not PRODUCTION
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 2**20
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000  # a draft of a thousand lines

# --- Mail --------------------------------------------------------------------------------------------------------
_mail = env.email("EMAIL_URL", default="console://")
EMAIL_BACKEND, EMAIL_HOST, EMAIL_PORT = (
    _mail["EMAIL_BACKEND"],
    _mail.get("EMAIL_HOST", ""),
    _mail.get("EMAIL_PORT") or 25,
)
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail.get("EMAIL_HOST_USER", ""), _mail.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.get("EMAIL_USE_TLS", False), _mail.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = _mail.get("EMAIL_TIMEOUT") or 30  # seconds; without one a silent server would hold a worker for good
EMAIL_FILE_PATH = _mail.get("EMAIL_FILE_PATH") or None
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", default="billing@localhost")

# --- Who may come in ---------------------------------------------------------------------------------------------
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.boolean("BEHIND_PROXY", default=False) else None
SESSION_COOKIE_AGE = 12 * 3600
X_FRAME_OPTIONS = "DENY"  # but for PDFs and mails, which our own pages show
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
}

# --- The API -----------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "billing_site.kit.api.keys.ServiceKeyAuthentication",
        "billing_site.kit.api.keys.StaffSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PAGINATION_CLASS": "billing_site.kit.api.pages.KeysetPagination",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["billing_site.kit.api.parsers.StrictJSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "billing_site.kit.api.problems.problem_response",
    "PAGE_SIZE": 100,
    "COERCE_DECIMAL_TO_STRING": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Billing back office API",
    "VERSION": "1",
    "DESCRIPTION": "Invoices, payments, usage and revenue. Amounts are integers in minor units of `currency`.",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "billing_site.kit.api.problems.document_problems",
    ],
}

# --- Imports, exports and the audit ------------------------------------------------------------------------------
IMPORT_EXPORT_IMPORT_PERMISSION_CODE = "add"  # the default lets a viewer import
IMPORT_EXPORT_EXPORT_PERMISSION_CODE = "view"
PGHISTORY_APPEND_ONLY = True
# History is read by the row it tells of, or by the request that changed it, and by nothing else it holds.
PGHISTORY_FOREIGN_KEY_FIELD = pghistory.ForeignKey(db_index=False)
PGHISTORY_OBJ_FIELD = pghistory.ObjForeignKey(db_index=True)
PGHISTORY_CONTEXT_FIELD = pghistory.ContextForeignKey(db_index=True)

# --- The look of the admin ---------------------------------------------------------------------------------------
UNFOLD = {
    "SITE_TITLE": COMPANY_NAME,
    "SITE_HEADER": COMPANY_NAME,
    "SITE_SUBHEADER": "Billing back office",
    "SITE_URL": None,
    "SITE_SYMBOL": "receipt_long",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda _request: static("brand/icon.svg")}],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "ENVIRONMENT": "billing_site.admin.environment_badge",
    "DASHBOARD_CALLBACK": "billing_site.admin.dashboard",
    "STYLES": [lambda _request: static("brand/admin.css")],
    "BORDER_RADIUS": "6px",
    "COLORS": {
        "primary": {
            "50": "238 242 255",
            "100": "224 231 255",
            "200": "199 210 254",
            "300": "165 180 252",
            "400": "129 140 248",
            "500": "99 102 241",
            "600": "79 70 229",
            "700": "67 56 202",
            "800": "55 48 163",
            "900": "49 46 129",
            "950": "30 27 75",
        },
    },
    "SIDEBAR": {"show_search": True, "show_all_applications": False, "navigation": "billing_site.admin.navigation"},
}

# --- Logs: one JSON line an event in production, readable in development ------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"()": "billing_site.logs.formatter", "as_json": PRODUCTION}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": env.log_level("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django.server": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "weasyprint": {"level": "ERROR"},
        "fontTools": {"level": "ERROR"},
        "stripe": {"level": "WARNING"},
    },
}
