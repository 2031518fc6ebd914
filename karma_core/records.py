"""Frozen records that stores keep: parameters, leases, journal, applied records, events, chain head."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal

from karma_core.engines import ANY, EngineChoice
from karma_core.json_types import JsonObject, JsonValue
from karma_core.model import Provenance, Record
from karma_core.state_places import NamedState

# -- parameters ---------------------------------------------------------------------------------------


class Tier(StrEnum):
    """SSM's tiers: 4,096 and 8,192 bytes of value (AWS: Parameter Store quotas)."""

    STANDARD = "Standard"
    ADVANCED = "Advanced"


STANDARD_BYTES = 4096
ADVANCED_BYTES = 8192


class ParameterKind(StrEnum):
    """SSM's parameter types that Karma reads."""

    STRING = "String"
    STRING_LIST = "StringList"
    SECURE = "SecureString"


class Parameter(Record, frozen=True, kw_only=True):
    """One version of a parameter. `value` is None where a SecureString was not decrypted."""

    name: str
    value: str | None
    version: int
    kind: ParameterKind = ParameterKind.STRING
    tier: Tier = Tier.STANDARD
    description: str = ""
    modified_at: str = ""


class ParameterWrite(Record, frozen=True, kw_only=True):
    """One write. `base` is the version it replaces: 0 for a new parameter, None to write unconditionally."""

    name: str
    value: str
    kind: ParameterKind = ParameterKind.STRING
    tier: Tier | None = None
    description: str = ""
    tags: dict[str, str] = {}
    base: int | None = None


class ParameterPage(Record, frozen=True, kw_only=True):
    """One page of a listing. `token` is None on the last; a page may be short or empty before it."""

    parameters: tuple[Parameter, ...]
    token: str | None = None


class ConfigFile(Record, frozen=True, kw_only=True):
    """One config file of a Git directory. `stamp` changes whenever the file may have changed."""

    address: str
    path: str
    stamp: str


class GitChanges(Record, frozen=True, kw_only=True):
    """What changed between a commit and the work tree, as far as Git can tell.

    `addresses` are of configs; `modules` are paths below the modules' root, each of a file or of a directory
    all of which counts. `untold_configs` says why Git cannot tell of every config (empty: it can),
    `untold_modules` of which such paths it cannot, and why (`.`: of all).
    """

    addresses: frozenset[str] = frozenset()
    modules: frozenset[str] = frozenset()
    untold_configs: str = ""
    untold_modules: dict[str, str] = {}


# -- leases -------------------------------------------------------------------------------------------


class Lease(Record, frozen=True, kw_only=True):
    """Held names with a fencing token. Tokens rise with every grant in an environment, whatever the name.

    `expires_at` is a time of the holder's clock. `seconds` is for how long it was last granted, 0 where a
    version of Karma granted it that did not say.
    """

    names: tuple[str, ...]
    holder: str
    token: int
    expires_at: float
    seconds: float = 0.0


# -- runs, journal, applied records -------------------------------------------------------------------


class Run(Record, frozen=True, kw_only=True):
    """One deploy or destroy. `status`: running, succeeded, failed, stopped, interrupted, abandoned."""

    id: str
    environment: str
    kind: str
    status: str
    targets: tuple[str, ...]
    started_at: str
    finished_at: str = ""
    holder: str = ""
    user: str = ""
    cause: str = ""
    options: JsonObject = {}


class JournalEntry(Record, frozen=True, kw_only=True):
    """A step of a run on a component: its intent (`started`) or its outcome (`succeeded`, `failed`, …).

    `step` is plan, apply, publish_runtime, propagate or destroy. At most one apply entry with status
    `succeeded` exists per (address, generation): the store refuses a second one with Conflict.
    """

    run_id: str
    address: str
    generation: int
    step: str
    status: str
    at: str
    detail: JsonObject = {}


ACCEPTED: Final = "accepted"
"""Status of an applied record whose Terraform state a person took for what it is now: the component runs."""


class StateHeight(Record, frozen=True, kw_only=True):
    """How far a Terraform state has come.

    `lineage` is the identity that Terraform gave it, `serial` rises with each write, `resources` counts the
    instances of managed resources in it. `digest` is that of its content, which Terraform never changes
    without a higher serial; empty in the records of an earlier Karma.
    """

    lineage: str
    serial: int
    resources: int
    digest: str = ""


class Applied(Record, frozen=True, kw_only=True):
    """The last apply of a component, and its inputs.

    `inputs` maps a label (config, module, terraform, region, prefix, variables, producer:<address>) to the
    digest that entered the fingerprint; `keys` maps a producer to the digests of its counted runtime keys.
    `edges` are the producers it consumed (ordered destroy needs them when the config is gone). Where the
    apply failed (`status`), `good_config` is the config of the last one that did not. Where the apply went
    through and its runtime was not published, which counts as failed, `unpublished` says why. `state` is the
    height of the component's Terraform state right after the apply; None where it had none, or where an older
    Karma wrote the record: then the next success notes it. `begun` is the run that began to apply or destroy
    it since: it stands there from the intent to the outcome, and where the run died until the next success.
    """

    address: str
    fingerprint: str
    generation: int
    run_id: str
    at: str
    config: JsonObject
    config_version: int
    module: str
    inputs: dict[str, str]
    keys: dict[str, dict[str, str]] = {}
    edges: tuple[str, ...] = ()
    runtime_digest: str | None = None
    provenance: Provenance | None = None
    status: str = "applied"
    good_config: JsonObject | None = None
    unpublished: str = ""
    state: StateHeight | None = None
    begun: str = ""
    by_value: tuple[str, ...] = ()
    """Those of `edges` that the variable `dependencies` lacked: the config alone took values of them, or the
    module read their states."""
    outputs: dict[str, str] | None = None
    """Each output in the state after the last success → its digest; None where an older Karma wrote this."""

    @property
    def succeeded(self) -> bool:
        """Whether the apply succeeded; otherwise the actual state is unknown."""
        return self.status == "applied"


class Document(Record, frozen=True, kw_only=True):
    """A small durable document (a plan, a change, a mark); `revision` counts its writes from 1."""

    kind: str
    id: str
    body: JsonObject
    revision: int


class StateRow(Record, frozen=True, kw_only=True):
    """One row of a state store, as a backup carries it from one store to another.

    | `kind`       | `key`   | `body`                                    |
    | ------------ | ------- | ----------------------------------------- |
    | `run`        | id      | the Run                                   |
    | `generation` | address | the highest generation that was given     |
    | `entry`      |         | a JournalEntry, in the order of writing   |
    | `applied`    | address | the Applied                               |
    | `document`   | id      | the Document                              |
    | `secret`     | name    | the bytes in base64                       |
    | `head`       |         | the ChainHead                             |
    | `fence`      |         | the highest fencing token that was given  |
    """

    kind: str
    key: str = ""
    body: JsonValue


# -- the log ------------------------------------------------------------------------------------------


class Event(Record, frozen=True, kw_only=True):
    """One event of the log (docs/log.md). The chain sets `seq`, `prev` and `hash`."""

    id: str
    timestamp: str
    action: str
    environment: str
    component: str | None = None
    user: str
    source: str
    inputs: JsonObject = {}
    status: str
    before: str | None = None
    after: str | None = None
    change_id: str | None = None
    build_id: int | None = None
    run_id: str | None = None
    task_run_id: str | None = None
    cause: str | None = None
    artifacts: tuple[str, ...] = ()
    seq: int = 0
    prev: str = ""
    hash: str = ""


class ChainHead(Record, frozen=True, kw_only=True):
    """The newest event of an environment's chain: its number from 1 and its hash."""

    seq: int
    hash: str


# -- the code host ------------------------------------------------------------------------------------

CommitState = Literal["pending", "success", "failure", "error"]
"""GitHub's states of a commit status."""


class PullRequest(Record, frozen=True, kw_only=True):
    """A pull request. `commit` is its head; `from_fork`: that lies in another repository.

    `paths` are the files that it adds, changes, removes or renames, both paths of a rename, sorted.
    """

    repository: str
    number: int
    title: str
    author: str
    commit: str
    branch: str
    from_fork: bool
    paths: tuple[str, ...]


# -- terraform ----------------------------------------------------------------------------------------


class Module(Record, frozen=True, kw_only=True):
    """A component type's Terraform module as it is now.

    `digest` covers its files, its local child modules and its lock file; `variables` are the input variables
    it declares (`sensitive_variables` and `ephemeral_variables` those marked so), `outputs` its outputs.
    """

    type: str
    digest: str
    path: str
    variables: tuple[str, ...]
    sensitive_variables: tuple[str, ...] = ()
    ephemeral_variables: tuple[str, ...] = ()
    outputs: tuple[str, ...]


class PlannedRuntime(Record, frozen=True, kw_only=True):
    """A runtime, or another parameter's object, as a plan foresees it.

    `unknown` are marks; true: nothing of it is known. Values are in the clear and never leave the process.
    `types` are those of its wholly known parts as Terraform writes them (`["set", "string"]`), `sensitive`
    the keys that are marked so, where either is told.
    """

    known: JsonObject = {}
    unknown: JsonValue = None
    types: JsonObject = {}
    sensitive: tuple[str, ...] = ()


class PlannedState(Record, frozen=True, kw_only=True):
    """A state as a module names it, and the outputs that it will have as a plan foresees them."""

    named: NamedState
    outputs: PlannedRuntime


class TerraformJob(Record, frozen=True, kw_only=True):
    """The job of Terraform on one component. `variables` holds declared variables only.

    `unknown` maps a variable to the marks of what is unknown in its value (true: all of it); `parameters`
    maps names of parameters that the module may read itself to what a plan says they will hold. A plan of a
    job with either shows what can be known, and is never kept to be applied.
    `state_of` is the address under which the component's state still is, where it is to be moved.
    `foretell`: the plan shall also tell, part by part, the parameters that the module will write.
    `provisioner_credentials`: commands that the module runs get the worker's credentials. `engine` is what
    the type says of the program that runs it.
    `secrets` are those of the component's inputs: wherever one shows in what Terraform says, it is masked,
    also where the module has lost the mark.
    `states` are the remote states that the module reads whose outputs a plan foresees; a plan of a job with
    any is never kept either. `reads_states_of` are all components whose states it reads: Terraform does not
    mark what is sensitive there, so it is masked.
    """

    address: str
    module: Module
    variables: JsonObject
    destroy: bool = False
    unknown: JsonObject = {}
    parameters: dict[str, PlannedRuntime] = {}
    state_of: str = ""
    foretell: bool = False
    provisioner_credentials: bool = False
    engine: EngineChoice = ANY
    secrets: tuple[JsonValue, ...] = ()
    states: tuple[PlannedState, ...] = ()
    reads_states_of: tuple[str, ...] = ()


class PlannedResource(Record, frozen=True, kw_only=True):
    """One resource of a plan, values masked.

    `action`: create, update, replace, destroy, forget (taken out of the state, and left as it is), import
    (taken into the state as it is), read or no-op.
    """

    address: str
    type: str
    action: str
    before: JsonValue = None
    after: JsonValue = None
    unknown: JsonValue = None


class PlannedOutputs(Record, frozen=True, kw_only=True):
    """Planned outputs.

    `unknown` maps an output to its marks: true, or the shape of the value with true where a part is unknown
    until apply (null may stand there in `known`). An output unknown as a whole is only there. `known` holds
    sensitive values in the clear: it never leaves the process. `types` are the outputs' types, of those that
    are wholly known.
    """

    known: JsonObject
    unknown: JsonObject = {}
    sensitive: tuple[str, ...] = ()
    types: JsonObject = {}


class TerraformPlan(Record, frozen=True, kw_only=True):
    """A plan. `saved` names the binary plan in the private store (empty: not applicable).

    `written` maps names of parameters that the module itself will have written to their planned objects, as
    far as they are known to be objects; `unreadable` maps those that Karma could not read back to the reason.
    `machine_paths` are the resources in which the path of the working directory stands. `to_import` and
    `to_forget` count resources beside `add`, `change` and `destroy`. `checks` are warnings of `check` blocks.
    """

    address: str
    action: str
    add: int
    change: int
    destroy: int
    to_import: int = 0
    to_forget: int = 0
    resources: tuple[PlannedResource, ...]
    outputs: PlannedOutputs
    text: str
    saved: str = ""
    written: dict[str, PlannedRuntime] = {}
    unreadable: dict[str, str] = {}
    machine_paths: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()


class TerraformOutputs(Record, frozen=True, kw_only=True):
    """Outputs after an apply, and the height of the state that they were read from.

    Values are in the clear and never leave the process unmasked. `checks` are what `check` blocks warn of.
    """

    values: JsonObject
    checks: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    state: StateHeight | None = None


class DriftedAttribute(Record, frozen=True, kw_only=True):
    """A place in a resource where the cloud differs from the state: a JSON pointer, both values masked.

    `configured`: the module's configuration sets it. What it leaves to the provider may also be written by
    another resource, or settle after an apply.
    """

    pointer: str
    state: JsonValue = None
    cloud: JsonValue = None
    configured: bool = True


class DriftedResource(Record, frozen=True, kw_only=True):
    """A resource that differs between cloud and state. `change`: `changed` or `deleted`."""

    address: str
    type: str
    change: str
    attributes: tuple[DriftedAttribute, ...] = ()


class DriftReport(Record, frozen=True, kw_only=True):
    """The result of a refresh. `outputs` are the module's as they follow from the cloud, unmasked."""

    address: str
    resources: tuple[DriftedResource, ...] = ()
    outputs: PlannedOutputs
