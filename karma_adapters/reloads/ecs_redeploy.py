"""The reload action `ecs_redeploy`: a new deployment of an ECS service."""

from __future__ import annotations

from karma_adapters.reloads.aws import MakeClient, translated
from karma_adapters.reloads.order import Order
from karma_core.reload_actions import EcsRedeploy


class EcsAction:
    """Forces a deployment. `UpdateService` takes no idempotency key: twice means two rolling restarts."""

    def __init__(self, client: MakeClient) -> None:
        self._client = client

    def __call__(self, action: EcsRedeploy, order: Order) -> str:
        """Start the deployment, without waiting for ECS to carry it out."""
        cluster, service = order.filled(action.cluster), order.filled(action.service)
        with translated(f"the reload of the ECS service {service}", order):
            self._client("ecs", action.region, order.seconds).update_service(
                cluster=cluster, service=service, forceNewDeployment=True
            )
        return f"redeployed {cluster}/{service}"
