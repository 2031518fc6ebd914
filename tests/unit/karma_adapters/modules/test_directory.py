"""Modules on disk: what is read, what is refused, when it is read again."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from karma_adapters.modules import files as module_files
from karma_adapters.modules.directory import Chosen, ModuleDirectory
from karma_core import module_facts
from karma_core.configuration import Engine
from karma_core.errors import BadInput, Conflict, UsageError
from karma_core.inference.evaluate import compile_facts, read_component
from karma_core.inference.facts import decode, encode
from karma_core.inference.reading import Inputs
from karma_core.records import Module


def _modules(root: Path, *allowed: str) -> ModuleDirectory:
    return ModuleDirectory(
        root / "components", archive=root / "archive", cache=root / "cache", allowed_sources=allowed
    )


def _write(root: Path, name: str, text: str = "") -> Path:
    path = root / "components" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def _module(root: Path, component_type: str = "box", *allowed: str) -> Module:
    module = _modules(root, *allowed).module(component_type)
    assert module is not None
    return module


def _refused(root: Path, component_type: str = "box") -> BadInput:
    with pytest.raises(BadInput) as caught:
        _modules(root).module(component_type)
    return caught.value


def test_types_have_a_tf_file_or_a_definition(tmp_path: Path) -> None:
    """Directories with neither, or with names that no type can have, are no types."""
    for name in ("vpc/main.tf", "dns/component.yaml", "notes/readme.md", "Bad/main.tf", "_lib/main.tf"):
        _write(tmp_path, name)
    modules = _modules(tmp_path)
    assert modules.types() == ("dns", "vpc")
    assert modules.module("dns") is None
    assert modules.module("absent") is None
    assert _modules(tmp_path / "nowhere").types() == ()
    with pytest.raises(UsageError):
        modules.module("../vpc")


def test_the_digest_covers_what_terraform_can_read(tmp_path: Path) -> None:
    """Own files, child modules, lock file, executable bits; not state, not component.yaml."""
    _write(tmp_path, "box/main.tf", 'module "m" {\n  source = "../lib"\n}\n')
    _write(tmp_path, "lib/main.tf", 'module "m" {\n  source = "../deep"\n}\n')
    _write(tmp_path, "deep/main.tf")
    script = _write(tmp_path, "box/files/run.sh", "true")
    seen = {_module(tmp_path).digest}
    for name in ("box/files/run.sh", "box/.terraform.lock.hcl", "lib/x.txt", "deep/y.txt", "box/main.tf"):
        _write(tmp_path, name, '# x\nmodule "m" {\n  source = "../lib"\n}\n')
        digest = _module(tmp_path).digest
        assert digest not in seen, name
        seen.add(digest)
    script.chmod(0o755)
    last = _module(tmp_path).digest
    assert last not in seen
    for name in (
        "box/component.yaml",
        "box/terraform.tfstate",
        "box/x.tfstate.backup",
        "box/.terraform/a",
        "other/main.tf",
    ):
        _write(tmp_path, name, "{}")
        assert _module(tmp_path).digest == last, name


def test_equal_files_of_two_types_are_two_modules(tmp_path: Path) -> None:
    """The digest holds the paths, so that an archive by digest belongs to one type."""
    _write(tmp_path, "box/main.tf")
    _write(tmp_path, "can/main.tf")
    assert _module(tmp_path, "box").digest != _module(tmp_path, "can").digest


def test_facts_of_child_modules(tmp_path: Path) -> None:
    """Variables and outputs are the module's own; a runtime may be written by a child module."""
    _write(
        tmp_path, "box/main.tf", 'variable "b" {}\nvariable "a" {}\nmodule "m" {\n  source = "../lib"\n}\n'
    )
    _write(
        tmp_path,
        "lib/main.tf",
        'variable "z" {}\nresource "aws_ssm_parameter" "r" {\n  name = "/x/runtime"\n}\n',
    )
    module = _module(tmp_path)
    assert (module.variables, module.outputs) == (("a", "b"), ())


@pytest.mark.parametrize(
    "source",
    [
        '"../../outside"',
        '"../.."',
        '"./absent"',
        '"/etc"',
        '"hashicorp/x/aws"',
        "var.x",
        '"git::https://x/y"',
    ],
)
def test_module_sources_that_are_refused(tmp_path: Path, source: str) -> None:
    """Outside the root, absent, not local, or not a plain string; with file, line and column."""
    (tmp_path / "outside").mkdir()
    _write(tmp_path, "box/main.tf", f'module "m" {{\n  source = {source}\n}}\n')
    error = _refused(tmp_path)
    assert error.code == "module-source"
    assert (error.facts["file"], error.facts["line"], error.facts["column"]) == ("box/main.tf", 2, 3)
    local = source.startswith(('"..', '"./'))
    assert ("allowed_module_sources" in error.next_step) is not local, "no setting allows a local path"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("main.tofu", 'module "m" {\n  source = "git::https://example.org/m"\n}\n'),
        ("main.tofu.json", '{"module": {"m": {"source": "git::https://example.org/m"}}}'),
    ],
)
def test_what_opentofu_alone_reads_is_under_the_source_rule(tmp_path: Path, name: str, text: str) -> None:
    """OpenTofu takes `main.tofu` instead of `main.tf`: a source in it would be loaded unseen."""
    _write(tmp_path, "box/main.tf", "")
    _write(tmp_path, f"box/{name}", text)
    error = _refused(tmp_path)
    assert (error.code, error.facts["file"]) == ("module-source", f"box/{name}")


def test_a_child_module_in_a_tofu_file_is_part_of_its_module(tmp_path: Path) -> None:
    """Its variables count under OpenTofu, and an edit of the child is an edit of the module."""
    _write(tmp_path, "box/main.tofu", 'variable "size" {}\nmodule "m" {\n  source = "../lib"\n}\n')
    _write(tmp_path, "lib/main.tofu", "")
    modules = ModuleDirectory(
        tmp_path / "components",
        archive=tmp_path / "archive",
        cache=tmp_path / "cache",
        engines=lambda _type, _definition: Chosen(Engine.OPENTOFU),
    )
    before = modules.module("box")
    assert before is not None
    assert before.variables == ("size",)
    _write(tmp_path, "lib/main.tofu", "# edited\n")
    after = modules.module("box")
    assert after is not None
    assert after.digest != before.digest
    assert _module(tmp_path, "box").variables == ()  # Terraform does not read it


OUTSIDE = {
    "a function": 'output "v" {\n  value = file("${path.module}/../../policies/p.json")\n}\n',
    "by a local": 'locals {\n  at = "${path.module}/../../policies"\n}\n'
    'output "v" {\n  value = file("${local.at}/p.json")\n}\n',
    "a part unknown": 'output "v" {\n  value = file("${path.module}/../../policies/${var.name}.json")\n}\n',
    "relative to where it runs": 'output "v" {\n  value = filebase64sha256("../../policies/p.json")\n}\n',
    "fileset": 'output "v" {\n  value = fileset("${path.module}/../../policies", "**/*.{json,txt}")\n}\n',
    "a text for a provider": 'resource "x" "y" {\n  source_dir = "${path.module}/../../policies"\n}\n',
    "a child module": 'module "m" {\n  source = "../lib"\n  path = "${path.root}/../../policies/p.json"\n}\n',
}  # fmt: skip


@pytest.mark.parametrize("text", OUTSIDE.values(), ids=list(OUTSIDE))
def test_a_file_of_the_repository_counts_and_comes_along(tmp_path: Path, text: str) -> None:
    """It is in the digest, in the parts, in the revision and in the archived copy, at its place."""
    (tmp_path / ".git").mkdir()
    _write(tmp_path, "../policies/p.json", "{}")
    _write(tmp_path, "../other.json", "{}")
    _write(tmp_path, "box/main.tf", text)
    _write(tmp_path, "lib/main.tf", 'variable "path" {}\noutput "v" {\n  value = file(var.path)\n}\n')
    modules = _modules(tmp_path)
    before = modules.module("box")
    assert before is not None
    assert "../policies/p.json" in modules.parts("box")
    assert "../other.json" not in modules.parts("box")
    kept = modules.archived(modules.archive(before), "box")
    assert kept is not None
    assert (Path(kept.path) / "../../policies/p.json").read_text() == "{}"
    revision = modules.revision()
    _write(tmp_path, "../policies/p.json", '{"a": 1}')
    assert modules.revision() != revision
    after = modules.module("box")
    assert after is not None
    assert after.digest != before.digest
    assert _modules(tmp_path).archived(before.digest, "box") == kept


def test_a_child_module_beside_the_modules_directory_is_part_of_its_module(tmp_path: Path) -> None:
    """As many repositories have it, `modules` beside what is deployed; its own children, too."""
    (tmp_path / ".git").mkdir()
    _write(tmp_path, "../modules/net/main.tf", 'module "tags" {\n  source = "../tags"\n}\n')
    tags = _write(tmp_path, "../modules/tags/main.tf", 'output "v" {\n  value = 1\n}\n')
    _write(tmp_path, "box/main.tf", 'module "net" {\n  source = "../../modules/net"\n}\n')
    modules = _modules(tmp_path)
    before = modules.module("box")
    assert before is not None
    assert modules.parts("box") == ("box", "../modules/net", "../modules/tags")
    kept = modules.archived(modules.archive(before), "box")
    assert kept is not None
    assert (Path(kept.path) / "../../modules/tags/main.tf").read_text() == tags.read_text()
    revision = modules.revision()
    tags.write_text('output "v" {\n  value = 2\n}\n')
    assert modules.revision() != revision
    after = modules.module("box")
    assert after is not None
    assert after.digest != before.digest


@pytest.mark.parametrize("source", ["../../../elsewhere", "../..", "../../modules/link"])
def test_a_child_module_outside_the_repository_is_refused(tmp_path: Path, source: str) -> None:
    """Nor may it be a directory that holds all modules, or lead out by a link."""
    root = tmp_path / "repository"
    (root / ".git").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/main.tf").write_text("")
    (root / "modules").mkdir()
    (root / "modules/link").symlink_to(tmp_path / "elsewhere")
    _write(root, "box/main.tf", f'module "m" {{\n  source = "{source}"\n}}\n')
    assert _refused(root).code in {"module-source", "module-unreadable"}


def test_what_a_template_reads_of_a_runtime_is_known_key_by_key(tmp_path: Path) -> None:
    """The text is kept with the facts, so that a process without modules evaluates it, too."""
    _write(tmp_path, "box/user.tftpl", "%{ for k in keys ~}\n${k}\n%{ endfor ~}\n${vpc.cidr}")
    _write(
        tmp_path,
        "box/main.tf",
        'output "v" {\n  value = templatefile("${path.module}/user.tftpl", '
        '{ keys = [], vpc = var.dependencies["vpc/core"] })\n}\n',
    )
    facts = _modules(tmp_path).facts("box")
    assert facts is not None
    inputs = Inputs(address="box/a", prefix="/iac", variables={})
    reading = read_component(compile_facts(decode(encode(facts))), inputs)
    assert {address: sorted(read.keys) for address, read in reading.reads.items()} == {"vpc/core": ["cidr"]}
    assert not reading.reads["vpc/core"].whole


@pytest.mark.parametrize("path", ["/etc/hostname", "~/.ssh/id_rsa.pub", "${path.module}/../../../x.json"])
def test_a_file_outside_the_repository_is_refused(tmp_path: Path, path: str) -> None:
    """With the place of the read, and the rule."""
    (tmp_path / ".git").mkdir()
    _write(tmp_path, "box/main.tf", f'output "v" {{\n  value = file("{path}")\n}}\n')
    error = _refused(tmp_path)
    assert (error.code, error.facts["file"]) == ("outside-file", "main.tf:2")
    assert "outside the repository" in str(error)


def test_the_beginning_of_a_path_brings_nothing_along(tmp_path: Path) -> None:
    """`"${path.module}/../.."` is a directory that holds the module; what is read in it is seen by itself."""
    (tmp_path / ".git").mkdir()
    _write(tmp_path, "../huge.bin", "x")
    _write(tmp_path, "box/main.tf", 'locals {\n  root = "${path.module}/../.."\n}\n')
    assert _modules(tmp_path).parts("box") == ("box",)


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each version of a module is archived with all of them."""
    monkeypatch.setattr(module_files, "MAX_OUTSIDE_FILES", 2)
    (tmp_path / ".git").mkdir()
    for name in "abc":
        _write(tmp_path, f"../policies/{name}.json", "{}")
    _write(tmp_path, "box/main.tf", OUTSIDE["a text for a provider"])
    assert _refused(tmp_path).code == "outside-file"


@pytest.mark.parametrize("name", ["main.tf~", ".main.tf.swp", ".#main.tf", ".DS_Store", "x.tfstate.backup"])
def test_what_editors_leave_behind_is_no_part_of_a_module(tmp_path: Path, name: str) -> None:
    """Saving a file in an editor is no change of a module before it is saved."""
    _write(tmp_path, "box/main.tf", "")
    before = _module(tmp_path).digest
    _write(tmp_path, f"box/{name}", "x")
    assert _module(tmp_path).digest == before


def test_allowed_sources(tmp_path: Path) -> None:
    """A pattern allows what it matches, and nothing else."""
    _write(tmp_path, "box/main.tf", 'module "m" {\n  source = "terraform-aws-modules/vpc/aws"\n}\n')
    assert _module(tmp_path, "box", "terraform-aws-modules/*").type == "box"
    with pytest.raises(BadInput):
        _module(tmp_path, "box", "other/*")


def test_links(tmp_path: Path) -> None:
    """Links inside the root are followed; those that leave it, loop, or lead nowhere are refused."""
    _write(tmp_path, "box/main.tf")
    shared = _write(tmp_path, "lib/data.txt", "1")
    (tmp_path / "secret").write_text("x")
    link = tmp_path / "components/box/link"
    link.symlink_to(shared)
    before = _module(tmp_path).digest
    shared.write_text("2")
    assert _module(tmp_path).digest != before
    for target in (tmp_path / "secret", tmp_path, tmp_path / "components/box", tmp_path / "absent"):
        link.unlink()
        link.symlink_to(target)
        assert _refused(tmp_path).code == "module-unreadable"
    link.unlink()
    os.mkfifo(link)
    assert _refused(tmp_path).code == "module-unreadable"


def test_a_type_that_is_a_link_out_of_the_root_is_refused(tmp_path: Path) -> None:
    """The type's directory itself is held to the same rule."""
    (tmp_path / "components").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other/main.tf").write_text("")
    (tmp_path / "components/box").symlink_to(tmp_path / "other")
    assert _refused(tmp_path).code == "module-unreadable"


def test_an_unreadable_module_stops_its_type_only(tmp_path: Path) -> None:
    """A syntax error has file, line and column; other types are read."""
    _write(tmp_path, "box/main.tf", "a {\n  x = [1,\n}\n")
    _write(tmp_path, "can/main.tf")
    error = _refused(tmp_path)
    assert (error.code, error.facts["file"], error.facts["line"]) == ("module-unreadable", "box/main.tf", 3)
    assert _module(tmp_path, "can").type == "can"


def test_facts_come_with_the_module_and_are_kept(tmp_path: Path) -> None:
    """Child modules included; read once, and from the cache in the next process; anew when a file changes."""
    _write(tmp_path, "box/main.tf", 'module "m" {\n  source = "../lib"\n  d = var.dependencies\n}\n')
    _write(tmp_path, "lib/main.tf", 'variable "d" {}\noutput "x" {\n  value = var.d["a/b"].k\n}\n')
    facts = _modules(tmp_path).facts("box")
    assert facts is not None
    assert facts.body.children["m"].used
    assert _modules(tmp_path).facts("box") == facts
    _write(tmp_path, "lib/main.tf", 'variable "d" {}\n')
    assert _modules(tmp_path).facts("box") != facts
    assert _modules(tmp_path).facts("absent") is None


def _settled(root: Path) -> None:
    """Wait until no file is freshly changed."""
    assert root.exists()
    time.sleep(module_files.RACY_SECONDS * 1.5)


def test_unchanged_modules_are_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in this process nor in the next: stamps are compared, files are not opened."""
    _write(tmp_path, "box/main.tf", 'variable "a" {}\nmodule "m" {\n  source = "../lib"\n}\n')
    child = _write(tmp_path, "lib/main.tf")
    _settled(tmp_path)
    modules = _modules(tmp_path)
    first = modules.module("box")

    def fail(*_: object) -> None:
        raise AssertionError("read again")

    with monkeypatch.context() as patch:
        patch.setattr(module_facts, "read", fail)
        patch.setattr(module_files, "content_digest", fail)
        assert modules.module("box") == first
        assert _modules(tmp_path).module("box") == first
    child.write_text('variable "b" {}\n')
    assert modules.module("box") != first


def test_a_change_right_after_a_read_is_seen(tmp_path: Path) -> None:
    """Same size, same kernel tick: a freshly changed file is never taken from the cache."""
    path = _write(tmp_path, "box/main.tf", "# 0000")
    modules = _modules(tmp_path)
    digests, revisions = set(), set()
    for n in range(50):
        path.write_text(f"# {n:04}")
        module = modules.module("box")
        assert module is not None
        digests.add(module.digest)
        revisions.add(modules.revision())
    assert (len(digests), len(revisions)) == (50, 50)


def test_a_fresh_file_has_no_stamp_to_rely_on() -> None:
    """A file whose time is this kernel tick's may change within it; an older one cannot unseen."""

    def file(age_seconds: float) -> module_files.ModuleFile:
        changed = time.time_ns() - int(age_seconds * 1e9)
        return module_files.ModuleFile("a", 1, changed, changed, 1, False)

    fresh, old = file(0), file(1)
    assert module_files.stamp([fresh]) != module_files.stamp([fresh])
    assert module_files.stamp([old]) == module_files.stamp([old])


def test_revision_stands_still_with_the_files(tmp_path: Path) -> None:
    """The same token until anything below the root changes, component.yaml and deletions included."""
    _write(tmp_path, "box/main.tf")
    gone = _write(tmp_path, "box/component.yaml")
    _settled(tmp_path)
    modules = _modules(tmp_path)
    before = modules.revision()
    assert modules.revision() == before
    gone.unlink()
    assert modules.revision() != before


def test_a_broken_cache_is_read_anew(tmp_path: Path) -> None:
    """A cache file that is not what was written is no error."""
    _write(tmp_path, "box/main.tf")
    first = _module(tmp_path)
    (tmp_path / "cache/box.json").write_text("{")
    assert _module(tmp_path) == first


def test_the_archive_is_an_exact_copy(tmp_path: Path) -> None:
    """Same relative places, read-only, found without the original; nothing half-made stays."""
    _write(tmp_path, "box/main.tf", 'variable "a" {}\nmodule "m" {\n  source = "../lib"\n}\n')
    _write(tmp_path, "lib/main.tf")
    script = _write(tmp_path, "box/run.sh", "true")
    script.chmod(0o755)
    modules = _modules(tmp_path)
    module = modules.module("box")
    assert module is not None
    assert modules.archived(module.digest, "box") is None
    assert modules.archive(module) == module.digest
    assert modules.archive(module) == module.digest
    shutil.rmtree(tmp_path / "components")
    kept = modules.archived(module.digest, "box")
    assert kept is not None
    place = tmp_path / "archive" / module.digest.removeprefix("sha256:")
    assert kept.path == str(place / "components/box")
    assert (kept.digest, kept.variables) == (module.digest, ("a",))
    files = {
        str(p.relative_to(place)): oct(p.stat().st_mode & 0o777) for p in place.rglob("*") if p.is_file()
    }
    assert files == {
        "components/box/main.tf": "0o444",
        "components/box/run.sh": "0o555",
        "components/lib/main.tf": "0o444",
        "module.json": "0o644",
        "module.sha256": "0o644",
    }
    assert [p.name for p in (tmp_path / "archive").iterdir()] == [place.name]
    assert modules.archived(module.digest, "can") is None
    assert modules.archived("sha256:../../etc", "box") is None


@pytest.mark.parametrize(
    "name", ["components/box/main.tf", "components/lib/main.tf", "module.json", "module.sha256"]
)
def test_a_damaged_copy_is_not_used(tmp_path: Path, name: str) -> None:
    """It is made again where the module is still there, and is `module-damaged` where it is not."""
    _write(tmp_path, "box/main.tf", 'variable "a" {}\nmodule "m" {\n  source = "../lib"\n}\n')
    _write(tmp_path, "lib/main.tf", "# 1\n")
    module = _module(tmp_path)
    _modules(tmp_path).archive(module)
    path = tmp_path / "archive" / module.digest.removeprefix("sha256:") / name
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"a", b"b", 1) + b" ")
    with pytest.raises(BadInput) as caught:
        _modules(tmp_path).archived(module.digest, "box")
    assert caught.value.code == "module-damaged"
    modules = _modules(tmp_path)
    modules.archive(module)
    kept = modules.archived(module.digest, "box")
    assert kept is not None
    assert kept.variables == ("a",)


def test_a_module_that_changed_is_not_archived_as_the_old_one(tmp_path: Path) -> None:
    """The copy under a digest has that digest, or there is none."""
    _write(tmp_path, "box/main.tf", "# 1\n")
    modules = _modules(tmp_path)
    module = modules.module("box")
    assert module is not None
    _write(tmp_path, "box/main.tf", "# 2\n")
    with pytest.raises(Conflict):
        modules.archive(module)
    assert modules.archived(module.digest, "box") is None


def test_definitions(tmp_path: Path) -> None:
    """A mapping is returned as it is; no file, no definition; a link out of the root is refused."""
    path = _write(tmp_path, "box/component.yaml", "references:\n  zone: dns\nprotected: true\n")
    modules = _modules(tmp_path)
    assert modules.definition("box") == {"references": {"zone": "dns"}, "protected": True}
    assert modules.definition("can") is None
    path.unlink()
    (tmp_path / "elsewhere").write_text("a: 1\n")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadInput):
        modules.definition("box")


def test_an_archived_module_keeps_its_facts(tmp_path: Path) -> None:
    """They are those of the files at that time, child modules included, whatever the work tree holds now."""
    root = tmp_path / "components"
    modules = ModuleDirectory(root, archive=tmp_path / "archive", cache=tmp_path / "cache")
    for name, text in {
        "box/main.tf": 'module "inner" {\n  source = "../shared"\n}\n',
        "shared/main.tf": 'data "aws_ssm_parameter" "a" {\n  name = "/iac/a/b/runtime"\n}\n',
    }.items():
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text(text)
    module, facts = modules.module("box"), modules.facts("box")
    assert module is not None
    assert facts is not None
    assert facts.reads_parameters
    modules.archive(module)
    (root / "shared/main.tf").write_text("locals {\n  a = 1\n}\n")
    assert modules.facts("box") != facts
    assert modules.archived_facts(module.digest, "box") == facts
    assert modules.archived_facts("sha256:" + 64 * "0", "box") is None


def test_the_parts_of_a_module_are_all_that_its_digest_covers(tmp_path: Path) -> None:
    """Its own directory, child modules at any depth, and what links to files and directories lead to."""
    _write(tmp_path, "box/main.tf", 'module "m" {\n  source = "../_shared/one"\n}\n')
    _write(tmp_path, "_shared/one/main.tf", 'module "m" {\n  source = "../../_deep"\n}\n')
    _write(tmp_path, "_deep/main.tf")
    _write(tmp_path, "_texts/policy.json", "{}")
    _write(tmp_path, "_more/a.json", "{}")
    (tmp_path / "components/_deep/policy.json").symlink_to("../_texts/policy.json")
    (tmp_path / "components/box/more").symlink_to("../_more")
    _write(tmp_path, "bare/component.yaml")
    modules = _modules(tmp_path)
    assert modules.parts("box") == ("box", "_shared/one", "_deep", "_more", "_texts/policy.json")
    assert modules.parts("bare") == ("bare",)
