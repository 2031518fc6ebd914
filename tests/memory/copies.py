"""Terraform's states and archived modules in memory, as backups take them; over a system's own, if given."""

from __future__ import annotations

import json

from karma_core.errors import BadInput, NotFound
from karma_core.records import Module
from tests.memory.terraform import MemoryModules, MemoryTerraform


class MemoryStates:
    """`ports.TerraformStates` over the states of a MemoryTerraform."""

    def __init__(self, terraform: MemoryTerraform | None = None) -> None:
        self._terraform = terraform or MemoryTerraform()

    def addresses(self) -> tuple[str, ...]:
        """Components that have a state, sorted."""
        return self._terraform.with_state()

    def read(self, address: str) -> bytes | None:
        """The state as JSON."""
        if address not in self._terraform.with_state():
            return None
        resource, serial, lineage = self._terraform.copy_of_state(address)
        state = {"version": 4, "serial": serial, "lineage": lineage}
        return json.dumps(state | ({"resource": resource} if resource is not None else {})).encode()

    def write(self, address: str, state: bytes) -> None:
        """Replace the state."""
        given = json.loads(state)
        self._terraform.put_state(address, (given.get("resource"), given["serial"], given["lineage"]))


class MemoryModuleCopies:
    """`ports.ModuleCopies` over the archive of MemoryModules."""

    def __init__(self, modules: MemoryModules | None = None) -> None:
        self._modules = modules or MemoryModules(())

    def digests(self) -> tuple[str, ...]:
        """Digests of the archived modules, sorted."""
        return tuple(sorted(digest for digest, _ in self._modules.kept()))

    def packed(self, digest: str) -> bytes:
        """The type's name; NotFound."""
        for found, component_type in self._modules.kept():
            if found == digest:
                return component_type.encode()
        raise NotFound(f"no module {digest} is archived")

    def unpack(self, digest: str, packed: bytes) -> None:
        """Archive the module; BadInput where the bytes are no type's name."""
        name = packed.decode("utf-8", "replace")
        if not name.isalpha():
            raise BadInput("it is no module", code="backup-damaged")
        module = Module(type=name, digest=digest, path=f"memory:{name}", variables=(), outputs=())
        self._modules.kept().setdefault((digest, name), module)
