"""The settings that only GraphQL has."""

from app.kit.settings import Environment


class GraphqlSettings(Environment, frozen=True, kw_only=True):
    """What the GraphQL door needs to know from outside."""

    graphql_explore: bool = False
    graphql_persisted_only: bool = False
