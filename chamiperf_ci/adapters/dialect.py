"""Reads `k6/api.json`, from inside the package or from the checkout."""

from functools import cache

from pydantic import ValidationError

from chamiperf_ci.adapters.data import k6_folder
from chamiperf_ci.adapters.files import read_json
from chamiperf_ci.adapters.wrong_fields import first_wrong
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.dialect import Dialect


@cache
def dialect() -> Dialect:
    """The dialect of the services that are driven.

    Raises:
        ConfigurationError: The file is missing, or is not one; the installation is broken.
    """
    path = k6_folder() / "api.json"
    remedy = "Install chamiperf-ci again; the package is damaged."
    try:
        return Dialect.model_validate(read_json(path, remedy=remedy))
    except ValidationError as error:
        raise ConfigurationError(first_wrong(error, Dialect), where=str(path), remedy=remedy) from error
