"""A cluster, by the official client: what the k6 operator is given, how far it is, and what its runners said."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from chamiperf_ci.errors import ConfigurationError, OutsideServiceError

_T = TypeVar("_T")
_ANSWER_S = 30
GROUP, VERSION, _PLURAL = "k6.io", "v1alpha1", "testruns"


@dataclass(frozen=True, slots=True)
class Runner:
    """A runner's pod as it is."""

    number: int
    """From 1."""
    log: str
    exit_code: int | None
    problem: str = ""


class Kubernetes:
    """One cluster.

    Args:
        kubeconfig: The file; None for the usual one, or the pod's own account inside a cluster.
        context: Of the file; None for the current one.

    Raises:
        ConfigurationError: The client is not installed, or no cluster is configured.
    """

    def __init__(self, kubeconfig: Path | None = None, context: str | None = None) -> None:
        try:
            from kubernetes import client, config  # noqa: PLC0415 - an extra, large, and needed for nothing else
        except ImportError as error:
            raise ConfigurationError(
                "the Kubernetes client is not installed",
                where="chamiperf k8s",
                remedy="Install it: pip install 'chamiperf-ci[k8s]'.",
            ) from error
        try:
            load: Any = config.load_config
            load(config_file=None if kubeconfig is None else str(kubeconfig), context=context)
        except Exception as error:
            raise ConfigurationError(
                f"no cluster is configured: {str(error).splitlines()[0][:200]}",
                where=str(kubeconfig or "KUBECONFIG"),
                remedy="Give a kubeconfig by --kubeconfig.",
            ) from error
        # Its types say less than it takes and gives: plain objects, and the bytes of a log.
        self._core: Any = client.CoreV1Api()
        self._custom: Any = client.CustomObjectsApi()
        self._refused: type[Exception] = client.ApiException

    def create(self, manifest: Mapping[str, Any]) -> None:
        """Create a config map or a TestRun.

        Raises:
            ConfigurationError: One of this name is there already.
            OutsideServiceError: The cluster refuses, or does not answer.
        """
        namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
        what = f"{manifest['kind']} {namespace}/{name}"
        if manifest["kind"] == "ConfigMap":
            self._ask(
                what,
                lambda: self._core.create_namespaced_config_map(namespace, manifest, _request_timeout=_ANSWER_S),
            )
        else:
            self._ask(
                what,
                lambda: self._custom.create_namespaced_custom_object(
                    GROUP, VERSION, namespace, _PLURAL, manifest, _request_timeout=_ANSWER_S
                ),
            )

    def stage(self, namespace: str, name: str) -> str:
        """The TestRun's stage; empty where it has none yet.

        Raises:
            OutsideServiceError: The cluster refuses, or does not answer.
        """
        found = self._ask(
            f"TestRun {namespace}/{name}",
            lambda: self._custom.get_namespaced_custom_object(
                GROUP, VERSION, namespace, _PLURAL, name, _request_timeout=_ANSWER_S
            ),
        )
        status = found.get("status") if isinstance(found, dict) else None
        return str(status.get("stage", "")) if isinstance(status, dict) else ""

    def runners(self, namespace: str, name: str) -> list[Runner]:
        """The runners' pods, each with its log and how it ended.

        Raises:
            OutsideServiceError: The cluster refuses, or does not answer.
        """
        pods = self._ask(
            f"the pods of {namespace}/{name}",
            lambda: self._core.list_namespaced_pod(
                namespace, label_selector=f"app=k6,k6_cr={name},runner=true", _request_timeout=_ANSWER_S
            ),
        )
        return [self._runner(namespace, name, pod) for pod in pods.items]

    def _runner(self, namespace: str, test_run: str, pod: Any) -> Runner:  # noqa: ANN401 - the client's own type
        name = pod.metadata.name
        # A runner's job is called as the TestRun with its number behind, and the pod as the job with letters behind.
        found = re.match(rf"{re.escape(test_run)}-(\d+)(-|$)", name)
        number = int(found[1]) if found else 0
        ended = [each.state.terminated for each in pod.status.container_statuses or [] if each.name == "k6"]
        code = ended[0].exit_code if ended and ended[0] is not None else None
        try:
            answer = self._core.read_namespaced_pod_log(
                name, namespace, container="k6", _preload_content=False, _request_timeout=_ANSWER_S
            )
            log = answer.data.decode("utf-8", "replace")
        except self._refused as error:
            return Runner(number, "", code, f"its log cannot be read: {_server_message(error)}")
        return Runner(number, log, code)

    def _ask(self, what: str, ask: Callable[[], _T]) -> _T:
        import urllib3  # noqa: PLC0415 - comes with the client

        try:
            return ask()
        except self._refused as error:
            if getattr(error, "status", 0) == 409:  # noqa: PLR2004 - Conflict
                raise ConfigurationError(
                    f"{what} is there already", where="the cluster", remedy="Give another --name."
                ) from error
            raise OutsideServiceError(
                f"the cluster refuses: {_server_message(error)}",
                where=what,
                remedy="Check your rights there with `kubectl auth can-i`, and that the k6 operator is installed.",
            ) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise OutsideServiceError(
                f"the cluster does not answer: {type(error).__name__}",
                where=what,
                remedy="Check the kubeconfig and the network path to the cluster.",
            ) from error


def _server_message(error: Exception) -> str:
    """What the API server said, in a line."""
    try:
        body = json.loads(getattr(error, "body", "") or "")
    except (ValueError, TypeError):
        body = None
    said = body.get("message") if isinstance(body, dict) else None
    return " ".join(str(said or getattr(error, "reason", "") or error).split())[:300]
