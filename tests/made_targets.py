"""Targets as tests need them."""

from chamicore_standin import lifecycle
from chamiperf_ci.models.target import Credential, CredentialKind, Service, StackKind, Target

TOKEN = Credential(kind=CredentialKind.INTERNAL_TOKEN, token="planted-token")


def target(**fields):
    """A deployed target without services; any field can be given."""
    base = {
        "environment": "lab",
        "stack_kind": StackKind.DEPLOYED,
        "services": {},
        "credential": TOKEN,
        **fields,
    }
    return Target(**base)


def target_of(state):
    """An embedded stack as a target."""
    names = set(Service)
    return target(
        environment="embedded",
        stack_kind=StackKind.EMBEDDED,
        services={Service(each.name): each.url for each in state.services if each.name in names},
        credential=Credential(kind=CredentialKind.INTERNAL_TOKEN, token=lifecycle.internal_token(state)),
        tls={"ca_file": state.ca_file},
    )
