"""The company itself: who issues invoices, who may sign in, and the keys of its machines. For the demo only."""

from __future__ import annotations

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, User
from rest_framework_api_key.models import AbstractAPIKey

from billing_site.demo import cast
from billing_site.kit.models import ServiceKey
from invoices.models import Seller


def make_sellers() -> dict[str, Seller]:
    """Make the sellers; return them by their short name in the file."""
    return {row["id"]: Seller.objects.create(**_columns(row)) for row in cast.company()["sellers"]}


def make_users() -> None:
    """Make one user per role, all with the same password, which is hashed once."""
    password = make_password(cast.company()["password"])
    groups = {group.name: group for group in Group.objects.all()}
    for row in cast.company()["users"]:
        named = {key: row[key] for key in ("username", "first_name", "last_name")}
        email = f"{row['username']}@parcelbase.example"
        User.objects.create(**named, email=email, password=password, is_staff=True).groups.add(groups[row["role"]])


def make_service_key() -> ServiceKey:
    """Make the key that reads everything over the API; it is printed, so it must never leave the demo."""
    row = cast.company()["service_key"]
    key = ServiceKey(name=row["name"], scopes=row["scopes"])
    set_key(key, row["key"])
    key.save()
    return key


def set_key(row: AbstractAPIKey, key: str) -> None:
    """Give an API key the value that is written in the file instead of a random one."""
    generator = type(row).objects.key_generator
    row.prefix, row.hashed_key = key.partition(".")[0], generator.hash(key)
    row.id = f"{row.prefix}.{row.hashed_key}"


def _columns(row: cast.Role) -> cast.Role:
    columns = {name: value for name, value in row.items() if name != "id"}
    return columns | {"address": "\n".join(row["address"]), "logo_svg": cast.company()["logo_svg"]}
